"""`yinghu up`: started, started again, interrupted, and killed at its worst moments."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from benchmarks.databases import drop_database
from benchmarks.processes import free_port
from tests.databases import database_url
from tests.live import answers, until
from tests.settings import SCRATCH
from yinghu.config import PROJECT
from yinghu.server import embedded
from yinghu.server.cluster import Cluster, processes

STARTUP_SECONDS = 120.0


class Up:
    """One run of `yinghu up` in a home of its own, and everything that belongs to it."""

    def __init__(self, home: Path, port: int, **given: str) -> None:
        self.home, self.port = home, port
        self.url = f"http://127.0.0.1:{port}"
        self.log = home.parent / "log"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "yinghu", "up"],
                cwd=PROJECT,
                env={**inherited, "YINGHU_HOME": str(home), "PORT": str(port), **given},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        return self.log.read_text("utf-8")

    def wait_until_it_serves(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.said()
            return answers(f"{self.url}/healthz") and "Ctrl-C stops it" in self.said()

        until(ready, "yinghu up to serve", STARTUP_SECONDS)

    def child(self, name: str) -> int:
        """Process id of `web` or `worker`; 0 while there is none."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in map(int, children.read_text().split()):
            line = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if line[2:4] == ["yinghu", name]:
                return pid
        return 0

    def remains(self) -> list[str]:
        """Command lines of every process that belongs to this home, whoever its parent is."""
        found = [f"postgres {pid}" for pid in processes(Cluster(self.home))]
        mark = f"YINGHU_HOME={self.home}\0".encode()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (folder / "environ").read_bytes():
                        found.append((folder / "cmdline").read_text().replace("\0", " "))
        return found

    def database(self) -> psycopg.Connection:
        return psycopg.connect(embedded.url(self.home), autocommit=True)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="yh-up-", dir=SCRATCH) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@contextlib.contextmanager
def up(home: Path, **given: str) -> Iterator[Up]:
    run = Up(home, free_port(), **given)
    try:
        run.wait_until_it_serves()
        yield run
    finally:
        if run.process.poll() is None:
            run.stop(signal.SIGTERM)
        with contextlib.suppress(AssertionError):
            until(lambda: run.remains() == [], "its processes to end", 30)
        assert run.remains() == []


def seen_by_others(home: Path) -> list[str]:
    """What another user of the machine could read or change; passing through is let."""
    found = []
    for path in home.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & (0o066 if stat.S_ISDIR(mode) else 0o077):
                found.append(f"{stat.filemode(mode)} {path}")
    return found


@dataclass(frozen=True)
class FirstStart:
    """What was seen of a first start, and the home that it left."""

    home: Path
    port: int
    url: str
    said: str
    served: bool
    people: int
    seen_by_others: list[str]
    code: int
    remains: list[str]


def people_in(run: Up) -> int:
    with run.database() as db:
        counted = db.execute("SELECT count(*) FROM people_user").fetchone()
    assert counted is not None
    return int(counted[0])


@pytest.fixture(scope="module")
def first_start() -> Iterator[FirstStart]:
    """A first start, served and ended by Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="yh-up-", dir=SCRATCH) as name:
        Path(name).chmod(0o711)
        home = Path(name) / "var"
        with up(home) as run:
            said, served, people = run.said(), answers(f"{run.url}/"), people_in(run)
            seen = seen_by_others(home)
            code = run.stop(signal.SIGINT)
            remains = run.remains()
            assert "Traceback" not in run.said()
        yield FirstStart(home, run.port, run.url, said, served, people, seen, code, remains)


@pytest.fixture
def home(folder: Path, first_start: FirstStart) -> Path:
    """A home that was set up before: a copy of the one that the first start left."""
    subprocess.run(["cp", "-a", first_start.home, folder / "var"], check=True)
    return folder / "var"


@pytest.mark.embedded
def test_first_start_and_ctrl_c(first_start: FirstStart) -> None:
    assert f"{first_start.url}/" in first_start.said
    assert re.search(r"clerk .*研判员", first_start.said)
    assert first_start.served
    assert first_start.people > 10
    assert first_start.seen_by_others == []
    assert first_start.code == 0
    assert first_start.remains == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", first_start.port))


def another(run: Up, name: str, before: int) -> bool:
    return run.child(name) not in {0, before}


@pytest.mark.embedded
def test_at_a_second_start_what_is_killed_comes_back_and_nothing_is_lost(
    home: Path, first_start: FirstStart
) -> None:
    with up(home) as run:
        assert "demo city loaded" not in run.said()
        assert people_in(run) == first_start.people
        before = {name: run.child(name) for name in ("web", "worker")}
        for name, pid in before.items():
            os.kill(pid, signal.SIGKILL)
            until(functools.partial(another, run, name, pid), f"a new {name}")
        until(lambda: answers(f"{run.url}/healthz"), "the web after it was killed")

        with run.database() as db:
            db.execute("CREATE TABLE kept AS SELECT generate_series(1, 100) AS id")
        data = run.home / "postgres" / "data" / "postmaster.pid"
        postmaster = int(data.read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        until(
            lambda: data.exists() and int(data.read_text().split()[0]) != postmaster,
            "a new database server",
        )
        until(lambda: answers(f"{run.url}/healthz"), "the web after the database was killed")
        with run.database() as db:
            assert db.execute("SELECT count(*) FROM kept").fetchone() == (100,)
            # A job that is queued now finds a worker that lives.
            db.execute(
                "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW("
                "'default', 'yinghu.sweep', 0, NULL, NULL, '{\"timestamp\": 0}', NULL"
                ")::procrastinate_job_to_defer_v1])"
            )
            # Others may have failed with the database, and wait for their next turn.
            jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'yinghu.sweep'"
            until(lambda: db.execute(jobs).fetchone() == (0,), "the job to be done", 60)


@pytest.mark.embedded
def test_a_killed_supervisor_leaves_nothing_and_all_killed_at_once_are_whole_again(
    home: Path, first_start: FirstStart
) -> None:
    with up(home) as run:
        run.process.kill()
        run.process.wait()
        until(lambda: run.remains() == [], "everything to end by itself", 30)
    with up(home) as run:
        assert answers(f"{run.url}/")
        pids = [run.process.pid, run.child("web"), run.child("worker")]
        for pid in [*pids, *processes(Cluster(run.home))]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.process.wait()
        until(lambda: run.remains() == [], "everything to end", 30)
    with up(home) as again:
        assert people_in(again) == first_start.people


@pytest.mark.embedded
def test_a_port_in_use_is_said_before_anything_starts(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = Up(folder / "var", taken.getsockname()[1])
        assert run.process.wait(60) == 1
    assert "something else listens there" in run.said()
    assert run.remains() == []


@pytest.mark.process
def test_on_a_database_of_ones_own_no_server_is_started_and_the_demo_is_off(folder: Path) -> None:
    name = f"{folder.name.replace('-', '_')}_own"
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            with up(folder / "var", DATABASE_URL=database_url(name)) as run:
                assert "clerk" not in run.said()
                assert not (run.home / "postgres").exists()
                with psycopg.connect(database_url(name)) as db:
                    assert db.execute("SELECT count(*) FROM people_user").fetchone() == (0,)
        finally:
            drop_database(admin, name)


def test_a_bad_environment_is_said_in_one_line_each(folder: Path) -> None:
    run = Up(folder / "var", 8000, YINGHU_DEMO="perhaps", HOST="here")
    assert run.process.wait(60) == 2
    assert run.said().splitlines() == [
        "yinghu: HOST: must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0",
        "yinghu: YINGHU_DEMO: must be on, off or yes-this-is-a-demo",
    ]


def test_run_says_what_is_missing() -> None:
    for arguments, given, words in (
        (["--serve"], {}, "unknown argument --serve"),
        ([], {"PYTHON": shutil.which("false") or "false"}, "no Python 3.11 or later found"),
    ):
        done = subprocess.run(
            [PROJECT / "run", *arguments],
            env={**os.environ, **given},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert words in done.stderr
