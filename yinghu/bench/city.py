"""What every bench stands on: a database of its own, real processes on it, and words on stderr."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connection, connections
from psycopg import sql
from rich.console import Console

console = Console(stderr=True)
_PATIENCE = 60.0


def say(text: str) -> None:
    """A line for whoever watches."""
    console.print(text, highlight=False)


def address(database: str) -> str:
    """URL of another database on the server in use."""
    return urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path="/" + quote(database)))


@contextlib.contextmanager
def own_database(name: str, *, keep: bool = False) -> Iterator[str]:
    """A fresh database with tables and the demo city's areas, categories, limits, units and rules.

    Inside, Django's connection is to it. Gives its URL.
    """
    from django.core.management import call_command

    from yinghu.demo import load_city

    database = f"yinghu_bench_{name}_{secrets.token_hex(4)}"
    before = connection.settings_dict["NAME"]
    with _admin() as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    try:
        _turn_to(database)
        call_command("migrate", interactive=False, verbosity=0)
        load_city()
        yield address(database)
    finally:
        _turn_to(before)
        if keep:
            say(f"kept: {address(database)}")
        else:
            with _admin() as admin:
                drop(admin, database)


def _turn_to(database: str) -> None:
    connections.close_all()
    connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has it
    connection.settings_dict["NAME"] = database


def _admin() -> psycopg.Connection[Any]:
    return psycopg.connect(settings.DATABASE_URL, autocommit=True)


def drop(admin: psycopg.Connection[Any], database: str) -> None:
    """Drop a database, and end whoever is still connected to it.

    Not WITH (FORCE): while autovacuum works there, only a superuser may do that.
    """
    hang_up(admin, database)
    admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(database)))


def hang_up(admin: psycopg.Connection[Any], database: str) -> None:
    """End whoever is connected to a database, and let nobody in any more."""
    name = sql.Identifier(database)
    admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = %s AND usename = current_user",
        [database],
    )


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(database_url: str, *extra: str, web: int = 1) -> Iterator[int]:
    """The web server (and `worker`, if named in `extra`) as real processes; gives the port.

    `web` is how many processes the web server has.
    """
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "YINGHU_HOME": str(settings.HOME),
        "YINGHU_DEMO": "off",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "YINGHU_WEB_PROCESSES": str(web),
        "YINGHU_SITE_URL": f"http://127.0.0.1:{port}",
        "DJANGO_SETTINGS_MODULE": "yinghu.config.settings",
    }
    log = Path(settings.HOME) / "bench.log"
    processes: list[subprocess.Popen[bytes]] = []
    with log.open("wb") as out:
        try:
            for name in ("web", *extra):
                processes.append(
                    subprocess.Popen(  # noqa: S603  # this program again
                        [sys.executable, "-m", "yinghu", name, f"--parent={os.getpid()}"],
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=out,
                        start_new_session=True,
                    )
                )
            _wait_for(port, processes, log)
            yield port
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(_PATIENCE)


def _wait_for(port: int, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(OSError):
            url = f"http://127.0.0.1:{port}/healthz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not come up:\n{log.read_text('utf-8')}")
        time.sleep(0.05)


def login(username: str = "bench", **posts: Any) -> Any:
    """A user of the bench, with a post: the key of one who has none opens nothing."""
    from yinghu.people.models import Post, Role, Unit, User

    user = User.objects.create_user(username, **posts)
    Post.objects.create(user=user, unit=Unit.objects.all()[0], role=Role.OPERATOR)
    return user


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
