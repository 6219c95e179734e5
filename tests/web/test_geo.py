"""What maps draw: outlines, names and which area a point lies in; nobody's appeal."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import Cast
from yinghu.places.models import Area
from yinghu.settings import _origin

pytestmark = pytest.mark.django_db


def test_an_area_with_its_outline_and_those_below(client: Client, city: Cast) -> None:
    county = client.get("/geo/330782.json").json()
    assert county["name"] == "义乌市"
    assert county["outline"]["type"] in {"Polygon", "MultiPolygon"}
    assert {child["code"] for child in county["children"]} == set(
        Area.objects.filter(level=2).values_list("pk", flat=True)
    )
    town = client.get("/geo/330782008.json").json()
    # It has none of its own: it is drawn within what is around it.
    assert town["outline"] == county["outline"]
    assert client.get("/geo/999.json").status_code == 404
    Area.objects.filter(pk="330782008").update(retired_at="2026-01-01T00:00:00Z")
    assert client.get("/geo/330782008.json").status_code == 404


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
def test_the_area_of_a_point(client: Client, city: Cast, query: str, code: str | None) -> None:
    answer = client.get(f"/geo/at?{query}")
    assert answer.status_code == 200
    found = answer.json().get("code")
    assert found is None if code is None else found.startswith(code)


def test_tiles_are_let_in_from_the_named_server_alone() -> None:
    assert _origin("") == []
    assert _origin("https://tiles.example.org/{z}/{x}/{y}.png") == ["https://tiles.example.org"]
    assert _origin("https://{s}.tile.example.org/{z}/{x}/{y}.png") == ["https://*.tile.example.org"]
