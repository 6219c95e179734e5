"""Own databases for tests whose commands commit, start threads or are killed."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from tests import databases
from tests.settings import TEMPLATE, WORKER
from yinghu import cli

_numbers = itertools.count(1)


@dataclass
class Ran:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@dataclass
class City:
    """A database with the demo city, which the test's own queries use too."""

    name: str
    capsys: pytest.CaptureFixture[str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *words: str | Path) -> Ran:
        """Run a command of `yinghu` in this process."""
        args = cli.parser().parse_args([str(word) for word in words])
        self.capsys.readouterr()
        code = args.command.run(args)
        said = self.capsys.readouterr()
        return Ran(code, said.out, said.err)

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command of `yinghu` as a process; it is killed at the end of the test."""
        environment = {
            **os.environ,
            "DATABASE_URL": databases.database_url(self.name),
            "YINGHU_HOME": str(settings.HOME),
            "DJANGO_SETTINGS_MODULE": "yinghu.config.settings",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "yinghu", *map(str, words)],
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.started.append(process)
        return process


@pytest.fixture
def own_city(
    django_db_setup: None, django_db_blocker: Any, capsys: pytest.CaptureFixture[str]
) -> Iterator[City]:
    """A fresh demo city for this test."""
    with django_db_blocker.unblock():
        name = f"{TEMPLATE}_{WORKER}_{next(_numbers)}"
        databases.copy_template(name)
        try:
            with databases.queries_go_to(name):
                found = City(name, capsys)
                yield found
                for process in found.started:
                    process.kill()
                    process.communicate()
        finally:
            databases.drop(name)


def in_threads(*jobs: Callable[[], object]) -> None:
    """Run the jobs concurrently, each on its own connection; raise the first error."""
    from concurrent.futures import ThreadPoolExecutor

    def job_of(job: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                job()
            finally:
                connections.close_all()

        return run

    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job_of(job)) for job in jobs]:
            future.result()
