"""Databases of tests: one template for the run, of which all others are copies.

The template is migrated, and the demo city is loaded. Migrating takes seconds, so the embedded
server's data folder with the migrated database is kept in pytest's cache, under a hash of what
migrations are made of. The demo is loaded anew in every run: that takes half a second, and a hash
would have to cover most of the product.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from benchmarks.databases import drop as drop_database
from tests.settings import RUN, SERVER_URL, TEMPLATE
from yinghu import demo
from yinghu.config import PROJECT
from yinghu.server import embedded

_DATA = RUN / "postgres" / "data"


def database_url(name: str) -> str:
    """Address of a database on the server of the tests."""
    parts = urlsplit(SERVER_URL)
    return urlunsplit(parts._replace(path="/" + quote(name)))


def build_template(cache: Path) -> None:
    """Make the template, and start its server if that is the run's own.

    `cache` is a folder that later runs find again.
    """
    if not settings.ENV.embedded:
        _migrate()
    else:
        kept = cache / _digest()
        if not _copied(kept, _DATA):
            embedded.ensure(RUN, durable=False)
            _migrate()
            connections.close_all()
            # Stopped, so that its files are whole.
            embedded.release(RUN)
            _keep(kept)
        embedded.ensure(RUN, durable=False)
    with queries_go_to(TEMPLATE):
        demo.load()


def destroy_template() -> None:
    """Undo `build_template`."""
    if settings.ENV.embedded:
        embedded.release(RUN)
    else:
        drop(TEMPLATE)


def copy_template(name: str) -> None:
    """Make the database `name`, a copy of the template."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    _administer(create.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))


def drop(name: str) -> None:
    """Remove a database, and end whoever is still connected to it."""
    connections.close_all()
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        drop_database(admin, name)


@contextmanager
def queries_go_to(name: str) -> Iterator[None]:
    """Inside, Django's connection is to the database `name`."""
    own = connection.settings_dict["NAME"]
    connections.close_all()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = own


def _administer(statement: sql.Composed) -> None:
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        admin.execute(statement)


def _migrate() -> None:
    _administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    with queries_go_to(TEMPLATE):
        call_command("migrate", verbosity=0, interactive=False)


def _digest() -> str:
    """Of the locked packages, the models, the migrations, and what these import of ours."""
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
    """The modules of ours that a migration imports."""
    pattern = r"^(?:from|import) (yinghu[\w.]*)(?: import (\w+))?"
    for module, name in re.findall(pattern, migration.read_text("utf-8"), re.M):
        folder = PROJECT / module.replace(".", "/")
        yield from filter(Path.is_file, (folder.with_suffix(".py"), folder / f"{name}.py"))


def _copied(source: Path, target: Path) -> bool:
    """Whether there was a folder to copy, with owners and modes."""
    if not source.is_dir():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["cp", "-a", "--reflink=auto", source, target], capture_output=True)
    if done.returncode:
        # Another run has just replaced it.
        shutil.rmtree(target, ignore_errors=True)
    return done.returncode == 0


def _keep(folder: Path) -> None:
    """Keep the data folder as `folder`, and no older one."""
    for old in folder.parent.iterdir():
        shutil.rmtree(old, ignore_errors=True)
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    if _copied(_DATA, fresh):
        fresh.rename(folder)
