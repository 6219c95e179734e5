"""Normalise phone numbers."""

import re

import phonenumbers
from django.conf import settings

_MASKED = re.compile(r"[*＊×●•]|[xX]{2}")
_CHINESE_MOBILE = re.compile(r"1[3-9][0-9]{9}")


def normal_phone(text: str, region: str = "") -> str:
    """Return the number in E.164 (`+8613812345678`), or "" if the text is not a valid number.

    `region` is the ISO country of numbers without a country code, by default
    `settings.PHONE_REGION`. A masked number (`138****5678`) is not valid.
    """
    if _MASKED.search(text):
        # phonenumbers would drop the stars and return another number.
        return ""
    region = region or settings.PHONE_REGION
    if region == "CN" and _CHINESE_MOBILE.fullmatch(text):
        # Shortcut for nearly all numbers: phonenumbers costs more than the rest of a filing.
        return f"+86{text}"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
