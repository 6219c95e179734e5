"""Each benchmark runs, prints its figures, and leaves no database behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client

from tests.databases import database_url
from tests.settings import TEMPLATE
from yinghu import cli
from yinghu.config import PROJECT

SMALL = {
    "intake": "--count 60 --clients 8 --seconds 1",
    "import": "--rows 1100 --seconds 1",
    "pages": "--appeals 1000 --requests 1",
    "live": "--viewers 30 --staff 8 --boards 2 --rate 10 --seconds 1",
    "oversight": "--clocks 1000 --due 60 --workers 1 --seconds 1",
    "alarm": "--waiting 500 --alarms 2",
    "field": "--volunteers 20 --cases 8 --among 100 --processes 1 --seconds 1",
}
COLUMNS = {"name", "value", "unit", "limit", "ratio"}


@pytest.mark.process
@pytest.mark.parametrize("name", SMALL)
def test_benchmark_reports_figures_and_drops_its_database(
    name: str,
    django_db_setup: None,
    django_db_blocker: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = cli.parser().parse_args(["bench", name, "--template", TEMPLATE, *SMALL[name].split()])
    with django_db_blocker.unblock():
        assert args.command.run(args) == 0
    said = capsys.readouterr()
    figures: list[dict[str, Any]] = json.loads(said.out)
    assert figures
    for figure in figures:
        assert set(figure) == COLUMNS
        # A limit of milliseconds may be negative: a notification can overtake the commit's answer.
        assert (figure["ratio"] is not None) == ((figure["limit"] or 0) > 0)
    if name == "intake":
        alone = next(each for each in figures if each["name"] == "intake statements alone")
        assert alone["value"] <= alone["limit"]
    with psycopg.connect(database_url("postgres")) as admin:
        left = admin.execute(
            "SELECT count(*) FROM pg_database WHERE datname LIKE %s", [f"yinghu_bench_{name}_%"]
        ).fetchone()
    assert left == (0,)


@pytest.mark.urls("benchmarks.urls")
def test_bare_page_runs_one_query(client: Client, django_assert_num_queries: Any, db: None) -> None:
    client.get("/bare")
    with django_assert_num_queries(1):
        answer = client.get("/bare")
    assert answer.status_code == 200
    assert "</main>" in answer.text


@pytest.mark.django_db
def test_production_has_no_bare_page(client: Client) -> None:
    assert client.get("/bare").status_code == 404


def test_bench_outside_a_checkout_fails_with_a_hint(tmp_path: Path) -> None:
    only_code = shutil.ignore_patterns("static", "templates", "locale", "__pycache__")
    shutil.copytree(PROJECT / "yinghu", tmp_path / "yinghu", ignore=only_code)
    done = subprocess.run(
        [sys.executable, "-m", "yinghu", "bench", "import", "--rows", "10"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "in a checkout of the source" in done.stderr
