"""From a template and a case to the legs of an errand: where each is done, and what it asks."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from yinghu.appeals.models import Appeal
from yinghu.common.masking import without_numbers
from yinghu.dispatch.models import ErrandTemplate, Leg, LegKind, Proof, Where
from yinghu.places.locate import aside
from yinghu.places.models import Place, Zone
from yinghu.places.zones import zone_at

MOST_LEGS = 12


def template_for(category: str | None) -> ErrandTemplate | None:
    """The errand by which a category is usually served: its own, else that of the one above."""
    code = category or ""
    while code:
        found = ErrandTemplate.objects.filter(category=code, active=True).first()
        if found is not None:
            return found
        code = code.rpartition(".")[0]
    return None


def legs_of(
    appeal: Appeal, specs: Sequence[Mapping[str, Any]], what: str, estimate: int | None
) -> list[Leg]:
    """The legs of an errand for this case, not saved. A hand-over at the gate of a zone is left out
    where the requester lives in none: then whoever has bought it carries it as well.
    """
    home = _Home(appeal)
    legs: list[Leg] = []
    for spec in specs[:MOST_LEGS]:
        where = Where(spec["where"])
        kind = LegKind(spec["kind"])
        if where is Where.GATE and home.zone is None and kind is LegKind.HAND_OVER:
            continue
        n = len(legs) + 1
        beside = bool(spec.get("beside")) and bool(legs)
        leg = Leg(
            appeal=appeal,
            n=n,
            after=(list(legs[-1].after) if beside else [n - 1]) if legs else [],
            kind=kind,
            what=what if kind in _ABOUT else "",
            skill=spec.get("skill") or "",
            proof=spec.get("proof") or Proof.NONE,
            estimate=estimate if kind is LegKind.BUY else None,
            area_id=appeal.area_id,
        )
        said = _put(leg, where, spec, appeal, home)
        leg.title = str(spec.get("title") or kind.label).replace("{place}", said)[:60]
        legs.append(leg)
    return legs


_ABOUT = frozenset({LegKind.BUY, LegKind.QUEUE, LegKind.COLLECT})


class _Home:
    """Where the requester is, about where, and in which zone."""

    def __init__(self, appeal: Appeal) -> None:
        place = appeal.place
        own = appeal.lon is not None and appeal.lat is not None
        self.lon = appeal.lon if own else (place.lon if place else None)
        self.lat = appeal.lat if own else (place.lat if place else None)
        self.zone: Zone | None = zone_at(appeal.area_id or "", self.lon, self.lat)
        self.about = _about(appeal.pk, self.lon, self.lat)


def _about(appeal_id: int, lon: float | None, lat: float | None) -> tuple[float, float] | None:
    """The point moved by a way that is drawn once for a case: drawn anew, it could be averaged
    away.
    """
    if lon is None or lat is None:
        return None
    before = Leg.objects.filter(appeal=appeal_id, at_home=True, about_lon__isnull=False).first()
    if before is not None and (before.lon, before.lat) == (lon, lat):
        return before.about_lon, before.about_lat  # type: ignore[return-value]  # both or neither
    drawn = secrets.SystemRandom()
    return aside(lon, lat, drawn.uniform(0, 2 * math.pi), drawn.random())


def _put(leg: Leg, where: Where, spec: Mapping[str, Any], appeal: Appeal, home: _Home) -> str:
    """Set where a leg is done; what that place is called."""
    match where:
        case Where.HOME:
            leg.at_home, leg.zone = True, home.zone
            leg.lon, leg.lat = home.lon, home.lat
            leg.about_lon, leg.about_lat = home.about or (None, None)
        case Where.GATE if home.zone is not None:
            leg.lon = leg.about_lon = home.zone.gate_lon
            leg.lat = leg.about_lat = home.zone.gate_lat
            return home.zone.gate or home.zone.name
        case Where.ANSWER:
            named = str(appeal.answers.get(str(spec.get("field", ""))) or "")
            place = Place.objects.filter(name=named, active=True).first() if named else None
            # Whatever else was written there: a title is read by all who could take it.
            return _at(leg, place) or without_numbers(named)
        case Where.PLACE:
            return _at(leg, Place.objects.filter(code=spec.get("place", ""), active=True).first())
        case _nowhere:
            pass
    return ""


def _at(leg: Leg, place: Place | None) -> str:
    if place is None:
        return ""
    leg.place, leg.area_id = place, place.area_id
    leg.lon = leg.about_lon = place.lon
    leg.lat = leg.about_lat = place.lat
    # A place in a zone is no easier to get into than a home.
    leg.zone = zone_at(place.area_id, place.lon, place.lat)
    return place.name
