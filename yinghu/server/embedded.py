"""PostgreSQL 18 from a wheel: created, started, shared and stopped without an administrator.

Only the wheel's programs are used. The server listens on a Unix socket only and asks the kernel
who connects (peer authentication), so there is no password to keep. The role `yinghu` owns the
database and is no superuser.

Several processes may use one server. Each holds a shared lock on the file `users`; a process that
starts or stops the server holds `lock` exclusively; the last one to leave stops the server. The
kernel releases locks when a process dies, however it dies, so a kill -9 needs no cleaning up: the
next process finds the server running, or starts it and PostgreSQL recovers from its log.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from yinghu.server import cluster as server
from yinghu.server.cluster import Cluster, EmbeddedError


def url(home: Path) -> str:
    """Address of the embedded database under `home`, whether or not the server runs."""
    return Cluster(home.absolute()).url()


@contextlib.contextmanager
def run_server(home: Path, *, durable: bool = True) -> Iterator[str]:
    """Run the server for the block, which gets its address.

    `durable=False`, for tests, trades safety against a crash of the machine for speed; it has no
    effect on a server that runs already. Raises `EmbeddedError`.
    """
    cluster = Cluster(home.absolute())
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
    return server.postmaster(Cluster(home.absolute())) is not None


def start_again(home: Path) -> None:
    """Start the server if it died while this process was using it (`run_server`)."""
    cluster = Cluster(home.absolute())
    if not (cluster.data / "PG_VERSION").is_file():
        # A folder that is not mounted now: an empty database in its place would take filings.
        raise EmbeddedError(f"the data folder {cluster.data} is missing")
    with _locked(cluster):
        _start_if_down(cluster, durable=True)


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
    if server.postmaster(cluster) is None:
        if not (cluster.data / "PG_VERSION").is_file():
            server.create_cluster(cluster, durable)
        version = (cluster.data / "PG_VERSION").read_text().strip()
        if version != server.MAJOR:
            raise EmbeddedError(
                f"{cluster.data} was made by PostgreSQL {version}, this is {server.MAJOR}: dump it "
                "with the older Yinghu (pg_dump), move the folder away, start, and restore the dump"
            )
        server.allow_traversal(cluster, cluster.data)
        server.allow_traversal(cluster, server.binary("postgres"))
        server.start(cluster, durable)
    server.create_database(cluster)


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
                    server.stop(cluster)
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
