"""Web server and worker as real processes, on a database restored after each test."""

from __future__ import annotations

import contextlib
import os
import re
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

from benchmarks.processes import free_port
from tests import databases
from tests.databases import database_url
from tests.settings import TEMPLATE, WORKER
from yinghu.config.environment import DEMO_CONSENT

# Tables with rows of the running worker, which outlives the test.
_KEPT = ("django_migrations", "procrastinate_workers")
_PATIENCE = 30.0
HOST = "127.0.0.1"


def until(condition: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> Any:
    """Poll `condition`; return its first true result, AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.02)
    return answer


def answers(url: str) -> bool:
    """Does a GET of this URL return 200?"""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # our own server
            return bool(response.status == 200)
    except OSError:
        return False


@dataclass
class Live:
    """Web server at `url` and worker, on the database `name`."""

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
        """Start the processes on a new database."""
        name = f"{TEMPLATE}_{WORKER}_live"
        databases.copy_template(name)
        live = cls(name, f"http://{HOST}:{free_port()}", settings.HOME)
        live.remember()
        for process in ("web", "worker"):
            live.launch(process)
        live.wait_for_web()
        return live

    def log(self, process: str) -> Path:
        """Path of the log of a process."""
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

    def renew_worker(self) -> None:
        """Begin with a new worker, whose log is clean: one that lost its connections may report
        that later, when Python finds the results that nobody fetched.
        """
        worker = self.processes["worker"]
        worker.terminate()
        worker.wait(_PATIENCE)
        self.forgive()
        self.launch("worker")

    def wait_for_web(self) -> None:
        """Wait until the web server answers."""

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
        """Lend the database to one test: its queries use it; restore it afterwards."""
        self.forgive()
        try:
            with databases.queries_go_to(self.name):
                yield
                self.drain()
                logged = self.tracebacks()
                assert not logged, logged
        finally:
            self.restore()

    def requests(self) -> int:
        """Requests that Django is answering now, also those whose client has left."""
        if self.processes["web"].poll() is not None:
            return 0
        url = f"{self.url}/metrics"
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # our own server
            metrics = response.read().decode()
        found = re.search(
            r'^yinghu_http_requests_in_progress\{door="django"\} (\d+)', metrics, re.M
        )
        assert found, metrics
        # Without this request itself.
        return int(found[1]) - 1

    def drain(self) -> None:
        """Wait until no request is being answered and the worker has done all due jobs."""
        until(lambda: not self.requests(), "requests to end")
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
        """Logs of processes with a traceback since the start of the test, else ""."""
        said = ""
        for name in self.processes:
            with self.log(name).open("rb") as log:
                log.seek(self.read_to.get(name, 0))
                text = log.read().decode("utf-8", "replace")
            if "Traceback (most recent call last)" in text:
                said += f"--- {name}\n{text}"
        return said

    def forgive(self) -> None:
        """Ignore tracebacks logged so far, which the test caused on purpose."""
        self.read_to = {name: self.log(name).stat().st_size for name in self.processes}

    def remember(self) -> None:
        """Save the content of all tables as the baseline of each test."""
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
            self.seen = self._fingerprints(db)

    def restore(self) -> None:
        """Restore the baseline, bypassing the triggers that guard the tables."""
        until(self._try_restore, "requests and jobs that outlived their test to end")

    def _try_restore(self) -> bool:
        """Try to restore; return False if requests or jobs were in the way."""
        if self.requests():
            return False
        try:
            with psycopg.connect(database_url(self.name)) as db:
                db.execute("SET LOCAL lock_timeout = '10s'")
                # In the worker's own order, to avoid a deadlock that would end the worker.
                db.execute("LOCK TABLE procrastinate_periodic_defers, procrastinate_jobs")
                doing = db.execute("SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'")
                if doing.fetchone() is not None:
                    return False
                self._restore_tables(db)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
            return False
        return True

    def _fingerprints(self, db: psycopg.Connection) -> dict[str, tuple[int, int]]:
        """Number of rows and newest writing transaction per table; every change alters one."""
        one = "SELECT {}, count(*), coalesce(max(xmin::text::bigint), 0) FROM {}"
        every = [
            sql.SQL(one).format(sql.Literal(table), sql.Identifier(table))
            for table in self.baseline
        ]
        rows = db.execute(sql.SQL(" UNION ALL ").join(every)).fetchall()
        return {table: (count, newest) for table, count, newest in rows}

    def _restore_tables(self, db: psycopg.Connection) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, self.baseline))
        # Waits for writers of the last test.
        db.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))
        now = self._fingerprints(db)
        changed = [table for table in self.baseline if now[table] != self.seen[table]]
        db.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in self.guarded.intersection(changed):
            name = sql.Identifier(table)
            db.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        # Sequences continue: late writes of the last test must not meet rows of the next one.
        # In reverse: the constraint from periodic defers to jobs is not deferrable.
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
        self.seen = self._fingerprints(db)
