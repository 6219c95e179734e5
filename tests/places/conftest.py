"""Fixtures with the demo city's areas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import yinghu
from yinghu.administration import files
from yinghu.people.models import Post, Unit
from yinghu.places import importing, locate
from yinghu.places.models import Area, Place

DEMO = Path(yinghu.__file__).parent / "demo"


@pytest.fixture(autouse=True)
def _fresh_areas() -> Iterator[None]:
    locate.refresh_areas()
    yield
    locate.refresh_areas()


@pytest.fixture
def no_areas(db: None) -> None:
    """A database without areas and places."""
    Unit.objects.update(area=None)
    Post.objects.update(area=None)
    Place.objects.all().delete()
    Area.objects.all().delete()


@pytest.fixture
def yiwu(no_areas: None) -> None:
    """Areas, outline, aliases and places of the demo city, freshly imported."""
    for load, name in (
        (files.import_areas, "areas.csv"),
        (importing.import_outlines, "outlines.geojson"),
        (files.import_places, "places.csv"),
    ):
        assert load(DEMO / name).rejects == []
