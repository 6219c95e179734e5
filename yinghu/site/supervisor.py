"""Supervisor of Yinghu's processes: web server and worker as its children.

It restarts the embedded database and children that die, with growing delays. Children have sessions
of their own, so Ctrl-C reaches only the supervisor, which stops web, worker, then the database. If
the supervisor is killed, the kernel stops the children, and the last of them stops the database.
"""

import contextlib
import ctypes
import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

import structlog
from django.core.management import call_command
from django.db import connection, transaction

from yinghu.config.environment import Environment
from yinghu.server import embedded
from yinghu.server.cluster import EmbeddedError

_PR_SET_PDEATHSIG = 1
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STEADY_SECONDS = 60.0
_LONGEST_WAIT_SECONDS = 30.0
_log = structlog.get_logger("yinghu.up")


class ServeError(Exception):
    """Serving cannot start; the message says what to do."""


def die_with(parent: int | None) -> None:
    """Have the kernel send this process SIGTERM when the thread that started it ends.

    Exits at once if the parent (a process id) has already ended.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if parent is not None and os.getppid() != parent:
        sys.exit(1)


def require_free_port(host: str, port: int, patience: float = 0.0) -> None:
    """Raise `ServeError` if something listens on host:port for longer than `patience` seconds."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + patience
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Not SO_REUSEPORT: with it, two servers of one user would share the port unnoticed.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return
            except OSError as error:
                if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                why = {
                    errno.EADDRINUSE: "something else listens there; stop it or choose another "
                    "with PORT=8001",
                    errno.EACCES: "ports below 1024 are for root; choose another with PORT=8000",
                    errno.EADDRNOTAVAIL: "this machine has no such address; choose another HOST",
                }.get(error.errno or 0, str(error))
                raise ServeError(f"cannot listen on {host}:{port}: {why}") from error


def prepare(environment: Environment) -> None:
    """Migrate the database and load the demo city once; outside demo mode close the demo's logins.

    Needs Django set up and the database running; a lock in the database admits one process.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('yinghu.prepare'))")
    try:
        call_command("migrate", interactive=False, verbosity=0)
        if environment.demo:
            from yinghu import demo

            # Atomic, in case the first start is interrupted.
            with transaction.atomic():
                if demo.load():
                    demo.load_appeals()
                    _log.info("demo city loaded")
        else:
            from yinghu.demo.cast import close_demo_logins

            close_demo_logins()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('yinghu.prepare'))")


@dataclass
class Child:
    """A supervised process, and how often it died in succession."""

    name: str
    arguments: list[str]
    stop_seconds: float
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = 0.0

    def start(self) -> None:
        """Start the process in its own session."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  # this program again
            [sys.executable, "-m", "yinghu", *self.arguments, f"--parent={os.getpid()}"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def look(self) -> None:
        """Restart the process if it has died and its delay is over."""
        now = time.monotonic()
        if self.process is not None and (code := self.process.poll()) is not None:
            self._end_session(signal.SIGTERM)
            self.process = None
            self.deaths = 1 if now - self.started > _STEADY_SECONDS else self.deaths + 1
            wait = min(0.2 * 2 ** (self.deaths - 1), _LONGEST_WAIT_SECONDS)
            self.due = now + wait
            _log.error("process died", process=self.name, code=code, again_in_seconds=wait)
        if self.process is None and now >= self.due:
            self.start()

    def stop(self, hurry: Callable[[], bool]) -> None:
        """Stop the process; kill its session if it takes too long or `hurry()` is true."""
        if self.process is None:
            return
        self.process.terminate()
        deadline = time.monotonic() + self.stop_seconds
        while self.process.poll() is None:
            if hurry() or time.monotonic() > deadline:
                _log.warning("process killed, it did not stop in time", process=self.name)
                self._end_session(signal.SIGKILL)
                self.process.wait()
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
        self.process = None

    def _end_session(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


@dataclass
class EmbeddedDatabase:
    """The embedded database, and how often in succession it died or could not be started."""

    home: Path
    started: float = 0.0
    failures: int = 0
    due: float = 0.0

    def look(self) -> None:
        """Start the database if it has died and its delay is over; a failure is tried again."""
        try:
            if embedded.is_up(self.home) or time.monotonic() < self.due:
                return
            _log.error("database died; starting it again")
            self._count()
            embedded.start_again(self.home)
        except (EmbeddedError, OSError, subprocess.SubprocessError) as error:
            # For example a full disk: somebody may free it.
            wait = min(0.5 * 2 ** (self.failures - 1), _LONGEST_WAIT_SECONDS)
            self.due = time.monotonic() + wait
            _log.error(
                "database cannot be started, nothing is taken until it can",
                again_in_seconds=wait,
                error=str(error),
            )
        else:
            self.started = time.monotonic()
            _log.warning("database is up again")

    def _count(self) -> None:
        steady = self.started and time.monotonic() - self.started > _STEADY_SECONDS
        self.failures = 1 if steady else self.failures + 1
        self.started = 0.0


class Signals:
    """Signal handling: SIGINT, SIGTERM and SIGHUP ask to stop, SIGCHLD wakes the supervisor."""

    def __init__(self) -> None:
        self.asked = 0
        # Unlike an Event or a Queue, it may be filled by a handler while this thread waits for it.
        self._arrived: SimpleQueue[int] = SimpleQueue()

    def __enter__(self) -> Self:
        for number in _STOPPING:
            signal.signal(number, self._handle)
        self._before = signal.signal(signal.SIGCHLD, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGCHLD, self._before)
        for number in _STOPPING:
            # A second Ctrl-C must not interrupt the stop of the database.
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, number: int, frame: object) -> None:
        self.asked += number in _STOPPING
        self._arrived.put(number)

    def wait(self, seconds: float) -> None:
        with contextlib.suppress(Empty):
            self._arrived.get(timeout=seconds)


def _is_serving(environment: Environment) -> bool:
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # asks there, does not listen
    host = own.get(environment.host, environment.host)
    connection = http.client.HTTPConnection(host, environment.port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def run_children(environment: Environment, announce: Callable[[], None]) -> int:
    """Run web and worker until asked to stop; calls `announce` once the web server answers."""
    children = [
        Child("web", ["web"], stop_seconds=10),
        Child("worker", ["worker"], stop_seconds=20),
    ]
    database = EmbeddedDatabase(environment.home) if environment.embedded else None
    announced = False
    with Signals() as signals:
        try:
            while not signals.asked:
                if database is not None:
                    database.look()
                for child in children:
                    child.look()
                if not announced and _is_serving(environment):
                    announced = True
                    announce()
                signals.wait(1.0 if announced else 0.1)
        finally:
            asked = signals.asked
            for child in children:
                child.stop(lambda: signals.asked > max(asked, 1))
    return 0
