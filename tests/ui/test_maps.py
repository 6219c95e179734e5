"""Map data: outlines, names and the area of a point, without any appeals."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests.cast import Cast
from tests.web.conftest import Browse, text_of
from yinghu.config.settings import _origin
from yinghu.places import locate
from yinghu.places.models import Area

pytestmark = pytest.mark.django_db


def test_area_comes_with_its_outline_and_children(client: Client, city: Cast) -> None:
    county = client.get("/geo/330782.json").json()
    assert county["name"] == "义乌市"
    assert county["outline"]["type"] in {"Polygon", "MultiPolygon"}
    assert {child["code"] for child in county["children"]} == set(
        Area.objects.filter(level=2).values_list("pk", flat=True)
    )
    town = client.get("/geo/330782008.json").json()
    # A town without an outline gets that of its county.
    assert town["outline"] == county["outline"]
    assert client.get("/geo/999.json").status_code == 404
    Area.objects.filter(pk="330782008").update(retired_at="2026-01-01T00:00:00Z")
    assert client.get("/geo/330782008.json").status_code == 404


def test_picker_map_starts_where_the_areas_are(browse: Browse, settings: Settings) -> None:
    admin = browse("admin")

    def begins() -> Any:
        page = html.unescape(text_of(admin.get("/setup/place/-/new")))
        assert "区域和位置至少要有一样" in page
        assert page.count("区域和位置，至少一样") == 3
        found = re.search(r'data-map="(\{.*?\})"', page)
        box = json.loads(found[1])["box"] if found else "no map"
        return box, "还没有一个区域有中心坐标" in page

    (west, south, east, north), lost = begins()
    assert (119 < west < 120.1 < east < 121, 29 < south < 29.3 < north < 30, lost) == (1, 1, 0)
    # A new city has no coordinates: no map without tiles, the whole country with them, and a hint
    # in either case.
    Area.objects.update(lon=None, lat=None, outline=None, updated_at=timezone.now())
    locate.refresh_areas()
    assert begins() == ("no map", True)
    settings.MAP_TILES = "https://tiles.example/{z}/{x}/{y}.png"
    assert begins() == (None, True)
    settings.MAP_TILES = ""
    Area.objects.filter(pk="330782").update(lon=120.07, lat=29.3, updated_at=timezone.now())
    Area.objects.create(code="330783", name="另一县", level=1, lon=121.5, lat=28.5)
    locate.refresh_areas()
    assert begins() == ([120.07, 28.5, 121.5, 29.3], False)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("lon=120.1036&lat=29.3387", "330782008"),
        ("lon=2.35&lat=48.85", None),
        ("lon=x&lat=1", None),
        ("lon=nan&lat=1", None),
        ("lon=1e400&lat=1", None),
        ("lon=181&lat=29", None),
        ("lon=120.1", None),
        ("", None),
    ],
)
def test_area_of_a_point(client: Client, city: Cast, query: str, code: str | None) -> None:
    answer = client.get(f"/geo/at?{query}")
    assert answer.status_code == 200
    found = answer.json().get("code")
    assert found is None if code is None else found.startswith(code)


def test_tile_origin_is_taken_from_the_configured_url() -> None:
    assert _origin("") == []
    assert _origin("https://tiles.example.org/{z}/{x}/{y}.png") == ["https://tiles.example.org"]
    assert _origin("https://{s}.tile.example.org/{z}/{x}/{y}.png") == ["https://*.tile.example.org"]
