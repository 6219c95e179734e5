"""Look up the restricted zone of a place."""

import math

import shapely
from shapely.geometry import shape

from yinghu.places import locate
from yinghu.places.models import Zone, level_of


def zone_at(area_code: str, lon: float | None, lat: float | None) -> Zone | None:
    """Return the controlled or sealed zone that contains a place, the smallest of several, or None.

    A zone contains its listed areas with descendants and the inside of its outline.
    """
    found = [
        (size, zone.code, zone)
        for zone in Zone.objects.filter(active=True).exclude(status=Zone.Status.OPEN)
        if (size := _size_around(zone, area_code, lon, lat)) is not None
    ]
    return min(found)[2] if found else None


def _size_around(zone: Zone, area_code: str, lon: float | None, lat: float | None) -> float | None:
    """Return the approximate size in metres of the zone around the place; None if outside."""
    sizes = [
        locate.REACH[_level(code)] for code in zone.areas if code and area_code.startswith(code)
    ]
    if zone.outline and lon is not None and lat is not None:
        outline = shape(zone.outline)
        if outline.intersects(shapely.Point(lon, lat)):
            metres_per_degree = math.radians(locate.EARTH)
            metres = outline.area * metres_per_degree**2 * math.cos(math.radians(lat))
            sizes.append(math.sqrt(metres / math.pi))
    return min(sizes, default=None)


def _level(code: str) -> int:
    area = locate.known_areas().get(code)
    return area.level if area else level_of(code)
