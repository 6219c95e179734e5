"""The zone in which a place lies."""

from __future__ import annotations

import pytest

from tests.cast import Cast
from yinghu.places.importing import BadRow, sound_outline
from yinghu.places.models import Zone
from yinghu.places.zones import zone_at

TOWN, COMMUNITY = "330782008", "330782008001"


def square(lon: float, lat: float, half: float = 0.001) -> dict[str, object]:
    west, east, south, north = lon - half, lon + half, lat - half, lat + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def zone(code: str, status: str = "sealed", **given: object) -> Zone:
    return Zone.objects.create(code=code, name=code, status=status, **given)


@pytest.fixture(autouse=True)
def _none(city: Cast) -> None:
    Zone.objects.all().delete()


def code_at(area: str, lon: float | None = None, lat: float | None = None) -> str:
    found = zone_at(area, lon, lat)
    return found.code if found else ""


def test_smallest_zone_around_a_place_wins() -> None:
    zone("town", "controlled", areas=[TOWN])
    zone("community", areas=[COMMUNITY])
    zone("house", outline=square(120.1, 29.3))
    zone("district", outline=square(120.1, 29.3, 0.2))
    assert code_at(TOWN) == "town"
    assert code_at(COMMUNITY + "003") == "community"
    assert code_at(COMMUNITY, 120.1, 29.3) == "house"
    assert code_at("330782100", 120.11, 29.3) == "district"
    assert code_at("330782100", 121.0, 29.3) == ""
    assert code_at("", 120.1005, 29.3005) == "house"


def test_open_and_retired_zones_are_ignored() -> None:
    zone("open", "open", areas=[TOWN])
    zone("gone", areas=[TOWN], active=False)
    zone("empty", areas=[""])
    assert code_at(TOWN) == ""


def test_bad_outlines_are_refused_and_crossed_ones_repaired() -> None:
    bow = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    assert sound_outline({"type": "Polygon", "coordinates": [bow]})["type"] == "MultiPolygon"
    bad: tuple[object, ...] = (
        None,
        [],
        {},
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": [[[1], [2], [3]]]},
        {"type": "Polygon", "coordinates": [[[500, 0], [501, 0], [501, 1], [500, 0]]]},
        {"type": "Polygon", "coordinates": "x"},
    )
    for each in bad:
        with pytest.raises(BadRow):
            sound_outline(each)
