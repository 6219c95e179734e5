"""Periods of whole days, as rates and whistles are asked for: by name, by days, as moments."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.utils import timezone

from yinghu.appeals.models import NEVER


def _(label: str) -> str:
    """Marks a label for the translators; it is translated where it is shown."""
    return label


BEGINNING: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""Before anything was filed."""

PERIODS: Final = {
    "today": _("今天"),
    "week": _("近 7 天"),
    "days": _("近 30 天"),
    "month": _("本月"),
    "last": _("上月"),
    "all": _("全部"),
}


def period(name: str) -> tuple[date | None, date | None]:
    """First and last day of a period of PERIODS. KeyError for any other."""
    today = timezone.localdate()
    month = today.replace(day=1)
    days: dict[str, tuple[date | None, date | None]] = {
        "today": (today, today),
        "week": (today - timedelta(days=6), today),
        "days": (today - timedelta(days=29), today),
        "month": (month, today),
        "last": ((month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
        "all": (None, None),
    }
    return days[name]


def bounds(since: date | None, until: date | None) -> tuple[datetime, datetime]:
    """The moment in which a period begins, and that before which it ends."""
    begin = _midnight(since) if since else BEGINNING
    return begin, _midnight(until + timedelta(days=1)) if until else NEVER


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
