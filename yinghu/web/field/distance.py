"""Approximate distance of unassigned cases: from the centre of their area or place, shifted.

The shift derives from the case id and a secret key, so it is constant: fresh noise for each request
could be averaged away.
"""

import hmac
import math
from typing import NamedTuple

from yinghu.appeals.models import Appeal
from yinghu.common.privacy.sealing import derived_key
from yinghu.places.locate import aside, metres
from yinghu.ui.case_rows import CaseRow


class Point(NamedTuple):
    """A position in WGS-84 degrees."""

    lon: float
    lat: float


def point(lon: float | None, lat: float | None) -> Point | None:
    """The position, if it is known."""
    return None if lon is None or lat is None else Point(lon, lat)


def blur_point(appeal_id: int, lon: float, lat: float) -> Point:
    """Shift the point by 150 to 300 m, always the same for one case."""
    drawn = hmac.digest(derived_key("nearby"), str(appeal_id).encode(), "sha256")
    turn = 2 * math.pi * int.from_bytes(drawn[:4], "big") / 2**32
    share = int.from_bytes(drawn[4:8], "big") / 2**32
    return Point(*aside(lon, lat, turn, share))


def about(appeal: Appeal) -> Point | None:
    """Approximate position, for users who have not taken the case: never the exact point, which may
    be the requester's door. Needs area and place selected.
    """
    for known in (appeal.place, appeal.area):
        if known and (centre := point(known.lon, known.lat)):
            return blur_point(appeal.pk, *centre)
    return None


def exactly(appeal: Appeal) -> Point | None:
    """Exact position, for the holder: the requester's point, else the sticker's."""
    place = appeal.place
    return point(appeal.lon, appeal.lat) or (point(place.lon, place.lat) if place else None)


def metres_between(one: Point | None, other: Point | None) -> float | None:
    """The distance; None if a position is not known."""
    return None if one is None or other is None else metres(*one, *other)


def nearest_first(rows: list[CaseRow], me: Point | None) -> list[tuple[CaseRow, float | None]]:
    """The rows with their distance in metres, nearest first; in their order where it is unknown."""
    far = [(row, metres_between(about(row.appeal), me) if me else None) for row in rows]
    return sorted(far, key=lambda each: (each[1] is None, each[1] or 0))
