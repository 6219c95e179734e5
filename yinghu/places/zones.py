"""In which zone a place lies, of those that are not open."""

from __future__ import annotations

import math

import shapely
from shapely.geometry import shape

from yinghu.places import locate
from yinghu.places.models import Zone, level_of

_METRES_OF_DEGREE = 111_195.0
"""Of latitude, on a sphere of `locate.EARTH`."""


def zone_at(area_code: str, lon: float | None, lat: float | None) -> Zone | None:
    """The zone around a place, None where it lies in none that is controlled or sealed.

    A zone holds the areas that it lists with all below them, and what lies inside its outline. Of
    several the smallest is meant: a sealed house in a controlled town is sealed.
    """
    found = [
        (size, zone.code, zone)
        for zone in Zone.objects.filter(active=True).exclude(status=Zone.Status.OPEN)
        if (size := _size_around(zone, area_code, lon, lat)) is not None
    ]
    return min(found)[2] if found else None


def _size_around(zone: Zone, area_code: str, lon: float | None, lat: float | None) -> float | None:
    """About how many metres the part of the zone reaches in which the place lies; None if none."""
    sizes = [
        locate.REACH[_level(code)] for code in zone.areas if code and area_code.startswith(code)
    ]
    if zone.outline and lon is not None and lat is not None:
        outline = shape(zone.outline)
        if outline.intersects(shapely.Point(lon, lat)):
            metres = outline.area * _METRES_OF_DEGREE**2 * math.cos(math.radians(lat))
            sizes.append(math.sqrt(metres / math.pi))
    return min(sizes, default=None)


def _level(code: str) -> int:
    area = locate.known_areas().get(code)
    return area.level if area else level_of(code)
