"""Test databases: `TEMPLATE` with the demo city and `EMPTY`, migrated, and copied for each use.

Migrating takes seconds, so the embedded server's data folder after migration is kept in pytest's
cache under a hash of the migrations and their imports. The demo is loaded in each run: that takes
half a second, and its hash would have to cover most of the product.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from benchmarks.databases import drop_database
from tests.sessions import create_sessions
from tests.settings import EMPTY, RUN, SERVER_URL, TEMPLATE
from yinghu import demo
from yinghu.config import PROJECT
from yinghu.server import embedded

_DATA = RUN / "postgres" / "data"
_server = ExitStack()
atexit.register(_server.close)


def database_url(name: str) -> str:
    """URL of a database on the test server."""
    parts = urlsplit(SERVER_URL)
    return urlunsplit(parts._replace(path="/" + quote(name)))


def build_template(cache: Path) -> None:
    """Create the template, and start the embedded server if it is used.

    `cache` is a folder that persists between runs.
    """
    if not settings.ENV.embedded:
        _migrate()
    else:
        kept = cache / _digest()
        if not _copy(kept, _DATA):
            with embedded.run_server(RUN, durable=False):
                _migrate()
                connections.close_all()
            # Stopped, so that its files are consistent.
            _keep_data(kept)
        _server.enter_context(embedded.run_server(RUN, durable=False))
    copy_template(EMPTY, TEMPLATE)
    with queries_go_to(TEMPLATE):
        demo.load()
        create_sessions()


def destroy_template() -> None:
    """Undo `build_template`."""
    if settings.ENV.embedded:
        _server.close()
    else:
        drop(TEMPLATE)
        drop(EMPTY)


def copy_template(name: str, template: str = TEMPLATE) -> None:
    """Create the database `name` as a copy of `template`."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    _execute(create.format(sql.Identifier(name), sql.Identifier(template)))


def drop(name: str) -> None:
    """Drop a database and end its connections."""
    connections.close_all()
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        drop_database(admin, name)


@contextmanager
def queries_go_to(name: str) -> Iterator[None]:
    """Point Django's connection to the database `name` meanwhile."""
    own = connection.settings_dict["NAME"]
    connections.close_all()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = own


def _execute(statement: sql.Composed) -> None:
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        admin.execute(statement)


def _migrate() -> None:
    _execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    with queries_go_to(TEMPLATE):
        call_command("migrate", verbosity=0, interactive=False)


def _digest() -> str:
    """Hash of the locked packages, models, migrations and the project modules they import."""
    product = PROJECT / "yinghu"
    open_ = [PROJECT / "requirements-test.lock", *product.rglob("models.py")]
    open_ += product.rglob("migrations/*.py")
    read: set[Path] = {Path(__file__)}
    while open_:
        path = open_.pop()
        if path in read:
            continue
        read.add(path)
        if path.parent.name == "migrations":
            open_ += _imported(path)
    digest = hashlib.sha256(str(os.geteuid()).encode())
    for path in sorted(read):
        digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def _imported(migration: Path) -> Iterator[Path]:
    """The project modules that a migration imports."""
    pattern = r"^(?:from|import) (yinghu[\w.]*)(?: import (\w+))?"
    for module, name in re.findall(pattern, migration.read_text("utf-8"), re.M):
        folder = PROJECT / module.replace(".", "/")
        yield from filter(Path.is_file, (folder.with_suffix(".py"), folder / f"{name}.py"))


def _copy(source: Path, target: Path) -> bool:
    """Copy a folder with owners and modes; return False if there is none."""
    if not source.is_dir():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["cp", "-a", "--reflink=auto", source, target], capture_output=True)
    if done.returncode:
        # Another run has just replaced the source.
        shutil.rmtree(target, ignore_errors=True)
    return done.returncode == 0


def _keep_data(folder: Path) -> None:
    """Keep the data folder as `folder`; delete older ones."""
    for old in folder.parent.iterdir():
        shutil.rmtree(old, ignore_errors=True)
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    if _copy(_DATA, fresh):
        fresh.rename(folder)
