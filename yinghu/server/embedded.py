"""PostgreSQL 18 from a wheel: created, started, shared and stopped without an administrator.

Only the wheel's programs are used. The server listens on a Unix socket only and asks the kernel
who connects (peer authentication), so there is no password to keep. The role `yinghu` owns the
database and is no superuser.

Several processes may use one server. Each holds a shared lock on the file `users`; a process that
starts or stops the server holds `lock` exclusively; the last one to leave stops the server. The
kernel releases locks when a process dies, however it dies, so a kill -9 needs no cleaning up: the
next process finds the server running, or starts it and PostgreSQL recovers from its log.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from yinghu.server.cluster import (
    MAJOR,
    Cluster,
    EmbeddedError,
    allow_traversal,
    binary,
    create,
    create_database,
    postmaster,
    processes,
    start,
    stop,
)

__all__ = [
    "EmbeddedError",
    "binary",
    "ensure",
    "is_up",
    "release",
    "running",
    "server_processes",
    "url",
]


def url(home: Path) -> str:
    """Address of the embedded database under `home`, whether or not the server runs."""
    return _cluster(home).url()


def ensure(home: Path, *, durable: bool = True) -> str:
    """Start the server if it is down and use it until this process ends. Returns its address.

    Idempotent and safe between processes. `durable=False`, for tests, trades safety against a
    crash of the machine for speed; it has no effect on a server that runs already. Raises
    `EmbeddedError`.
    """
    home = home.absolute()
    with _thread_lock:
        key = (os.getpid(), home)
        if key in _held:
            cluster = _cluster(home)
            with _locked(cluster):
                _start_if_down(cluster, durable)
            return cluster.url()
        manager = running(home, durable=durable)
        address = manager.__enter__()
        _held[key] = manager
    return address


def release(home: Path) -> None:
    """Undo `ensure` before this process ends; the last process to leave stops the server."""
    with _thread_lock:
        manager = _held.pop((os.getpid(), home.absolute()), None)
    if manager is not None:
        manager.__exit__(None, None, None)


@contextlib.contextmanager
def running(home: Path, *, durable: bool = True) -> Iterator[str]:
    """Run the server for the block, which gets its address; see `ensure`."""
    cluster = _cluster(home)
    parent, users = os.getppid(), -1
    try:
        with _locked(cluster):
            users = os.open(cluster.folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(users, fcntl.LOCK_SH)
            _start_if_down(cluster, durable)
        yield cluster.url()
    finally:
        if users >= 0:
            _stop_using(cluster, users, patience=0 if _is_alive(parent) else 2)


def is_up(home: Path) -> bool:
    """Does the server run?"""
    return postmaster(_cluster(home)) is not None


def server_processes(home: Path) -> list[int]:
    """Process ids of the server under `home`, orphans of a killed one included."""
    return processes(_cluster(home))


_thread_lock = threading.RLock()
_held: dict[tuple[int, Path], contextlib.AbstractContextManager[str]] = {}


@atexit.register
def _release_all() -> None:
    for pid, home in list(_held):
        if pid == os.getpid():
            release(home)


def _cluster(home: Path) -> Cluster:
    return Cluster(home.absolute())


@contextlib.contextmanager
def _locked(cluster: Cluster) -> Iterator[None]:
    try:
        cluster.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(cluster.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedError(f"cannot write to {cluster.folder}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _start_if_down(cluster: Cluster, durable: bool) -> None:
    """Start the server; the caller holds the lock."""
    if postmaster(cluster) is None:
        if not (cluster.data / "PG_VERSION").is_file():
            create(cluster, durable)
        version = (cluster.data / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise EmbeddedError(
                f"{cluster.data} was made by PostgreSQL {version}, this is {MAJOR}: dump it with "
                "the older Yinghu (pg_dump), move the folder away, start, and restore the dump"
            )
        allow_traversal(cluster, cluster.data)
        allow_traversal(cluster, binary("postgres"))
        start(cluster, durable)
    create_database(cluster)


def _stop_using(cluster: Cluster, users: int, patience: float) -> None:
    """Stop using the server, and stop it if nobody else uses it.

    The children of a killed parent learn of its death before the kernel has released its locks,
    so they keep trying for `patience` seconds before they leave the server to others.
    """
    deadline = time.monotonic() + patience
    try:
        fcntl.flock(users, fcntl.LOCK_UN)
        while True:
            with _locked(cluster):
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        return
                else:
                    stop(cluster)
                    return
            time.sleep(0.05)
    finally:
        os.close(users)


def _is_alive(parent: int) -> bool:
    """Is the parent that this process began with still there, and not about to end?"""
    if os.getppid() != parent:
        return False
    try:
        state = (Path("/proc") / str(parent) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    # It is a zombie until its other threads have ended.
    return state not in {"Z", "X"}
