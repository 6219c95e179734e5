"""Parse and format durations as people write them.

Examples: 2 小时, 1 天 2 小时, 90 (minutes), 2 hours; of working time: 3 个工作日, 2 working days.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from yinghu.common.text import plain_digits

_UNITS = (
    (1, ("分钟", "分", "minutes", "minute", "mins", "min", "m")),
    (60, ("个小时", "小时", "钟头", "时", "hours", "hour", "hrs", "hr", "h")),
    (24 * 60, ("天", "日", "days", "day", "d")),
    (7 * 24 * 60, ("周", "星期", "weeks", "week", "w")),
)
WORKING_DAY = 450
"""Minutes of a working day (工作日) as typed and displayed; minutes are stored."""

_WORKING_UNITS = (
    (1, ("个工作分钟", "工作分钟", "working minutes", "working minute")),
    (60, ("个工作小时", "工作小时", "工作时", "working hours", "working hour")),
    (WORKING_DAY, ("个工作日", "工作日", "个工作天", "工作天", "working days", "working day")),
)


def _part_pattern(factors: Iterable[str]) -> re.Pattern[str]:
    words = "|".join(sorted(factors, key=len, reverse=True))
    number = r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*"
    return re.compile(f"{number}({words}|)\\s*(?:,|，|又|and)?", re.ASCII | re.IGNORECASE)


_FACTORS = {word: factor for factor, words in _UNITS for word in words}
_WORKING_FACTORS = {word: factor for factor, words in _WORKING_UNITS for word in words}
_PART, _WORKING_PART = _part_pattern(_FACTORS), _part_pattern(_WORKING_FACTORS)
_WORKING = re.compile("工作|working", re.IGNORECASE)
_HALF = str.maketrans("．　", ". ")
LONGEST = 366 * 24 * 60


def parse_minutes(text: str) -> int:
    """Parse a duration to minutes. Raises ValueError."""
    return _parse(text, _PART, _FACTORS)


def parse_working_minutes(text: str) -> int | None:
    """Parse a duration of working time to minutes; None for other durations. Raises ValueError."""
    return _parse(text, _WORKING_PART, _WORKING_FACTORS) if _WORKING.search(text) else None


def _parse(text: str, part: re.Pattern[str], factors: Mapping[str, int]) -> int:
    rest = plain_digits(text).translate(_HALF).strip()
    total, at, parts = Decimal(0), 0, 0
    while at < len(rest):
        found = part.match(rest, at)
        if found is None or (not found[2] and (parts or found.end() < len(rest))):
            raise ValueError(text)
        total += Decimal(found[1]) * factors.get(found[2].lower(), 1)
        at, parts = found.end(), parts + 1
    if not parts or total != int(total):
        raise ValueError(text)
    return int(total)


_PARTS = (
    ngettext_lazy("%d 天", "%d 天"),
    ngettext_lazy("%d 小时", "%d 小时"),
    ngettext_lazy("%d 分钟", "%d 分钟"),
)
_WORKING_PARTS = (
    ngettext_lazy("%d 个工作日", "%d 个工作日"),
    ngettext_lazy("%d 个工作小时", "%d 个工作小时"),
    ngettext_lazy("%d 个工作分钟", "%d 个工作分钟"),
)


def format_minutes(minutes: int) -> str:
    """Format minutes so that `parse_minutes` reads them back exactly."""
    return _format(minutes, 24 * 60, _PARTS)


def format_working_minutes(minutes: int) -> str:
    """Format minutes of working time so that `parse_working_minutes` reads them back."""
    return _format(minutes, WORKING_DAY, _WORKING_PARTS)


def _format(minutes: int, day: int, texts: Sequence[Any]) -> str:
    days, rest = divmod(minutes, day)
    parts = [text % n for text, n in zip(texts, (days, *divmod(rest, 60)), strict=True) if n]
    return " ".join(parts) or texts[-1] % 0


Limit = int | dict[str, int]
"""A limit in a row's state: minutes, or {"working": minutes} of working time."""


def format_limit(limit: Limit) -> str:
    """Format a limit so that `LimitField` reads it back."""
    return (
        format_working_minutes(limit["working"])
        if isinstance(limit, dict)
        else format_minutes(limit)
    )


class SpanField(forms.CharField):
    """A duration; the value is whole minutes, None if empty."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=30)

    def clean(self, value: Any) -> int | None:
        text = str(super().clean(value)).strip()
        if not text:
            return None
        try:
            minutes = parse_minutes(text)
        except ValueError:
            wrong = _("“%s”看不懂；请写成“30 分钟”“2 小时”“3 天”这样") % text
            raise ValidationError(wrong) from None
        return _bounded(minutes)


def _bounded(minutes: int) -> int:
    if minutes == 0:
        raise ValidationError(_("不能是零：一提交就超时了。不计时就空着"))
    if minutes > LONGEST:
        raise ValidationError(_("太长了，最多一年"))
    return minutes


class LimitField(SpanField):
    """A limit, possibly of working time; the value is a `Limit` or None."""

    def clean(self, value: Any) -> Any:
        text = str(forms.CharField.clean(self, value)).strip()
        try:
            working = parse_working_minutes(text)
        except ValueError:
            wrong = _("“%s”看不懂；工作时间请写成“3 个工作日”“4 个工作小时”") % text
            raise ValidationError(wrong) from None
        if working is None:
            return super().clean(value)
        return {"working": _bounded(working)}


_SIDE = re.compile(
    r"\s*(到期前|提前|超时前|before|-|−|－)?\s*(超时后|超时|再过|after|\+|＋)?\s*(.*?)\s*(before|after)?\s*",
    re.IGNORECASE | re.DOTALL,
)


class OffsetField(forms.CharField):
    """A span before (到期前 1 天, -1 天) or after (超时 5 天) a moment; in minutes, 0 for ""."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=30)

    def clean(self, value: Any) -> int:
        text = str(super().clean(value)).strip()
        found = _SIDE.fullmatch(text)
        if not text or found is None or text == "0":
            return 0
        early, late, length, side = found.groups()
        side = (side or "").lower()
        try:
            if bool(early) + bool(late) + bool(side) > 1:
                raise ValueError(text)
            minutes = parse_minutes(length)
        except ValueError:
            wrong = _("“%s”看不懂；请写成“到期前 1 天”或“超时 5 天”，不加减就空着") % text
            raise ValidationError(wrong) from None
        if minutes > LONGEST:
            raise ValidationError(_("太长了，最多一年"))
        return -minutes if early or side == "before" else minutes


def format_offset(minutes: int) -> str:
    """Format an offset so that `OffsetField` reads it back; "" for zero."""
    if not minutes:
        return ""
    return (_("到期前 %s") if minutes < 0 else _("超时 %s")) % format_minutes(abs(minutes))
