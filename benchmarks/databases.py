"""Databases of benchmarks and tests: create, fill, drop."""

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from benchmarks.processes import progress


def drop_database(admin: psycopg.Connection[Any], database: str) -> None:
    """Drop a database and end all connections to it.

    Not WITH (FORCE): while autovacuum runs there, that needs a superuser.
    """
    name = sql.Identifier(database)
    admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = %s AND usename = current_user",
        [database],
    )
    admin.execute(sql.SQL("DROP DATABASE {}").format(name))


@contextlib.contextmanager
def own_database(name: str, *, template: str = "", keep: bool = False) -> Iterator[str]:
    """Create a database with all tables and the demo city but no appeals; yield its URL.

    Django's connection points to it meanwhile. `template` is copied instead of migrating.
    """
    from yinghu import demo

    database = f"yinghu_bench_{name}_{secrets.token_hex(4)}"
    url = urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path="/" + quote(database)))
    before = connection.settings_dict["NAME"]
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
    if template:
        create += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as admin:
        _connect_to(database)
        try:
            admin.execute(create)
            if not template:
                call_command("migrate", interactive=False, verbosity=0)
                demo.load_city()
            demo.load_people()
            yield url
        finally:
            _connect_to(before)
            if keep:
                progress(f"kept: {url}")
            else:
                drop_database(admin, database)


def _connect_to(database: str) -> None:
    connections.close_all()
    connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has it
    connection.settings_dict["NAME"] = database


def execute(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement on Django's connection; return its rows, if any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []
