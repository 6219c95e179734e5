"""A web server and a worker as real processes, on a database that tests share one after another."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from tests import databases
from tests.databases import database_url
from tests.settings import TEMPLATE, WORKER
from yinghu.config.environment import DEMO_CONSENT

# Rows of the live worker itself, which lives on when a test has ended.
_KEPT = ("django_migrations", "procrastinate_workers")
_PATIENCE = 30.0
HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> Any:
    """The first true answer of `condition`; AssertionError if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.02)
    return answer


def answers(url: str) -> bool:
    """Whether a GET of this address gets a 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # our own server
            return bool(response.status == 200)
    except OSError:
        return False


@dataclass
class Live:
    """Processes of Yinghu, serving `url` on the database `name`."""

    name: str
    url: str
    home: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    baseline: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    guarded: set[str] = field(default_factory=set)
    read_to: dict[str, int] = field(default_factory=dict)

    @classmethod
    def start(cls) -> Live:
        """Start the processes on a database of their own."""
        name = f"{TEMPLATE}_{WORKER}_live"
        databases.copy_template(name)
        live = cls(name, f"http://{HOST}:{free_port()}", settings.HOME)
        live.remember()
        for process in ("web", "worker"):
            live.launch(process)
        live.wait_for_web()
        return live

    def log(self, process: str) -> Path:
        """Where a process writes what it says."""
        return self.home / f"{process}.log"

    def launch(self, process: str) -> None:
        """Start `web` or `worker`."""
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(self.name),
            "YINGHU_HOME": str(self.home),
            "YINGHU_DEMO": DEMO_CONSENT,
            "PORT": self.url.rpartition(":")[2],
            "DJANGO_SETTINGS_MODULE": "yinghu.config.settings",
        }
        with self.log(process).open("ab") as log:
            self.processes[process] = subprocess.Popen(
                [sys.executable, "-m", "yinghu", process, f"--parent={os.getpid()}"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for_web(self) -> None:
        """Return when the web server answers."""

        def ready() -> bool:
            said = self.log("web").read_text("utf-8")
            assert self.processes["web"].poll() is None, f"the web server ended:\n{said}"
            return answers(f"{self.url}/healthz")

        until(ready, "the web server")

    def end(self) -> None:
        """Stop the processes and drop the database."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(_PATIENCE)
        databases.drop(self.name)

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """For one test: its queries go to the live database, which is put back afterwards."""
        self.forgive()
        try:
            with databases.queries_go_to(self.name):
                yield
                self.drain()
                assert self.tracebacks() == ""
        finally:
            self.put_back()

    def drain(self) -> None:
        """Return when the worker has done every job that is due."""
        due = (
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' OR status = 'todo' "
            "AND coalesce(scheduled_at, now()) <= now()"
        )
        with psycopg.connect(database_url(self.name), autocommit=True) as watcher:

            def idle() -> bool:
                row = watcher.execute(due).fetchone()
                return row is not None and row[0] == 0

            try:
                until(idle, "the worker to finish its jobs")
            except AssertionError as late:
                left = watcher.execute(
                    "SELECT j.id, task_name, status, lock, attempts, scheduled_at, worker_id, "
                    "w.last_heartbeat, now() FROM procrastinate_jobs j "
                    "LEFT JOIN procrastinate_workers w ON w.id = worker_id ORDER BY j.id LIMIT 9"
                ).fetchall()
                ended = self.processes["worker"].poll()
                said = self.log("worker").read_text("utf-8", "replace")[-2000:]
                rows = "\n".join(map(str, left))
                raise AssertionError(f"{late}\n{rows}\nworker ended: {ended}\n{said}") from late

    def tracebacks(self) -> str:
        """What the processes logged since the test began, if a traceback is in it."""
        said = ""
        for name in self.processes:
            with self.log(name).open("rb") as log:
                log.seek(self.read_to.get(name, 0))
                text = log.read().decode("utf-8", "replace")
            if "Traceback (most recent call last)" in text:
                said += f"--- {name}\n{text}"
        return said

    def forgive(self) -> None:
        """Let the tracebacks logged so far not fail the test, which caused them on purpose."""
        self.read_to = {name: self.log(name).stat().st_size for name in self.processes}

    def remember(self) -> None:
        """Note what every table holds, as what each test begins with."""
        with psycopg.connect(database_url(self.name)) as db:
            tables = db.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition "
                "AND relnamespace = 'public'::regnamespace ORDER BY 1"
            ).fetchall()
            for (table,) in tables:
                if table in _KEPT:
                    continue
                copy = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
                with db.cursor().copy(copy) as rows:
                    self.baseline[table] = b"".join(bytes(row) for row in rows)
            guarded = db.execute(
                "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid "
                "WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            self.guarded = {table for (table,) in guarded}
            self.seen = self._look(db)

    def put_back(self) -> None:
        """Make the tables what they were before the test, past the triggers that guard them."""
        until(self._put_back, "requests and jobs that outlived their test to end")

    def _put_back(self) -> bool:
        """Whether nobody was in the way."""
        try:
            with psycopg.connect(database_url(self.name)) as db:
                db.execute("SET LOCAL lock_timeout = '10s'")
                # In the order in which the worker takes them, which would else be the one to fail
                # at a deadlock, and end.
                db.execute("LOCK TABLE procrastinate_periodic_defers, procrastinate_jobs")
                doing = db.execute("SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'")
                if doing.fetchone() is not None:
                    return False
                self._refill(db)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
            return False
        return True

    def _look(self, db: psycopg.Connection) -> dict[str, tuple[int, int]]:
        """Of every table, how many rows it has, and the newest transaction that wrote one.

        Whatever changes a table changes one of the two.
        """
        one = "SELECT {}, count(*), coalesce(max(xmin::text::bigint), 0) FROM {}"
        every = [
            sql.SQL(one).format(sql.Literal(table), sql.Identifier(table))
            for table in self.baseline
        ]
        rows = db.execute(sql.SQL(" UNION ALL ").join(every)).fetchall()
        return {table: (count, newest) for table, count, newest in rows}

    def _refill(self, db: psycopg.Connection) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, self.baseline))
        # Whoever still writes for the last test is waited for.
        db.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))
        now = self._look(db)
        changed = [table for table in self.baseline if now[table] != self.seen[table]]
        db.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in self.guarded.intersection(changed):
            name = sql.Identifier(table)
            db.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        # Ids go on: what a server still writes for the last test must not meet the next one's rows.
        # Backwards, since periodic defers of jobs hold these, and that is no deferrable constraint.
        for table in reversed(changed):
            db.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        for table in changed:
            if rows := self.baseline[table]:
                copy = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with db.cursor().copy(copy) as target:
                    target.write(rows)
        db.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in self.guarded.intersection(changed):
            name = sql.Identifier(table)
            db.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))
        self.seen = self._look(db)
