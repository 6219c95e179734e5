"""The embedded database server: shared, stopped by its last user, intact after any kill."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.live import until
from tests.settings import SCRATCH
from yinghu.config import PROJECT
from yinghu.server import embedded
from yinghu.server.cluster import Cluster, EmbeddedError, binary, processes

pytestmark = pytest.mark.embedded

HOLD = """
import sys
from pathlib import Path
from yinghu.server import embedded
with embedded.run_server(Path(sys.argv[1]), durable=False):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="yh-", dir=SCRATCH) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
        leftover = processes(Cluster(Path(folder)))
        for pid in leftover:
            os.kill(pid, signal.SIGKILL)
        assert leftover == []


@contextlib.contextmanager
def holder(home: Path, *wrapper: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until its input ends."""
    with subprocess.Popen(
        [*wrapper, sys.executable, "-c", HOLD, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said == "up\n", process.communicate()[1]
        yield process
        process.communicate()


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def test_role_is_no_superuser_and_the_database_is_set_up(home: Path) -> None:
    with embedded.run_server(home, durable=False) as url, psycopg.connect(url) as db:
        row = db.execute(
            "SELECT current_user, current_database(), current_setting('server_encoding'), "
            "current_setting('listen_addresses'), current_setting('is_superuser'), "
            "lower('ÄÖ'), current_setting('server_version_num')::int / 10000"
        ).fetchone()
    assert row == ("yinghu", "yinghu", "UTF8", "", "off", "äö", 18)


def test_server_is_durable_by_default(home: Path) -> None:
    with embedded.run_server(home) as url, psycopg.connect(url) as db:
        names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")
        assert [db.execute(f"SHOW {name}").fetchone() for name in names] == [("on",)] * 4


def test_last_user_stops_the_server(home: Path) -> None:
    with embedded.run_server(home, durable=False) as url:
        first = postmaster(home)
        with holder(home):
            assert postmaster(home) == first
        psycopg.connect(url).close()
        with holder(home):
            pass
        assert postmaster(home) == first
    assert not embedded.is_up(home)
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()


def test_server_outlives_its_starter_while_in_use(home: Path) -> None:
    with holder(home) as starter:
        with embedded.run_server(home, durable=False) as url:
            starter.communicate()
            psycopg.connect(url).close()
        assert not embedded.is_up(home)


def test_killed_users_do_not_count_as_users(home: Path) -> None:
    with holder(home) as killed:
        killed.kill()
        killed.wait()
    assert embedded.is_up(home)
    with embedded.run_server(home, durable=False):
        pass
    assert not embedded.is_up(home)


def test_killed_server_restarts_with_all_committed_data(home: Path) -> None:
    with embedded.run_server(home) as url:
        with psycopg.connect(url) as db:
            db.execute("CREATE TABLE kept (id int)")
            db.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
        os.kill(postmaster(home), signal.SIGKILL)
        until(lambda: not embedded.is_up(home), "the server to die")
        with embedded.run_server(home) as again, psycopg.connect(again) as db:
            assert db.execute("SELECT count(*), sum(id) FROM kept").fetchone() == (1000, 500500)


def test_stale_pid_file_naming_another_process_is_ignored(home: Path) -> None:
    with embedded.run_server(home, durable=False):
        pass
    (home / "postgres" / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n/nowhere\n")
    assert not embedded.is_up(home)
    with embedded.run_server(home, durable=False) as url:
        psycopg.connect(url).close()


def test_other_users_of_the_machine_cannot_connect(home: Path) -> None:
    with embedded.run_server(home, durable=False) as url:
        for role in ("yinghu", "postgres"):
            script = f"import psycopg; psycopg.connect({url.replace('yinghu@', role + '@')!r})"
            if os.geteuid() == 0:
                # An ordinary user cannot even reach the socket.
                wrapper = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
                done = subprocess.run(
                    [*wrapper, sys.executable, "-c", script], capture_output=True, text=True
                )
                assert "Permission denied" in done.stderr
        rules = (home / "postgres" / "data" / "pg_hba.conf").read_text()
        assert rules == "local all all peer map=yinghu\n"


def test_socket_is_elsewhere_for_a_long_home_path() -> None:
    with tempfile.TemporaryDirectory(prefix="yh-") as top:
        Path(top).chmod(0o711)
        home = Path(top, *(["a-folder-of-some-length"] * 5))
        home.mkdir(parents=True)
        with embedded.run_server(home, durable=False) as url:
            psycopg.connect(url).close()
            assert str(home) not in url
    assert not embedded.is_up(home)


def test_wheel_contains_the_tools_for_bench_and_backup() -> None:
    for name in ("pgbench", "psql", "pg_dump", "pg_restore"):
        assert os.access(binary(name), os.X_OK)
    with pytest.raises(EmbeddedError, match=r"\./run --setup-only"):
        binary("pg_nothing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_ordinary_user_runs_the_server_as_themselves(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    own = home / "own"
    own.mkdir()
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    python = Path(sys.executable).resolve()
    wrapper = ["setpriv", "--reuid=nobody", f"--regid={nobody.pw_gid}", "--clear-groups"]
    tried = subprocess.run([*wrapper, python, "-c", ""], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this Python lies where an ordinary user cannot read it: {tried.stderr}")
    with holder(own, *wrapper):
        assert (own / "postgres" / "data").stat().st_uid == nobody.pw_uid
        assert Path(f"/proc/{postmaster(own)}").stat().st_uid == nobody.pw_uid
    assert not embedded.is_up(own)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes the system user")
def test_root_runs_as_system_user_and_opens_the_path(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private = home / "private"
    private.mkdir(mode=0o700)
    with embedded.run_server(private / "var", durable=False):
        owner = pwd.getpwnam("yinghu").pw_uid
        assert Path(f"/proc/{postmaster(private / 'var')}").stat().st_uid == owner
    assert private.stat().st_mode & 0o777 == 0o701
    assert f"{private}: yinghu may now pass through it" in capsys.readouterr().err


def test_server_listens_on_no_tcp_port(home: Path) -> None:
    with embedded.run_server(home, durable=False):
        # Children inherit its sockets and open none of their own.
        files = Path(f"/proc/{postmaster(home)}/fd").iterdir()
        sockets = {re.sub(r"socket:\[(\d+)\]", r"\1", os.readlink(link)) for link in files}
        listening = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        ]
        assert [fields[1] for fields in listening if fields[9] in sockets] == []
