"""Approximate distance of unassigned cases: from the centre of their area or place, shifted.

The shift derives from the case id and a secret key, so it is constant: fresh noise for each request
could be averaged away.
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass

from yinghu.appeals.models import Appeal
from yinghu.common.privacy.sealing import derived_key
from yinghu.places.locate import aside, metres
from yinghu.ui.case_rows import CaseRow


@dataclass(frozen=True, slots=True)
class Point:
    """A position in WGS-84 degrees."""

    lon: float
    lat: float


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
        if known is not None and known.lon is not None and known.lat is not None:
            return blur_point(appeal.pk, known.lon, known.lat)
    return None


def exactly(appeal: Appeal) -> Point | None:
    """Exact position, for the holder: the requester's point, else the sticker's."""
    if appeal.lon is not None and appeal.lat is not None:
        return Point(appeal.lon, appeal.lat)
    place = appeal.place
    if place is not None and place.lon is not None and place.lat is not None:
        return Point(place.lon, place.lat)
    return None


def nearest_first(rows: list[CaseRow], me: Point) -> list[tuple[CaseRow, float | None]]:
    """The rows with their distance in metres, nearest first, those without a position last."""
    far = [(row, _metres(about(row.appeal), me)) for row in rows]
    return sorted(far, key=lambda each: (each[1] is None, each[1] or 0))


def _metres(there: Point | None, me: Point) -> float | None:
    return None if there is None else metres(me.lon, me.lat, there.lon, there.lat)
