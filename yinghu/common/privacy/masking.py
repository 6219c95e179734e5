"""Mask names, phones and free text, so that nobody can be called or identified."""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from stdnum import damm

from yinghu.common.text import digits_in

_DIGIT_FORMS = (
    "〇零○◯",
    "一幺壹",
    "二两兩贰貳",
    "三叁參",
    "四肆",
    "五伍",
    "六陆陸",
    "七柒",
    "八捌",
    "九玖",
)
_CHINESE_DIGITS = {drawn: str(digit) for digit, same in enumerate(_DIGIT_FORMS) for drawn in same}
"""Chinese digits in their written and spoken forms."""
_HAN = "०१२३४५६७८९"
_SEVERAL = "٠"
"""Plain forms (`_Plain`) of Chinese digits, and of a character that stands for several digits."""
_MAX_CACHED = 20_000
"""Characters whose plain form is cached; a city's texts use some thousands."""


@lru_cache(maxsize=1_000)
def _digits_of(char: str) -> tuple[str, bool]:
    """Return the digits that a character stands for ("" for none), and whether it is Chinese."""
    plain = unicodedata.normalize("NFKC", char).lstrip("(〔")
    if plain[:1] in _CHINESE_DIGITS:
        return _CHINESE_DIGITS[plain[0]], True
    if plain[:1].isdecimal():
        # `1.`, `1日`, `10` are one character each; `㎡` is not a number.
        return digits_in(plain), False
    value = unicodedata.numeric(char, -1.0)
    known = value >= 0 and unicodedata.category(char) in ("No", "Nl")
    return str(int(value)) if known else "", False


class _Plain(dict[int, str]):
    """Mapping for `str.translate`, one character to one, so that patterns match every script:
    digits become 0 to 9, Chinese ones `_HAN`, several in one `_SEVERAL`; all match `\\d`.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        digits, chinese = _digits_of(char)
        plain = digits or char
        if len(digits) > 1:
            plain = _SEVERAL
        elif chinese:
            plain = _HAN[int(digits)]
        if len(self) < _MAX_CACHED:
            self[code] = plain
        return plain


_plain = _Plain()

_EXTENSION = r"(?:\s{0,2}(?:转|轉|分机|分機|内线|內線|[Ee][Xx][Tt]\.?|[Xx])[\W_]{0,3}\d{1,6})"
"""What follows a phone of a switchboard; it tells which person."""
_MAYBE_PHONE = re.compile(rf"\d(?:[\W_]{{0,3}}\d){{6,}}{_EXTENSION}?|\d(?:[\W_]{{0,3}}\d){{3,}}")
"""Digits with up to three marks or blanks between; four may be seven, because ㊿ is two."""
_PART_OF_PHONE = re.compile(rf"\d(?:[\W_]{{0,3}}\d){{4,}}{_EXTENSION}?")
_SHORTEST_PHONE = 7
"""Digits of the shortest phone."""

_DATE = r"20[0-9]{2}(?P<mark>[-./])(?:0?[1-9]|1[0-2])(?P=mark)(?:0?[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01]?[0-9]|2[0-4])[:：][0-5][0-9](?:[:：][0-5][0-9])?"
_NOT_A_PHONE = re.compile(
    rf"(?<!\d)(?<!\d[-./:：])(?:(?P<date>{_DATE})|(?P<case>[0-9]{{4}}-[0-9]{{4}}-[0-9])"
    rf"|{_TIME}(?:\s?[-~～‐‑–—－]\s?{_TIME})?)(?!\d|[-./:：]\d)"
)
"""Numbers that are not phones: dates, case numbers, one or two times."""
_MOBILE = re.compile(r"(?:(?:00)?86|0)?1[3-9][0-9]{9}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LIST_MARKS = frozenset(",，、")


def without_numbers(text: str) -> str:
    """Mask everything that could be a phone or identity number.

    People write their phone into the text, which volunteers see before they take the case. Runs of
    seven or more digits are masked, in any script and in Chinese, with up to three marks, blanks or
    invisible characters between. Our own case numbers (by check digit), dates, times and lists of
    small numbers stay.
    """
    plain = text.translate(_plain)
    parts: list[str] = []
    end = 0
    for found in _MAYBE_PHONE.finditer(plain):
        start, stop = found.span()
        parts += (text[end:start], _mask_run(text[start:stop], found[0]))
        end = stop
    return "".join((*parts, text[end:]))


def without_digits(text: str) -> str:
    """Remove everything that could be part of a phone: runs of five or more digits, as above."""
    text = unicodedata.normalize("NFKC", text)
    parts: list[str] = []
    end = 0
    for found in _PART_OF_PHONE.finditer(text.translate(_plain)):
        parts.append(text[end : found.start()])
        end = found.end()
    return " ".join((*parts, text[end:]))


def has_digits(text: str) -> bool:
    """Does any character stand for a digit?"""
    return any(map(str.isdecimal, unicodedata.normalize("NFKC", text).translate(_plain)))


def _mask_run(said: str, plain: str) -> str:
    first, last, beside = _span_without_words(plain)
    parts = [said[:first]]
    end = first
    for start, stop in (*_harmless_spans(plain), (last, last)):
        parts += (_mask_digits(said[end:start], plain[end:start], beside), said[start:stop])
        end = stop
    return "".join((*parts, said[last:]))


def _span_without_words(plain: str) -> tuple[int, int, int]:
    """Return the span of a run without a single Chinese digit at either end if the rest is in other
    digits (`13812345678一直打不通`, `两 13812345678`), and how many were cut.
    """
    places = [at for at, char in enumerate(plain) if char.isdecimal()]
    first, last, beside = 0, len(plain), 0
    if plain[places[0]] in _HAN and plain[places[1]] not in _HAN:
        first, beside = places[1], 1
    if plain[places[-1]] in _HAN and plain[places[-2]] not in _HAN:
        last, beside = places[-2] + 1, beside + 1
    return first, last, beside


def _harmless_spans(plain: str) -> list[tuple[int, int]]:
    """Return the spans of non-phones (`_NOT_A_PHONE`), except those that form a mobile number with
    neighbouring digits (`138 2012-12-12`).
    """
    if _SEVERAL in plain:
        return []
    found = [stamp for stamp in _NOT_A_PHONE.finditer(plain) if _is_valid_case_number(stamp)]
    if not found:
        return []
    dated = {at for stamp in found if stamp["date"] for at in range(*stamp.span())}
    places = [at for at, char in enumerate(plain) if char.isdecimal()]
    digits = "".join(str(int(plain[at])) for at in places)
    edges = {0, len(places)} | {
        nth
        for nth, (before, at) in enumerate(pairwise(places), 1)
        if at > before + 1 or plain[at] in _HAN or plain[before] in _HAN
    }
    mobile: set[int] = set()
    for nth, at in enumerate(places):
        if nth in edges and at not in dated:
            number = _MOBILE.match(digits, nth)
            if number and number.end() in edges:
                mobile.update(places[nth : number.end()])
    return [stamp.span() for stamp in found if mobile.isdisjoint(range(*stamp.span()))]


def _is_valid_case_number(stamp: re.Match[str]) -> bool:
    return not stamp["case"] or damm.is_valid(stamp["case"].replace("-", ""))


def _mask_digits(said: str, plain: str, beside: int) -> str:
    """Mask a run as long as a phone, except lists of small numbers; `beside` more may belong."""
    digits = "".join(_digits_of(char)[0] for char in said)
    if len(digits) < _SHORTEST_PHONE:
        return said
    groups = re.findall(r"\d+", plain)
    first, *_, last = (at for at, char in enumerate(plain) if char.isdecimal())
    between = re.findall(r"\D+", plain[first : last + 1])
    if (
        len(digits) + beside < 10
        and max(map(len, groups)) < 3
        and all(set(mark) & _LIST_MARKS for mark in between)
    ):
        return said
    shown = f"{digits[:3] if len(digits) > 9 else ''}****{digits[-2:]}"
    return f"{said[:first]}{shown}{said[last + 1 :]}"


def mask_name(name: str) -> str:
    """`王小明` becomes `王**`, `Maria Silva` becomes `M**`."""
    return f"{name[0]}**" if name else ""


def mask_phone(phone: str) -> str:
    """`+8613812345678` becomes `138****5678`.

    Short numbers, and those kept as written (`0571-88888888转801`), show their last two digits, and
    the first three only if there are ten or more.
    """
    if not _E164.fullmatch(phone):
        digits = digits_in(unicodedata.normalize("NFKC", phone))
        return f"{digits[:3] if len(digits) > 9 else ''}****{digits[-2:]}" if digits else ""
    digits = phone.removeprefix("+86").removeprefix("+")
    if len(digits) < 8:
        return "****" + digits[-2:] if digits else ""
    return f"{digits[:3]}****{digits[-4:]}"
