"""Coordinate conversion from GCJ-02 (Chinese maps) to WGS-84 (GPS, everything we store).

GCJ-02 shifts WGS-84 by up to some 700 metres within China. Its formula was never published; this is
the reverse-engineered one in general use (Krasovsky 1940 ellipsoid and two series of sines, as in
the open-source projects "eviltransform" and "coordtransform"), accurate to a metre or two. The
inverse is found by iteration.
"""

from math import pi, sin, sqrt
from math import radians as rad
from typing import Final

_A: Final = 6378245.0
"""Semi-major axis of the Krasovsky 1940 ellipsoid, metres."""
_EE: Final = 0.00669342162296594323
"""Its squared eccentricity."""


def _shift(lon: float, lat: float) -> tuple[float, float]:
    """Return the offset of GCJ-02 from WGS-84 in degrees of longitude and latitude."""
    x, y = lon - 105.0, lat - 35.0
    root = sqrt(abs(x))
    wave = 20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (
        wave
        + 20.0 * sin(y * pi)
        + 40.0 * sin(y / 3.0 * pi)
        + 160.0 * sin(y / 12.0 * pi)
        + 320.0 * sin(y * pi / 30.0)
    ) * (2.0 / 3.0)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (
        wave
        + 20.0 * sin(x * pi)
        + 40.0 * sin(x / 3.0 * pi)
        + 150.0 * sin(x / 12.0 * pi)
        + 300.0 * sin(x / 30.0 * pi)
    ) * (2.0 / 3.0)
    phi = rad(lat)
    magic = 1.0 - _EE * sin(phi) ** 2
    root_magic = sqrt(magic)
    north = north * 180.0 / ((_A * (1.0 - _EE)) / (magic * root_magic) * pi)
    east = east * 180.0 / (_A / root_magic * sin(pi / 2 - phi) * pi)
    return east, north


def gcj_to_wgs(lon: float, lat: float) -> tuple[float, float]:
    """Convert GCJ-02 degrees to WGS-84; unchanged outside the box (China and parts of its
    neighbours) where the formula applies.
    """
    if not (72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271):
        return lon, lat
    # The offset changes by less than 1 in 100 between neighbouring points, so each iteration gains
    # two digits; six reach the precision of a double.
    east, north = _shift(lon, lat)
    for _round in range(6):
        east, north = _shift(lon - east, lat - north)
    return lon - east, lat - north
