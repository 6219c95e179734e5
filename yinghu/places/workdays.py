"""Workdays: China's statutory holidays and make-up workdays (调休).

They come from `chinesecalendar`, whose table is published year by year after the State Council's
notice. A year that it does not have (next year before November, say) is taken as Monday to Friday.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import chinese_calendar

Hours = tuple[tuple[int, int], ...]
"""Spans of a working day in minutes after midnight, in order and apart."""

_YEARS: Final = range(min(chinese_calendar.holidays).year, max(chinese_calendar.holidays).year + 1)


def statutory(day: date) -> bool | None:
    """Whether China's holidays make `day` a workday (调休 too) or a day off; None in a year without
    a table.
    """
    return bool(chinese_calendar.is_workday(day)) if day.year in _YEARS else None
