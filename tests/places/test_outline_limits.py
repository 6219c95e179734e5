"""Outlines have a limit wherever they come in, and so where anybody may load them."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast
from tests.web.conftest import Browse, browse  # noqa: F401  # a fixture
from yinghu.common.rate_limit import buckets
from yinghu.places import importing
from yinghu.places.models import Area, Zone

COUNTY = "330782"


def coast(points: int, jag: float) -> dict[str, Any]:
    """A polygon around (120.07, 29.3) of so many points that stand `jag` degrees in or out."""
    ring = []
    for n in range(points - 1):
        angle, radius = 2 * math.pi * n / (points - 1), 0.1 + jag * (n % 2)
        ring.append([120.07 + radius * math.cos(angle), 29.3 + radius * math.sin(angle)])
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def points_of(outline: Any) -> int:
    return sum(len(ring) for ring in outline["coordinates"])


def deep(text: str = "") -> str:
    return "[" * 200_000 + text + "]" * 200_000


def collection(*geometries: Any, code: str = COUNTY) -> str:
    features = [{"properties": {"id": code}, "geometry": each} for each in geometries]
    return json.dumps({"type": "FeatureCollection", "features": features})


def run(*arguments: object) -> int:
    from yinghu.cli import parser

    args = parser().parse_args([str(argument) for argument in arguments])
    return int(args.command.run(args))


def test_long_outline_is_simplified_within_meters_and_a_jagged_one_refused(
    city: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "outlines.geojson"
    path.write_text(collection(coast(12_000, 0.00001)))
    assert run("areas", path) == 0
    outline = Area.objects.get(code=COUNTY).outline
    assert outline is not None
    assert 100 < points_of(outline) <= importing.MAX_POINTS
    served = Client().get(f"/geo/{COUNTY}.json")
    assert len(served.content) < 600_000
    assert served.json()["outline"] == outline
    path.write_text(collection(coast(12_000, 0.01)))
    assert run("areas", path) == 1
    assert "边界有 12000 个点，简化以后还是超过 10000 个" in capsys.readouterr().err
    assert Area.objects.get(code=COUNTY).outline == outline


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (deep(), "括号套得太深"),
        (collection("X").replace('"X"', deep()), "太深"),
        (collection({"type": "Polygon", "coordinates": json.loads("[" * 500 + "]" * 500)}), "要素"),
        (collection({"type": "Polygon", "coordinates": [[[10**400, 1], [2, 2], [3, 3]]]}), "要素"),
    ],
    ids=["list", "geometry", "coordinates", "number"],
)
def test_deep_geojson_is_explained_on_the_command_line(
    city: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = tmp_path / "outlines.geojson"
    path.write_text(text)
    assert run("areas", path) in {1, 2}
    assert words in capsys.readouterr().err
    path = tmp_path / "zones.csv"
    cell = text.replace('"', '""')
    path.write_text(f'code,name,status,entry,outline\nz1,一号,open,pass,"{cell}"\n', "utf-8")
    assert run("setup", "zone", path) in {1, 2}
    assert capsys.readouterr().err
    assert not Zone.objects.filter(code="z1").exists()


def test_too_large_a_file_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outlines.geojson"
    with path.open("wb") as file:
        file.truncate(importing.MAX_FILE_BYTES + 1)
    assert run("areas", path) == 2
    assert "最多 64 MB" in capsys.readouterr().err


def test_pasted_outline_is_simplified_or_refused_in_words(browse: Browse) -> None:  # noqa: F811
    admin = browse("admin")

    def paste(code: str, text: str) -> Any:
        given = {"code": code, "name": code, "status": "open", "entry": "pass", "outline": text}
        return admin.post("/setup/zone/-/new", given)

    rounded = json.dumps(coast(11_000, 0.0)).replace(" ", "")
    assert paste("z1", rounded[:395_000]).status_code == 422
    short = {
        "type": "Polygon",
        "coordinates": [
            [[round(x, 6), round(y, 6)] for x, y in coast(14_000, 0.00001)["coordinates"][0]]
        ],
    }
    assert paste("z1", json.dumps(short, separators=(",", ":"))).status_code == 302
    assert points_of(Zone.objects.get(code="z1").outline) <= importing.MAX_POINTS
    page = paste("z2", "[" * 900 + "]" * 900)
    assert page.status_code == 422
    page = paste("z2", deep())
    assert page.status_code == 422


def test_stored_outlines_beyond_the_limit_are_simplified_by_the_migration(city: Cast) -> None:
    Area.objects.filter(code=COUNTY).update(outline=coast(12_000, 0.01))
    Zone.objects.create(code="z9", name="九号", outline=coast(11_000, 0.00001))
    Zone.objects.create(code="z8", name="八号", outline=coast(100, 0.0))
    migration = importlib.import_module("yinghu.places.migrations.0005_outlines_have_a_limit")
    migration.limit_outlines(apps, None)
    assert points_of(Area.objects.get(code=COUNTY).outline) <= importing.MAX_POINTS
    assert points_of(Zone.objects.get(code="z9").outline) <= importing.MAX_POINTS
    assert Zone.objects.get(code="z8").outline == coast(100, 0.0)


def test_map_data_is_rate_limited(city: Cast, settings: Settings) -> None:
    settings.RATE_LIMITS = {"words": (2, 60.0)}
    buckets.clear()
    asked = [Client().get(f"/geo/{COUNTY}.json").status_code for _turn in range(3)]
    assert asked == [200, 200, 429]
    buckets.clear()
