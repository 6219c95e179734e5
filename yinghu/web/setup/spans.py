"""Lengths of time as people write them: 2 小时, 3 天, 1 天 2 小时, 90 (minutes), 2 hours."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.parsing import plain_digits

_UNITS = (
    (1, ("分钟", "分", "minutes", "minute", "mins", "min", "m")),
    (60, ("个小时", "小时", "钟头", "时", "hours", "hour", "hrs", "hr", "h")),
    (24 * 60, ("天", "日", "days", "day", "d")),
    (7 * 24 * 60, ("周", "星期", "weeks", "week", "w")),
)
_FACTORS = {word: factor for factor, words in _UNITS for word in words}
_PART = re.compile(
    r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*("
    + "|".join(sorted(_FACTORS, key=len, reverse=True))
    + r"|)\s*(?:,|，|又|and)?",
    re.ASCII | re.IGNORECASE,
)
_HALF = str.maketrans("．　", ". ")
LONGEST = 366 * 24 * 60


def minutes_in(text: str) -> int:
    """How many minutes `text` says. ValueError where it says none."""
    rest = plain_digits(text).translate(_HALF).strip()
    total, at, parts = Decimal(0), 0, 0
    while at < len(rest):
        found = _PART.match(rest, at)
        if found is None or (not found[2] and (parts or found.end() < len(rest))):
            raise ValueError(text)
        total += Decimal(found[1]) * _FACTORS.get(found[2].lower(), 1)
        at, parts = found.end(), parts + 1
    if not parts or total != int(total):
        raise ValueError(text)
    return int(total)


def said(minutes: int) -> str:
    """So many minutes in words, exactly; what `minutes_in` reads again."""
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    parts = []
    if days:
        parts.append(ngettext("%d 天", "%d 天", days) % days)
    if hours:
        parts.append(ngettext("%d 小时", "%d 小时", hours) % hours)
    if left or not parts:
        parts.append(ngettext("%d 分钟", "%d 分钟", left) % left)
    return " ".join(parts)


class SpanField(forms.CharField):
    """A length of time in words; the value is whole minutes, None where nothing is written."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=30)

    def clean(self, value: Any) -> int | None:
        text = str(super().clean(value)).strip()
        if not text:
            return None
        try:
            minutes = minutes_in(text)
        except ValueError:
            raise ValidationError(
                _("“%s”看不懂；请写成“30 分钟”“2 小时”“3 天”这样") % text
            ) from None
        if minutes == 0:
            raise ValidationError(_("不能是零：一提交就超时了。不计时就空着"))
        if minutes > LONGEST:
            raise ValidationError(_("太长了，最多一年"))
        return minutes
