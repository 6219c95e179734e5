"""Phone numbers in groups, as people read them out: 138 0001 0003."""

from __future__ import annotations

import re

import phonenumbers
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_MASKED = re.compile(r"(\d*)(\*+)(\d*)")


def phone_groups(phone: str) -> list[str]:
    """Split an E.164 or masked number into groups: a domestic one without the country code.

    A text that is no such number stays whole, as somebody wrote it.
    """
    if masked := _MASKED.fullmatch(phone):
        return [group for group in masked.groups() if group]
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return [phone] if phone else []
    if number.extension or not phonenumbers.is_valid_number(number):
        return [phone]
    domestic = number.country_code == phonenumbers.country_code_for_region(settings.PHONE_REGION)
    form = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(
        number, form.NATIONAL if domestic else form.INTERNATIONAL
    ).split()


def draw_phone(phone: str) -> SafeString:
    """Draw a number in groups. The gaps are margins, so that a copied number can be dialled."""
    groups = format_html_join("", "<span>{}</span>", ((group,) for group in phone_groups(phone)))
    return format_html('<bdi class="phone-groups" dir="ltr">{}</bdi>', groups)
