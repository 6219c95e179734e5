"""Runs of `yinghu up`, each in its own home, for tests that kill them."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from benchmarks.processes import free_port
from tests import databases
from tests.live import answers, until
from tests.settings import EMPTY, SCRATCH
from yinghu.config import PROJECT
from yinghu.server import embedded
from yinghu.server.cluster import Cluster, processes

STARTUP_SECONDS = 120.0


class Up:
    """One run of `yinghu up` in its own home, with its processes and database."""

    def __init__(self, home: Path, port: int, **given: str) -> None:
        self.home, self.port = home, port
        self.url = f"http://127.0.0.1:{port}"
        self.log = home.parent / "log"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
        }
        self.environment = {**inherited, "YINGHU_HOME": str(home), "PORT": str(port), **given}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "yinghu", "up"],
                cwd=PROJECT,
                env=self.environment,
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
        """Command lines of all processes of this home, including orphans."""
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
def own_folder() -> Iterator[Path]:
    """A folder that other users may traverse, as a database's must be; in memory if possible."""
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


@pytest.fixture
def own_run(own_folder: Path) -> Iterator[Up]:
    """`yinghu up` on an empty external database, thus without the demo."""
    name = f"{own_folder.name.replace('-', '_')}_own"
    databases.copy_template(name, EMPTY)
    try:
        with up(own_folder / "var", DATABASE_URL=databases.database_url(name)) as run:
            yield run
    finally:
        databases.drop(name)


def seen_by_others(home: Path) -> list[str]:
    """Paths that another user of the machine could read or change; traversing is allowed."""
    found = []
    for path in home.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & (0o066 if stat.S_ISDIR(mode) else 0o077):
                found.append(f"{stat.filemode(mode)} {path}")
    return found


@dataclass(frozen=True)
class FirstStart:
    """What a first start did, and the home that it left."""

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


@pytest.fixture(scope="session")
def first_start() -> Iterator[FirstStart]:
    """A first start, stopped by Ctrl-C after it has served a page."""
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
def own_home(own_folder: Path, first_start: FirstStart) -> Path:
    """A home that is already set up: a copy of the one that `first_start` left."""
    subprocess.run(["cp", "-a", first_start.home, own_folder / "var"], check=True)
    return own_folder / "var"
