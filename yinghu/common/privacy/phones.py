"""Phone numbers: normalised where that is certain, kept as written where it is not.

A number that cannot be normalised may still be the only way to call somebody back, so it is stored
as written. Only a certain number tells who somebody is: an extension may be another person, and a
number without its area code may be of another city.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
from django.conf import settings
from django.utils.translation import gettext as _

from yinghu.common.text import digits_in

MAX_WRITTEN = 100
"""Characters of a phone as written; a longer text is none."""
_FEWEST_DIGITS = 5
"""Digits of the shortest numbers that can be called: services and a company's own short numbers."""

_MASKED = re.compile(r"[*＊×●•]|[xX]{2}")
_CHINESE_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_NORMAL_MOBILE = re.compile(r"\+861[3-9][0-9]{9}")
_WRONG_PREFIX = re.compile(r"[(+]?0?86[)\-\s]*(1[3-9][0-9]{9})")
"""`086-13812345678`: the country code, written as if it were an area code."""
_RUN = re.compile(r"(?<![0-9A-Za-z])[+(]?[0-9](?:[\s\-()]*[0-9])+(?![0-9A-Za-z])")
_EXTENDED = re.compile(
    r"(.*[0-9)])\s*(?:转|轉|分机|分機|内线|內線|ext\.?|x|#|[-,;])+\s*:?\s*([0-9]{1,6})",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"[2-9][0-9]{6,7}")
_NO_NUMBER = re.compile(r"\d(\.\d+)?[eE]\+?\d+|(19|20)\d\d([-/.])\d\d?\3\d\d?")
"""What spreadsheets make of numbers, and dates."""
_LISTED = re.compile(r"[/,，;；、|]+")


def normal_phone(text: str, region: str = "") -> str:
    """Return the number in E.164 (`+8613812345678`), or "" if the text is not one valid number.

    `region` is the ISO country of numbers without a country code, by default
    `settings.PHONE_REGION`. A masked number (`138****5678`) or one with an extension is not valid.
    """
    if _MASKED.search(text):
        # phonenumbers would drop the stars and return another number.
        return ""
    region = region or settings.PHONE_REGION
    if region == "CN" and _LOCAL.fullmatch(re.sub(r"[\s\-]", "", text)):
        # phonenumbers reads one in a hundred as a number of another city.
        return ""
    if region == "CN" and _CHINESE_MOBILE.fullmatch(text):
        # Shortcut for nearly all numbers: phonenumbers costs more than the rest of a filing.
        return f"+86{text}"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if number.extension or not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_to_keep(text: str) -> str:
    """Return what to store of a phone as somebody wrote it.

    E.164 if that keeps every digit, else the text as written; "" if nobody can be called by it.
    """
    text = text.strip()
    if _CHINESE_MOBILE.fullmatch(text) and (number := normal_phone(text)):
        return number
    if not text or len(text) > MAX_WRITTEN or _MASKED.search(text):
        return ""
    plain = unicodedata.normalize("NFKC", text)
    if _NO_NUMBER.fullmatch(plain):
        return ""
    written = digits_in(plain)
    for part in _parts(plain):
        if digits_in(part) == written and (number := normal_phone(part)):
            return number
    return text if len(written) >= _FEWEST_DIGITS else ""


def certain_phone(text: str) -> str:
    """Return the E.164 number by which somebody is known again, "" if the text leaves a doubt."""
    if _NORMAL_MOBILE.fullmatch(text):
        return text
    if not text or len(text) > MAX_WRITTEN or _MASKED.search(text):
        return ""
    return next(filter(None, map(_number, _parts(unicodedata.normalize("NFKC", text)))), "")


def is_verified(kept: str) -> bool:
    """Is this stored phone a valid number, and not one kept as written?"""
    return bool(_NORMAL_MOBILE.fullmatch(kept)) or normal_phone(kept) == kept


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """What to dial: the number in E.164 if it can be told, else its digits, and the extension."""

    number: str
    extension: str = ""

    @property
    def uri(self) -> str:
        """For a `tel:` link; a comma waits before the extension is dialled."""
        return f"{self.number},{self.extension}" if self.extension else self.number

    def __str__(self) -> str:
        """For people: `0571 8888 8888 转 801`."""
        shown = self.number
        if shown.startswith("+"):
            number = phonenumbers.parse(shown)
            own = phonenumbers.region_code_for_country_code(number.country_code or 0)
            home = own == settings.PHONE_REGION
            kinds = phonenumbers.PhoneNumberFormat
            kind = kinds.NATIONAL if home else kinds.INTERNATIONAL
            shown = phonenumbers.format_number(number, kind)
        return _("%s 转 %s") % (shown, self.extension) if self.extension else shown


def call_for(kept: str, area_code: str) -> PhoneCall | None:
    """Return what to dial for a stored phone, completed by the city's `area_code` (`0571`)."""
    if certain := certain_phone(kept):
        return PhoneCall(certain)
    plain = unicodedata.normalize("NFKC", kept)
    for part in _parts(plain):
        if number := _completed(part, area_code):
            return PhoneCall(number)
        if extended := _EXTENDED.fullmatch(part):
            main = extended[1]
            if number := _number(main) or _completed(main, area_code):
                return PhoneCall(number, extended[2])
    bare = re.sub(r"[\s\-()]", "", plain)
    return PhoneCall(bare) if bare.isdecimal() else None


def may_be_mistyped(kept: str) -> bool:
    """Is a phone neither a valid number, with or without extension, nor a local one?"""
    call = call_for(kept, "")
    return not kept or not (call and (call.number.startswith("+") or _LOCAL.fullmatch(call.number)))


def _parts(plain: str) -> Iterator[str]:
    """The whole text, then its parts that may each be a number."""
    yield plain
    listed = [part.strip() for part in _LISTED.split(plain)]
    yield from listed
    for part in listed:
        if not _EXTENDED.fullmatch(part):
            yield from part.split()
            yield from _RUN.findall(part)


def _number(part: str) -> str:
    if wrong := _WRONG_PREFIX.fullmatch(part.strip()):
        return f"+86{wrong[1]}"
    # phonenumbers skips letters, and would read a word with digits as a number.
    return normal_phone(part) if re.fullmatch(r"[+0-9\s\-().]{5,}", part) else ""


def _completed(part: str, area_code: str) -> str:
    bare = re.sub(r"[\s\-]", "", part)
    if not _LOCAL.fullmatch(bare):
        return ""
    return normal_phone(f"{area_code}{bare}") if area_code else bare
