"""Planning the legs of an errand from a template and a case: places, zones and proofs."""

import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from yinghu.appeals.models import Appeal
from yinghu.common.privacy.masking import without_numbers
from yinghu.errands.models import PURCHASES, ErrandTemplate, Leg, LegKind, Proof, Where
from yinghu.places.locate import aside
from yinghu.places.models import Place, Zone
from yinghu.places.zones import zone_at

MOST_LEGS = 12


def template_for(category: str | None) -> ErrandTemplate | None:
    """Return the errand template of a category, else that of the nearest one above it."""
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
    """Return the case's unsaved legs; without a zone there is no hand-over at its gate."""
    home = _Home(appeal)
    legs: list[Leg] = []
    for spec in specs[:MOST_LEGS]:
        where = Where(spec["where"])
        kind = LegKind(spec["kind"])
        if where is Where.GATE and home.zone is None and kind is LegKind.HAND_OVER:
            continue
        before = (
            list(legs[-1].after) if legs and spec.get("beside") else [leg.n for leg in legs[-1:]]
        )
        leg = Leg(
            appeal=appeal,
            n=len(legs) + 1,
            after=before,
            kind=kind,
            what=what if kind in PURCHASES else "",
            skill=spec.get("skill") or "",
            proof=spec.get("proof") or Proof.NONE,
            estimate=estimate if kind is LegKind.BUY else None,
            area_id=appeal.area_id,
        )
        said = _set_where(leg, where, spec, appeal, home)
        leg.title = str(spec.get("title") or kind.label).replace("{place}", said)[:60]
        leg.title_en = str(spec.get("title_en") or "").replace("{place}", said)[:60]
        legs.append(leg)
    return legs


class _Home:
    def __init__(self, appeal: Appeal) -> None:
        place = appeal.place
        own = appeal.lon is not None and appeal.lat is not None
        self.lon = appeal.lon if own else (place.lon if place else None)
        self.lat = appeal.lat if own else (place.lat if place else None)
        self.zone: Zone | None = zone_at(appeal.area_id or "", self.lon, self.lat)
        self.about = _blur_home(appeal.pk, self.lon, self.lat)


def _blur_home(appeal_id: int, lon: float | None, lat: float | None) -> tuple[float, float] | None:
    """Blur the point by an offset drawn once per case; several offsets could be averaged out."""
    if lon is None or lat is None:
        return None
    before = Leg.objects.filter(appeal=appeal_id, at_home=True, about_lon__isnull=False).first()
    if before is not None and (before.lon, before.lat) == (lon, lat):
        return before.about_lon, before.about_lat  # type: ignore[return-value]  # both or neither
    drawn = secrets.SystemRandom()
    return aside(lon, lat, drawn.uniform(0, 2 * math.pi), drawn.random())


def _set_where(leg: Leg, where: Where, spec: Mapping[str, Any], appeal: Appeal, home: _Home) -> str:
    """Set where a leg is done; return the name of the place."""
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
            # Free text may hold personal numbers, and every possible taker reads the title.
            return _set_place(leg, place) or without_numbers(named)
        case Where.PLACE:
            code = spec.get("place", "")
            return _set_place(leg, Place.objects.filter(code=code, active=True).first())
        case _nowhere:
            pass
    return ""


def _set_place(leg: Leg, place: Place | None) -> str:
    if place is None:
        return ""
    leg.place, leg.area_id = place, place.area_id
    leg.lon = leg.about_lon = place.lon
    leg.lat = leg.about_lat = place.lat
    # A place in a zone has the same entry rules as a home.
    leg.zone = zone_at(place.area_id, place.lon, place.lat)
    return place.name
