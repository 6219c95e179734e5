"""Periods of whole days for rates and whistles: by name, as days, as moments."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from yinghu.appeals.models import NEVER

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
    """Return the first and last day of a period of PERIODS. KeyError for an unknown name."""
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
    """Return the moment at which a period begins, and the one before which it ends."""
    begin = _midnight(since) if since else BEGINNING
    return begin, _midnight(until + timedelta(days=1)) if until else NEVER


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
