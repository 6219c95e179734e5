"""Likeness of two appeals: are they the same matter, and what speaks for it?

Words, place and need decide; the caller is one voice among them. A grid worker files for many
families by one phone, and neighbours report one leak by many. What somebody needs at home is a
matter of their household, so there another door or another name makes another matter.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from yinghu.common.chinese import fold_text
from yinghu.triage.similarity import grams

ENOUGH: Final = 0.5
"""Score from which an earlier appeal is offered as the same matter."""
FEWEST_WORDS: Final = 0.12
"""Similarity of the words below which nothing else counts, except asking again."""

_PLACE, _NEED, _CALLER = 0.25, 0.1, 0.15
_PLACE_OF_HOUSEHOLD: Final = 0.1
_ELSEWHERE, _OTHER_NEED, _OTHER_DOOR, _OTHER_HOUSEHOLD = 0.4, 0.7, 0.8, 0.3
_DETAILED: Final = 40
"""Pairs of characters from which a text is about one household, even without its name."""

_AGAIN: Final = re.compile(
    "还是?(没|不|在|饿)|怎么还|什么时候|几时|上次|前几天|再次|又来|催|一直(没|不)|都.{1,4}(天|小时|个月)了"
    "|still (no|not|waiting)|when will|again"
)
_NUMERALS: Final = str.maketrans("一二两三四五六七八九", "1223456789")
_DOOR: Final = re.compile(r"(\d+)(?=[幢栋号楼单元室户弄座]|[-－]\d)|(?<=[-－幢栋号楼元])(\d{2,4})")
_SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕"
    "丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙史陶贺毛郝顾龚邵万覃武钱戴"
)
_PERSON: Final = re.compile(
    f"([{_SURNAMES}][\u4e00-\u9fff]{{0,2}}?)(?=家(?![里人门长属庭用乡])|大爷|大伯|大妈|大姐|奶奶"
    "|爷爷|老人|先生|女士|阿姨|叔|师傅|同志|婆婆)"
    f"|(?:我是|我叫|帮|给|替|名叫|姓名)([{_SURNAMES}][\u4e00-\u9fff]{{1,2}})"
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What is compared of an appeal: its words, and blind indexes of who and where, if known."""

    text: str
    klass: str = ""
    category: str | None = None
    area: str = ""
    place: int | None = None
    caller: bytes | None = None
    person: bytes | None = None
    door: bytes | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """Score, 0 to 1, and the names of what speaks for it (`REASONS`)."""

    score: float
    why: tuple[str, ...]


REASONS: Final = ("words", "place", "need", "caller", "again")
"""Names of reasons, as stored in `Duplicate.why`, separated by spaces."""


def compare(later: Traits, earlier: Traits, words: float, *, is_open: bool) -> Likeness:
    """Compare two appeals; `words` is the similarity of their texts (`similarity.alike`)."""
    same_caller = later.caller is not None and later.caller == earlier.caller
    same_need = later.category is not None and later.category == earlier.category
    is_need = "need" in (later.klass, earlier.klass)
    together, apart = _places(later, earlier)
    differs = _differ(later, earlier)
    if same_caller and same_need and is_open and not (differs or apart) and _asks_again(later):
        again = max(ENOUGH, words)
        return Likeness(again, tuple(_reasons(words, together, again=True)))
    if words < FEWEST_WORDS:
        return Likeness(0.0, ())
    score = words
    if is_need and not same_caller:
        # Many households need the same, in few words.
        shorter = min(len(grams(later.text)), len(grams(earlier.text)))
        score *= min(1.0, shorter / _DETAILED)
    of_household = is_need and not same_caller
    score += (_PLACE_OF_HOUSEHOLD if of_household else _PLACE) if together else 0.0
    score += _NEED if same_need else 0.0
    score += _CALLER if same_caller else 0.0
    if apart:
        score *= _ELSEWHERE
    if None not in (later.category, earlier.category) and not same_need:
        score *= _OTHER_NEED
    if differs:
        score *= _OTHER_HOUSEHOLD if is_need or same_caller else _OTHER_DOOR
    reasons = _reasons(words, together, need=same_need, caller=same_caller)
    return Likeness(min(score, 1.0), tuple(reasons))


def _reasons(
    words: float,
    together: bool,
    *,
    need: bool = True,
    caller: bool = True,
    again: bool = False,
) -> list[str]:
    held = {
        "words": words >= ENOUGH / 2,
        "place": together,
        "need": need,
        "caller": caller,
        "again": again,
    }
    return [name for name in REASONS if held[name]]


def _places(later: Traits, earlier: Traits) -> tuple[bool, bool]:
    """Are both at the same place, or at places that are known to differ?"""
    if later.place is not None and later.place == earlier.place:
        return True, False
    if not (later.area and earlier.area):
        return False, False
    shorter, longer = sorted((later.area, earlier.area), key=len)
    within = longer.startswith(shorter)
    # A town is too large to be the same place.
    return within and len(shorter) >= VILLAGE, not within


VILLAGE: Final = 12
"""Digits of the code of a village; shorter codes are of larger areas."""


def _differ(later: Traits, earlier: Traits) -> bool:
    """Do they name different people or doors?"""
    named = zip(named_in(later.text), named_in(earlier.text), strict=True)
    agree = [mine <= theirs or theirs <= mine for mine, theirs in named if mine and theirs]
    if agree:
        # Whoever files it, the text says for whom.
        return not all(agree)
    same_person = later.person is not None and later.person == earlier.person
    same_door = later.door is not None and later.door == earlier.door
    if same_person or same_door:
        # Written otherwise, perhaps.
        return False
    return _both_differ(later.person, earlier.person) or _both_differ(later.door, earlier.door)


def _both_differ(a: bytes | None, b: bytes | None) -> bool:
    return a is not None and b is not None and a != b


@lru_cache(maxsize=2048)
def named_in(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the numbers of doors, and the people, that a text names."""
    plain = fold_text(text)
    counted = plain.translate(_NUMERALS)
    doors = frozenset(a or b for a, b in _DOOR.findall(counted))
    return doors, frozenset(a or b for a, b in _PERSON.findall(plain))


def _asks_again(later: Traits) -> bool:
    return _AGAIN.search(fold_text(later.text)) is not None
