"""The benches run, keep their word on stdout, and leave no database behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from django.conf import settings

from tests.live import database_url
from tests.settings import SERVER_URL

SMALL = {
    "intake": ["--count", "300", "--clients", "8", "--seconds", "1"],
    "import": ["--rows", "1500", "--seconds", "1"],
    "pages": ["--appeals", "3000", "--requests", "3"],
    "oversight": ["--clocks", "4000", "--due", "60", "--seconds", "1"],
    "field": ["--volunteers", "60", "--cases", "20", "--among", "300", "--seconds", "1"],
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", SMALL)
def test_bench(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yinghu", "bench", name, *SMALL[name]],
        env={
            **os.environ,
            "DATABASE_URL": SERVER_URL,
            "YINGHU_HOME": str(settings.HOME),
            "DJANGO_SETTINGS_MODULE": "yinghu.config.settings",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    figures: list[dict[str, Any]] = json.loads(done.stdout)
    assert figures
    for figure in figures:
        assert set(figure) == {"name", "value", "unit", "limit", "ratio"}
        assert figure["value"] > 0
        assert (figure["limit"] is None) == (figure["ratio"] is None)
    assert done.stderr
    if name == "intake":
        alone = next(f for f in figures if f["name"] == "intake statements alone")
        assert alone["value"] <= 6
    with psycopg.connect(database_url("postgres")) as admin:
        left = admin.execute(
            "SELECT count(*) FROM pg_database WHERE datname LIKE %s", [f"yinghu_bench_{name}_%"]
        ).fetchone()
    assert left == (0,)
