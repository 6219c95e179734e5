"""Typeahead search for areas, by code, part of the name or pinyin initials."""

from functools import lru_cache
from typing import NamedTuple

from yinghu.common.chinese import fold_text
from yinghu.common.pinyin import initials
from yinghu.places import locate
from yinghu.places.models import Area


class _Candidate(NamedTuple):
    code: str
    level: int
    names: tuple[str, ...]
    letters: str


@lru_cache(maxsize=4)
def _candidates(version: object) -> list[_Candidate]:
    return [
        _Candidate(
            area.code,
            area.level,
            tuple(fold_text(name) for name in (area.name, area.name_en) if name),
            initials(area.name),
        )
        for area in locate.known_areas().values()
    ]


def suggest_areas(text: str, most: int = 12) -> list[Area]:
    """Return areas matching names or pinyin initials (`ftjd` for 福田街道), most likely first."""
    text = fold_text(text.strip())
    if not text:
        return []
    areas = locate.known_areas()
    ranked = sorted(
        (rank, area.level, area.code)
        for area in _candidates(locate.version())
        if (rank := _rank(area, text)) is not None
    )
    found = [areas[code] for _rank_, _level, code in ranked[:most] if code in areas]
    return found or [near.area for near in locate.by_words(text)[:most]]


def _rank(area: _Candidate, text: str) -> int | None:
    if area.code == text:
        return 0
    if any(name.startswith(text) for name in area.names):
        return 1
    if area.letters.startswith(text):
        return 2
    if any(text in name for name in area.names):
        return 3
    if area.code.startswith(text):
        return 4
    return 5 if len(text) > 1 and text in area.letters else None
