"""Which area is meant: by a point, a code, or words in a message.

Each process keeps the areas in memory and looks every few seconds whether they have changed
(settings.AREAS_POLL_SECONDS, 3 by default; one query of counts and newest times). `refresh()`
makes it look again at the next question. Retired areas are never found.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from django.conf import settings
from django.db import connection
from django.db.models import Count, Max
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from yinghu.places.models import Area, AreaAlias
from yinghu.places.words import Finder, fold

EARTH: Final = 6_371_008.8
"""Mean radius of the Earth, metres (IUGG)."""

REACH: Final[dict[int, float]] = {1: 30_000, 2: 8_000, 3: 1_500, 4: 500, 5: 150}
"""Metres from an area's centre within which a point is taken to be in it, by level."""


Box = tuple[float, float, float, float]
"""West, south, east, north in degrees of WGS-84."""


@dataclass(frozen=True)
class Match:
    """`area` may be meant by `words`, which is text[span[0]:span[1]]; confidence 0..1."""

    area: Area
    words: str
    confidence: float
    span: tuple[int, int] = (0, 0)


def metres(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Great-circle distance (haversine) between two WGS-84 points in degrees."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    a = (
        math.sin((phi2 - phi1) / 2) ** 2
        + math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    )
    return 2 * EARTH * math.asin(min(1.0, math.sqrt(a)))


# --- by point ---------------------------------------------------------------------------------


def by_point(lon: float, lat: float, reach: dict[int, float] | None = None) -> Area | None:
    """The deepest area that the point (WGS-84 degrees) is known to be in, or None.

    First the outlines: the deepest that holds the point is sure, and whatever lies under an
    outline that does not hold it is out. Then, under what is sure, the deepest level that has a
    centre within `reach` (metres by level, REACH by default), nearest first.
    """
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
        return None
    known = _known()
    point = shapely.Point(lon, lat)
    holding = [code for code, outline in known.outlines if outline.intersects(point)]
    sure = max(holding, key=len, default="")
    # Outlines from different sources may overlap: the deepest that holds the point is trusted
    # even where its parent's outline misses it.
    missing = tuple(
        code
        for code, _outline in known.outlines
        if code not in holding and not (sure and sure.startswith(code))
    )
    for level in sorted(known.centres, reverse=True):
        centres = known.centres[level]
        far = (reach or REACH).get(level)
        if far is None:
            continue
        distances = centres.metres_to(lon, lat)
        for index in np.argsort(distances):
            if distances[index] > far:
                break
            code = centres.codes[index]
            if code.startswith(sure) and not code.startswith(missing):
                return known.areas[code]
    return known.areas.get(sure)


@dataclass(frozen=True)
class _Centres:
    """Centres of the areas of one level, in the order of `codes`; radians."""

    codes: list[str]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]

    def metres_to(self, lon: float, lat: float) -> npt.NDArray[np.float64]:
        x, y = math.radians(lon), math.radians(lat)
        a = np.sin((self.lat - y) / 2) ** 2
        a += math.cos(y) * np.cos(self.lat) * np.sin((self.lon - x) / 2) ** 2
        result: npt.NDArray[np.float64] = 2 * EARTH * np.arcsin(np.sqrt(np.minimum(a, 1.0)))
        return result


# --- by code ----------------------------------------------------------------------------------


def by_code(code: str) -> Area | None:
    """The area with this code, or with its longest known prefix, or None."""
    areas = _known().areas
    return next((areas[code[:n]] for n in range(len(code), 0, -1) if code[:n] in areas), None)


# --- by words ---------------------------------------------------------------------------------

# Taken off an official name, longest first, to reach what people say.
_COMMITTEES: Final = (
    ("社区居民委员会", "社区"),
    ("社区居委会", "社区"),
    ("村村民委员会", "村"),
    ("村民委员会", "村"),
    ("居民委员会", ""),
    ("社区村委会", "社区"),
    ("村委会", "村"),
    ("居委会", ""),
)
_KINDS: Final = ("社区", "街道", "地区", "新区", "村", "镇", "乡", "市", "县", "区")
_WAYS: Final = "路街道桥巷弄"

FULL: Final = 0.95
"""The official name, or with its kind (田心村)."""
ALIAS: Final = 0.9
TOWN_SHORT: Final = 0.85
"""A town or county without its kind (佛堂)."""
SHORT: Final = 0.6
"""A village without its kind, three characters or more (孝子祠)."""
SHORTEST: Final = 0.3
"""A village without its kind, two characters: as often a surname or a road."""
IN_TOWN: Final = 0.9
"""Any of the last two where its town is named in the same text."""


def forms_of(name: str) -> dict[str, bool]:
    """What an area may be called: each form, and whether it lost the word that says its kind.

    forms_of("江滨社区居委会") == {"江滨社区居委会": False, "江滨社区": False, "江滨": True}
    """
    forms = {name: False}
    called = name
    for committee, kind in _COMMITTEES:
        if name.endswith(committee) and len(name) > len(committee):
            called = name.removesuffix(committee)
            if not called.endswith(kind):
                called += kind
            # A bare 居委会 leaves a name without a kind.
            forms.setdefault(called, kind == "")
            break
    for kind in _KINDS:
        if called.endswith(kind):
            forms.setdefault(called.removesuffix(kind), True)
            break
    return {
        form: short
        for form, short in forms.items()
        if form == name or (len(form) >= 2 and form not in _everyday())
    }


def by_words(text: str, within: str = "") -> list[Match]:
    """The areas that `text` may mean, likeliest first, the deeper first among equals.

    `within` is a code prefix to which the answer is held. Official names, short forms and aliases
    count, the longest first. A form that fits several areas is settled by a town (or any area
    above) that is named too; else all that fit are given, each with its share of the confidence.
    An area above a likely match is not given besides it.
    """
    known = _known()
    matches: list[Match] = []
    last = 0
    spots = []
    for found in known.finder.find(text):
        fitting = [form for form in known.forms[found.word] if form.code.startswith(within)]
        if fitting and found.start >= last:
            spots.append((found, fitting))
            last = found.end
    # Areas named beyond doubt, and where, by which short and ambiguous forms elsewhere in the
    # text are judged; that it all is in this county goes without saying.
    named = [
        (tops[0].code, found.start)
        for found, forms in spots
        if len(tops := _topmost(forms)) == 1
        and tops[0].confidence > SHORT
        and known.areas[tops[0].code].level >= 2
    ]
    for found, forms in spots:
        above = tuple(code for code, start in named if start != found.start)
        inside = [form for form in forms if form.code.startswith(above)]
        held = bool(inside) or (within != "" and known.level(within) >= 2)
        chosen = _topmost(inside or forms)
        for form in chosen:
            confidence = form.confidence
            if held and form.short:
                confidence = max(confidence, IN_TOWN)
            elif inside:
                confidence = min(0.99, confidence + 0.03)
            if form.short and text[found.end : found.end + 1] in tuple(_WAYS):
                confidence *= 0.6
            matches.append(
                Match(
                    known.areas[form.code],
                    text[found.start : found.end],
                    confidence / len(chosen),
                    (found.start, found.end),
                )
            )
    return _ranked(matches)


@dataclass(frozen=True)
class _Form:
    """One thing that people call an area."""

    code: str
    confidence: float
    short: bool


def _topmost(forms: list[_Form]) -> list[_Form]:
    """Without those under another of them: 福田 the street holds 福田 the community."""
    return [
        form
        for form in forms
        if not any(form.code != other.code and form.code.startswith(other.code) for other in forms)
    ]


def _ranked(matches: list[Match]) -> list[Match]:
    best: dict[str, Match] = {}
    for match in matches:
        held = best.get(match.area.code)
        if held is None or match.confidence > held.confidence:
            best[match.area.code] = match
    likely = [code for code, match in best.items() if match.confidence >= 0.5]
    left = [
        match
        for code, match in best.items()
        if not any(other != code and other.startswith(code) for other in likely)
    ]
    left.sort(key=lambda match: (-match.confidence, -len(match.area.code), match.span))
    # Several places apart in one message: the appeal is about one of them, which is not known.
    # Those named first are likelier.
    rivals = sorted((m for m in left if m.confidence >= 0.5), key=lambda match: match.span)
    if len(rivals) < 2:
        return left
    share = {match.area.code: 0.8 * 0.75**rank for rank, match in enumerate(rivals)}
    scaled = [
        Match(m.area, m.words, m.confidence * share.get(m.area.code, 1.0), m.span) for m in left
    ]
    scaled.sort(key=lambda match: (-match.confidence, -len(match.area.code), match.span))
    return scaled


@cache
def _everyday() -> frozenset[str]:
    lines = (Path(__file__).parent / "everyday_words.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


# --- what is kept in memory -------------------------------------------------------------------


@dataclass
class _Known:
    """All living areas as of `version`."""

    version: tuple[Any, ...]
    areas: dict[str, Area] = field(default_factory=dict)
    outlines: list[tuple[str, BaseGeometry]] = field(default_factory=list)
    centres: dict[int, _Centres] = field(default_factory=dict)
    forms: dict[str, list[_Form]] = field(default_factory=dict)
    finder: Finder = field(default_factory=lambda: Finder(()))
    box: Box | None = None

    def level(self, code: str) -> int:
        """Level of the deepest area with a prefix of `code`, 0 for none."""
        return next(
            (self.areas[code[:n]].level for n in range(len(code), 0, -1) if code[:n] in self.areas),
            0,
        )


_lock = threading.Lock()
_cached: _Known | None = None
_checked = 0.0


def refresh() -> None:
    """Look at the next question whether areas have changed, however short ago that was done."""
    global _checked
    _checked = 0.0


def known_areas() -> dict[str, Area]:
    """Every area that is not retired, by its code, without outlines; not to be changed."""
    return _known().areas


def box() -> Box | None:
    """What all areas that are not retired lie in; None where not one has a centre or an outline."""
    return _known().box


def version() -> tuple[Any, ...]:
    """Another value as soon as `known_areas` are others."""
    return _known().version


def _known() -> _Known:
    global _cached, _checked
    poll = getattr(settings, "AREAS_POLL_SECONDS", 3.0)
    if _cached is not None and _checked and time.monotonic() - _checked < poll:
        return _cached
    with _lock:
        version = _version()
        if _cached is None or _cached.version != version:
            _cached = _load(version)
        _checked = time.monotonic()
        return _cached


def _version() -> tuple[Any, ...]:
    areas = Area.objects.aggregate(n=Count("pk"), at=Max("updated_at"))
    aliases = AreaAlias.objects.aggregate(n=Count("pk"), at=Max("updated_at"))
    return (connection.settings_dict["NAME"], *areas.values(), *aliases.values())


def _load(version: tuple[Any, ...]) -> _Known:
    known = _Known(version)
    centres: dict[int, list[tuple[str, float, float]]] = {}
    for area in Area.objects.filter(retired_at=None).defer("outline").order_by("code"):
        known.areas[area.code] = area
        if area.lon is not None and area.lat is not None:
            centres.setdefault(area.level, []).append((area.code, area.lon, area.lat))
        for form, short in forms_of(area.name).items():
            confidence = FULL
            if short:
                confidence = TOWN_SHORT if area.level <= 2 else SHORT
                confidence = SHORTEST if area.level > 2 and len(form) == 2 else confidence
            _add(known, form, _Form(area.code, confidence, short))
        if len(area.name_en) >= 3:
            _add(known, area.name_en, _Form(area.code, FULL, False))
    for code, name in AreaAlias.objects.values_list("area_id", "name"):
        if len(name) >= 2 and code in known.areas:
            _add(known, name, _Form(code, ALIAS, False))
    known.finder = Finder(known.forms)
    outlined = Area.objects.filter(retired_at=None, outline__isnull=False)
    for code, outline in outlined.values_list("code", "outline"):
        if outline is None:  # a JSON null, which is not SQL's
            continue
        geometry = shape(outline)
        shapely.prepare(geometry)
        known.outlines.append((code, geometry))
    for level, points in centres.items():
        known.centres[level] = _Centres(
            [code for code, _lon, _lat in points],
            np.radians([lon for _code, lon, _lat in points]),
            np.radians([lat for _code, _lon, lat in points]),
        )
    known.box = _box(
        [(lon, lat, lon, lat) for points in centres.values() for _code, lon, lat in points]
        + [geometry.bounds for _code, geometry in known.outlines]
    )
    return known


def _box(boxes: Sequence[Box]) -> Box | None:
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _add(known: _Known, name: str, form: _Form) -> None:
    """One form for each name and area, the surest."""
    forms = known.forms.setdefault(fold(name), [])
    same = next((other for other in forms if other.code == form.code), None)
    if same is None:
        forms.append(form)
    elif same.confidence < form.confidence:
        forms[forms.index(same)] = form


METRES_A_DEGREE = 111_320.0
"""Of latitude, and of longitude at the equator."""
NEAREST, FARTHEST = 150.0, 300.0
"""Metres by which a point is moved for whoever may know only about where it is."""


def aside(lon: float, lat: float, turn: float, share: float) -> tuple[float, float]:
    """A point NEAREST to FARTHEST metres away: `turn` in radians from the north, `share` from 0 to
    1 of how far, by area, so that no ring of the disc is likelier than another.
    """
    far = math.sqrt(NEAREST**2 + share * (FARTHEST**2 - NEAREST**2))
    north, east = far * math.cos(turn), far * math.sin(turn)
    return (
        lon + east / (METRES_A_DEGREE * math.cos(math.radians(lat))),
        lat + north / METRES_A_DEGREE,
    )
