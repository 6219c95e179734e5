"""Find areas by point, by code, or by words in a text.

Each process caches the areas and checks for changes every few seconds
(`settings.AREAS_POLL_SECONDS`, 3 by default; one query of counts and newest times). `refresh()`
forces a check. Retired areas are never found.
"""

import math
import threading
import time
from dataclasses import dataclass, field, replace
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

from yinghu.common.chinese import fold_in_place
from yinghu.places.models import Area, AreaAlias
from yinghu.places.words import Finder

EARTH: Final = 6_371_008.8
"""Mean radius of the Earth, metres (IUGG)."""

REACH: Final[dict[int, float]] = {1: 30_000, 2: 8_000, 3: 1_500, 4: 500, 5: 150}
"""Metres from an area's centre within which a point counts as inside, by level."""


Box = tuple[float, float, float, float]
"""West, south, east, north in degrees of WGS-84."""


@dataclass(frozen=True)
class Match:
    """An area that may be meant by `words`, text[span[0]:span[1]]; confidence 0..1."""

    area: Area
    words: str
    confidence: float
    span: tuple[int, int] = (0, 0)


def metres(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Return the great-circle distance (haversine) between two WGS-84 points in degrees."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    a = (
        math.sin((phi2 - phi1) / 2) ** 2
        + math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    )
    return 2 * EARTH * math.asin(min(1.0, math.sqrt(a)))


def by_point(lon: float, lat: float) -> Area | None:
    """Return the deepest area known to contain the point (WGS-84 degrees), or None.

    The deepest outline that contains the point is certain; areas under an outline that does not
    contain it are excluded. Below the certain area, the nearest centre within REACH on the deepest
    level wins.
    """
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
        return None
    known = _known()
    point = shapely.Point(lon, lat)
    holding = [code for code, outline in known.outlines if outline.intersects(point)]
    sure = max(holding, key=len, default="")
    # Outlines from different sources may disagree: the deepest that contains the point counts even
    # if its parent's outline does not.
    missing = tuple(
        code
        for code, _outline in known.outlines
        if code not in holding and not (sure and sure.startswith(code))
    )
    for level in sorted(known.centres, reverse=True):
        centres = known.centres[level]
        distances = centres.metres_to(lon, lat)
        for index in np.argsort(distances):
            if distances[index] > REACH[level]:
                break
            code = centres.codes[index]
            if code.startswith(sure) and not code.startswith(missing):
                return known.areas[code]
    return known.areas.get(sure)


def metres_outside(lon: float, lat: float) -> float | None:
    """Return how far a point (WGS-84 degrees) is from the nearest known area, in metres.

    0 within an outline, or within REACH of the centre of an area without one. None while a town is
    not on the map. Good to a few per cent near the city.
    """
    known = _known()
    if not known.is_placed:
        return None
    point = shapely.Point(lon, lat)
    if any(outline.intersects(point) for _code, outline in known.outlines):
        # Much faster than a distance: these outlines are prepared.
        return 0.0
    distances = [
        float(centres.metres_to(lon, lat).min()) - REACH[level]
        for level, centres in known.bare_centres.items()
    ]
    if known.outlines:
        _nearest, apart = known.city.query_nearest(
            shapely.Point(*known.flat(lon, lat)), return_distance=True, all_matches=False
        )
        distances.append(float(apart[0]))
    return max(0.0, min(distances)) if distances else None


@dataclass(frozen=True)
class _Centres:
    """Centres of one level's areas, in the order of `codes`; radians."""

    codes: list[str]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]

    def metres_to(self, lon: float, lat: float) -> npt.NDArray[np.float64]:
        x, y = math.radians(lon), math.radians(lat)
        a = np.sin((self.lat - y) / 2) ** 2
        a += math.cos(y) * np.cos(self.lat) * np.sin((self.lon - x) / 2) ** 2
        result: npt.NDArray[np.float64] = 2 * EARTH * np.arcsin(np.sqrt(np.minimum(a, 1.0)))
        return result


def by_code(code: str) -> Area | None:
    """Return the area with this code, or with its longest known prefix, or None."""
    return _known().deepest(code)


# Suffixes of official names, longest first; people leave them out.
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

FULL: Final = 0.95
"""Confidence of the official name, or of a name with its kind (田心村)."""
ALIAS: Final = 0.9
TOWN: Final = 2
"""Level of towns; counties are above."""
TOWN_SHORT: Final = 0.85
"""A town or county without its kind (佛堂)."""
SHORT: Final = 0.6
"""A village without its kind, three characters or more (孝子祠)."""
SHORTEST: Final = 0.3
"""A village without its kind, two characters: often a surname or a road instead."""
IN_TOWN: Final = 0.9
"""One of the last two if its town is named in the same text."""


def spoken_names(name: str) -> dict[str, bool]:
    """Return the names an area may be called by, each with whether it lost the word for its kind.

    spoken_names("江滨社区居委会") == {"江滨社区居委会": False, "江滨社区": False, "江滨": True}
    """
    forms = {name: False}
    called = name
    for committee, kind in _COMMITTEES:
        if name.endswith(committee) and len(name) > len(committee):
            called = name.removesuffix(committee)
            if not called.endswith(kind):
                called += kind
            # Removing a bare 居委会 leaves a name without a kind.
            forms.setdefault(called, kind == "")
            break
    for kind in _KINDS:
        if called.endswith(kind):
            forms.setdefault(called.removesuffix(kind), True)
            break
    return {
        form: short
        for form, short in forms.items()
        if form == name or (len(form) >= 2 and form not in _everyday_words())
    }


def by_words(text: str, within: str = "") -> list[Match]:
    """Return the areas that `text` may mean, most likely first, deeper first among equals.

    `within` is a code prefix that limits the result. Official names, short forms and aliases count,
    the longest first. An ambiguous form is resolved by an ancestor named in the same text;
    otherwise all candidates share the confidence. Ancestors of a likely match are left out.
    """
    known = _known()
    matches: list[Match] = []
    last = 0
    spots = []
    for found in known.finder.find(text):
        fitting = [
            form for form in known.forms[found.word].values() if form.code.startswith(within)
        ]
        if fitting and found.start >= last:
            spots.append((found, fitting))
            last = found.end
    # Areas named with certainty, by which short and ambiguous forms elsewhere in the text are
    # judged. The county is implied.
    named = [
        (tops[0].code, found.start)
        for found, forms in spots
        if len(tops := _without_descendants(forms)) == 1
        and tops[0].confidence > SHORT
        and known.areas[tops[0].code].level >= 2
    ]
    scope = known.deepest(within)
    limited = scope is not None and scope.level >= 2
    for found, forms in spots:
        above = tuple(code for code, start in named if start != found.start)
        inside = [form for form in forms if form.code.startswith(above)]
        held = bool(inside) or limited
        chosen = _without_descendants(inside or forms)
        for form in chosen:
            confidence = form.confidence
            if held and form.short:
                confidence = max(confidence, IN_TOWN)
            elif inside:
                confidence = min(0.99, confidence + 0.03)
            if form.short and text[found.end : found.end + 1] in tuple("路街道桥巷弄"):
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
    """A name by which an area may be called."""

    code: str
    confidence: float
    short: bool


def _without_descendants(forms: list[_Form]) -> list[_Form]:
    """Remove forms whose ancestor is among them: 福田 the street over 福田 the community."""
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
    left.sort(key=_likelihood)
    # Several distinct places: the appeal is about one of them, more likely one named earlier.
    rivals = sorted((m for m in left if m.confidence >= 0.5), key=lambda match: match.span)
    if len(rivals) > 1:
        share = {match.area.code: 0.8 * 0.75**rank for rank, match in enumerate(rivals)}
        left = [
            replace(match, confidence=match.confidence * share.get(match.area.code, 1.0))
            for match in left
        ]
    return sorted(left, key=_likelihood)


def _likelihood(match: Match) -> tuple[float, int, tuple[int, int]]:
    """Sort key: most likely first, deeper first among equals."""
    return -match.confidence, -len(match.area.code), match.span


@cache
def _everyday_words() -> frozenset[str]:
    lines = (Path(__file__).parent / "everyday_words.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@dataclass
class _Known:
    """All active areas as of `version`."""

    version: tuple[Any, ...]
    areas: dict[str, Area] = field(default_factory=dict)
    outlines: list[tuple[str, BaseGeometry]] = field(default_factory=list)
    centres: dict[int, _Centres] = field(default_factory=dict)
    bare_centres: dict[int, _Centres] = field(default_factory=dict)
    """Of areas without an outline of their own or around them."""
    city: shapely.STRtree = field(default_factory=lambda: shapely.STRtree([]))
    """The outlines as `flat` draws them."""
    squeeze: float = 1.0
    forms: dict[str, dict[str, _Form]] = field(default_factory=dict)
    finder: Finder = field(default_factory=lambda: Finder(()))
    box: Box | None = None
    is_placed: bool = False
    """Has each town an outline or a centre, or an area in it or around it?"""

    def flat(self, lon: float, lat: float) -> tuple[float, float]:
        """Project a point to a plane in metres that is true at the latitude of the outlines."""
        return lon * METRES_A_DEGREE * self.squeeze, lat * METRES_A_DEGREE

    def deepest(self, code: str) -> Area | None:
        """Return the area with the longest known prefix of `code`, or None."""
        prefixes = (code[:n] for n in range(len(code), 0, -1))
        return next((self.areas[each] for each in prefixes if each in self.areas), None)


_lock = threading.Lock()
_cached: _Known | None = None
_checked = 0.0


def refresh_areas() -> None:
    """Check for changed areas at the next look-up."""
    global _checked
    _checked = 0.0


def known_areas() -> dict[str, Area]:
    """Return active areas by code, without outlines; do not modify."""
    return _known().areas


def box() -> Box | None:
    """Return the bounding box of all active areas; None if none has a centre or an outline."""
    return _known().box


def version() -> tuple[Any, ...]:
    """Return a value that changes whenever `known_areas` does."""
    return _known().version


def _known() -> _Known:
    global _cached, _checked
    poll = getattr(settings, "AREAS_POLL_SECONDS", 3.0)
    if _cached is not None and _checked and time.monotonic() - _checked < poll:
        return _cached
    with _lock:
        counts = [
            model._default_manager.aggregate(n=Count("pk"), at=Max("updated_at"))
            for model in (Area, AreaAlias)
        ]
        version = (connection.settings_dict["NAME"], *(tuple(each.values()) for each in counts))
        if _cached is None or _cached.version != version:
            _cached = _load(version)
        _checked = time.monotonic()
        return _cached


def _load(version: tuple[Any, ...]) -> _Known:
    known = _Known(version)
    centres: dict[int, list[tuple[str, float, float]]] = {}
    for area in Area.objects.filter(retired_at=None).defer("outline").order_by("code"):
        known.areas[area.code] = area
        if area.lon is not None and area.lat is not None:
            centres.setdefault(area.level, []).append((area.code, area.lon, area.lat))
        for form, short in spoken_names(area.name).items():
            in_village = SHORTEST if len(form) == 2 else SHORT
            confidence = (TOWN_SHORT if area.level <= 2 else in_village) if short else FULL
            _add_form(known, form, _Form(area.code, confidence, short))
        if len(area.name_en) >= 3:
            _add_form(known, area.name_en, _Form(area.code, FULL, False))
    for code, name in AreaAlias.objects.values_list("area_id", "name"):
        if len(name) >= 2 and code in known.areas:
            _add_form(known, name, _Form(code, ALIAS, False))
    known.finder = Finder(known.forms)
    outlined = Area.objects.filter(retired_at=None, outline__isnull=False)
    for code, outline in outlined.values_list("code", "outline"):
        if outline is not None:  # a JSON null, which is not SQL's
            geometry = shape(outline)
            shapely.prepare(geometry)
            known.outlines.append((code, geometry))
    known.centres = {level: _centres_of(points) for level, points in centres.items()}
    outlined_codes = tuple(code for code, _outline in known.outlines)
    for level, points in centres.items():
        if bare := [point for point in points if not point[0].startswith(outlined_codes)]:
            known.bare_centres[level] = _centres_of(bare)
    located = {code for points in centres.values() for code, _lon, _lat in points}
    located.update(outlined_codes)
    known.is_placed = bool(located) and all(
        code.startswith(outlined_codes) or any(other.startswith(code) for other in located)
        for code, area in known.areas.items()
        if area.level <= TOWN
    )
    points_of_all = [(lon, lat) * 2 for points in centres.values() for _code, lon, lat in points]
    boxes = points_of_all + [geometry.bounds for _code, geometry in known.outlines]
    if boxes:
        west, south, east, north = zip(*boxes, strict=True)
        known.box = min(west), min(south), max(east), max(north)
        known.squeeze = math.cos(math.radians((known.box[1] + known.box[3]) / 2))
    scale = (METRES_A_DEGREE * known.squeeze, METRES_A_DEGREE)
    known.city = shapely.STRtree(
        [shapely.transform(outline, lambda at: at * scale) for _code, outline in known.outlines]
    )
    return known


def _centres_of(points: list[tuple[str, float, float]]) -> _Centres:
    return _Centres(
        [code for code, _lon, _lat in points],
        np.radians([lon for _code, lon, _lat in points]),
        np.radians([lat for _code, _lon, lat in points]),
    )


def _add_form(known: _Known, name: str, form: _Form) -> None:
    """Keep the most certain form per name and area."""
    forms = known.forms.setdefault(fold_in_place(name), {})
    if form.code not in forms or forms[form.code].confidence < form.confidence:
        forms[form.code] = form


METRES_A_DEGREE = 111_320.0
"""Of latitude, and of longitude at the equator."""
NEAREST, FARTHEST = 150.0, 300.0
"""Metres by which a point is moved for readers who may know it only roughly."""


def aside(lon: float, lat: float, turn: float, share: float) -> tuple[float, float]:
    """Move a point by NEAREST to FARTHEST metres; `turn` is radians from north, `share` (0 to 1)
    the distance, uniform by area.
    """
    far = math.sqrt(NEAREST**2 + share * (FARTHEST**2 - NEAREST**2))
    north, east = far * math.cos(turn), far * math.sin(turn)
    return (
        lon + east / (METRES_A_DEGREE * math.cos(math.radians(lat))),
        lat + north / METRES_A_DEGREE,
    )
