"""China's statutory holidays and make-up workdays (调休), from `chinesecalendar`.

Its table follows the State Council's yearly notice. Years that it lacks (next year before November,
for example) count as Monday to Friday.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import chinese_calendar

Hours = tuple[tuple[int, int], ...]
"""Spans of a working day in minutes after midnight, sorted and disjoint."""

_YEARS: Final = range(min(chinese_calendar.holidays).year, max(chinese_calendar.holidays).year + 1)


def statutory(day: date) -> bool | None:
    """Is `day` a workday by holidays and make-up days? None for a year without a table."""
    return bool(chinese_calendar.is_workday(day)) if day.year in _YEARS else None
