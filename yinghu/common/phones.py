"""Phone numbers in one form, however they were typed."""

import re

import phonenumbers
from django.conf import settings

_MASKED = re.compile(r"[*＊×●•]|[xX]{2}")
_CHINESE_MOBILE = re.compile(r"1[3-9][0-9]{9}")


def normal_phone(text: str, region: str = "") -> str:
    """The number in E.164 (`+8613812345678`), or "" where the text is no valid phone number.

    `region` is the ISO country that numbers without a country code belong to; by default
    `settings.PHONE_REGION`. A masked number (`138****5678`) is none.
    """
    if _MASKED.search(text):
        # phonenumbers would leave the stars out, and call somebody else.
        return ""
    region = region or settings.PHONE_REGION
    if region == "CN" and _CHINESE_MOBILE.fullmatch(text):
        # Nearly every phone that comes; asking phonenumbers costs more than all else of a filing.
        return f"+86{text}"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
