"""PostgreSQL 18 out of a wheel: made, started, shared and stopped without an administrator.

Only the wheel's programs are used. The server listens on a Unix socket and nowhere else, and asks
the kernel who calls (peer authentication), so there is no password to keep or to lose; the role
`yinghu` owns the database and is no superuser.

Several processes may use one server. Each holds a shared lock on the file `users`; whoever starts
or stops the server holds `lock` alone; the last user out stops the server. The kernel drops locks
when a process dies, however it dies, so nothing has to be cleaned up after a kill -9: the next
user finds the server up, or starts it again and PostgreSQL recovers from its log.
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

from yinghu.cluster import (
    MAJOR,
    Cluster,
    EmbeddedError,
    binary,
    create,
    open_the_way,
    populate,
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
    """Address of the embedded database under `home`, whether or not the server is up."""
    return _cluster(home).url()


def ensure(home: Path, *, durable: bool = True) -> str:
    """Start the server if it is down; use it until this process ends. Returns its address.

    Idempotent and safe between processes. `durable=False` gives up safety against a crash of the
    machine for speed; it counts only for whoever starts the server, and is meant for tests.
    Raises `EmbeddedError`.
    """
    home = home.absolute()
    with _guard:
        key = (os.getpid(), home)
        if key in _held:
            cluster = _cluster(home)
            with _alone(cluster):
                _up(cluster, durable)
            return cluster.url()
        manager = running(home, durable=durable)
        address = manager.__enter__()
        _held[key] = manager
    return address


def release(home: Path) -> None:
    """Undo `ensure` before this process ends; the last user out stops the server."""
    with _guard:
        manager = _held.pop((os.getpid(), home.absolute()), None)
    if manager is not None:
        manager.__exit__(None, None, None)


@contextlib.contextmanager
def running(home: Path, *, durable: bool = True) -> Iterator[str]:
    """The server is up inside the block, which gets its address; see `ensure`."""
    cluster = _cluster(home)
    parent, users = os.getppid(), -1
    try:
        with _alone(cluster):
            users = os.open(cluster.folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(users, fcntl.LOCK_SH)
            _up(cluster, durable)
        yield cluster.url()
    finally:
        if users >= 0:
            _leave(cluster, users, patience=0 if _lives(parent) else 2)


def is_up(home: Path) -> bool:
    """Whether the server's first process lives."""
    return postmaster(_cluster(home)) is not None


def server_processes(home: Path) -> list[int]:
    """Process ids of the server under `home`; orphans of one that was killed are among them."""
    return processes(_cluster(home))


_guard = threading.RLock()
_held: dict[tuple[int, Path], contextlib.AbstractContextManager[str]] = {}


@atexit.register
def _release_all() -> None:
    for pid, home in list(_held):
        if pid == os.getpid():
            release(home)


def _cluster(home: Path) -> Cluster:
    return Cluster(home.absolute())


@contextlib.contextmanager
def _alone(cluster: Cluster) -> Iterator[None]:
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


def _up(cluster: Cluster, durable: bool) -> None:
    """Bring the server up; the caller holds the lock."""
    if postmaster(cluster) is None:
        if not (cluster.data / "PG_VERSION").is_file():
            create(cluster, durable)
        version = (cluster.data / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise EmbeddedError(
                f"{cluster.data} was made by PostgreSQL {version}, this is {MAJOR}: dump it with "
                "the older Yinghu (pg_dump), move the folder away, start, and restore the dump"
            )
        open_the_way(cluster, cluster.data)
        open_the_way(cluster, binary("postgres"))
        start(cluster, durable)
    populate(cluster)


def _leave(cluster: Cluster, users: int, patience: float) -> None:
    """Give up a share of the server, and stop it if it was the last.

    A parent that was killed tells its children before the kernel has dropped its locks, so after
    such an end they look again for `patience` seconds before they leave the server to others.
    """
    deadline = time.monotonic() + patience
    try:
        fcntl.flock(users, fcntl.LOCK_UN)
        while True:
            with _alone(cluster):
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


def _lives(parent: int) -> bool:
    """Whether the parent that this process began with is there still, and not about to end."""
    if os.getppid() != parent:
        return False
    try:
        state = (Path("/proc") / str(parent) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    # A zombie for as long as its other threads take to end.
    return state not in {"Z", "X"}
