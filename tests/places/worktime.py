"""Working time computed in Python, as the reference for the database functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from django.db import connection
from django.utils import timezone

from yinghu.places.calendar import Hours, statutory

OFFICE_HOURS: Final[Hours] = ((8 * 60 + 30, 12 * 60), (13 * 60 + 30, 17 * 60 + 30))
"""8:30-12:00 and 13:30-17:30, 450 minutes a day."""

ROUND_THE_CLOCK: Final[Hours] = ((0, 24 * 60),)


def is_workday(day: date) -> bool:
    """Whether offices in China work on `day`; Monday to Friday in a year without a table."""
    works = statutory(day)
    return day.weekday() < 5 if works is None else works


def is_working(
    moment: datetime,
    *,
    hours: Hours = OFFICE_HOURS,
    workday: Callable[[date], bool] = is_workday,
    zone: tzinfo | None = None,
) -> bool:
    """Whether `moment` (aware) is in office hours, start included and end excluded.

    `zone` is the office's time zone, settings.TIME_ZONE by default. ValueError for a naive moment.
    """
    local = _local(moment, zone)
    if not workday(local.date()):
        return False
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in hours)


def add_working(
    start: datetime,
    minutes: float,
    *,
    hours: Hours = OFFICE_HOURS,
    workday: Callable[[date], bool] = is_workday,
    zone: tzinfo | None = None,
) -> datetime:
    """The moment when `minutes` of working time have passed since `start` (aware, any zone).

    A result at the end of a day stays there: 450 minutes from Monday 8:30 is Monday 17:30. Zero
    minutes return `start`. The result is in `start`'s zone. ValueError for negative minutes, for a
    naive start, and if there is no working time within ten years.
    """
    if minutes < 0:
        raise ValueError(f"working minutes to add must not be negative, not {minutes}")
    left = timedelta(minutes=minutes)
    if not left:
        return start
    for opens, closes in _spans(_local(start, zone), hours, workday):
        here = closes - opens
        if left <= here:
            return (opens + left).astimezone(start.tzinfo)
        left -= here
    raise ValueError("no working time within ten years: check the office hours and workdays")


def working_minutes(
    start: datetime,
    end: datetime,
    *,
    hours: Hours = OFFICE_HOURS,
    workday: Callable[[date], bool] = is_workday,
    zone: tzinfo | None = None,
) -> float:
    """Minutes of working time from `start` to `end` (both aware), 0 where the end comes first."""
    stop = _local(end, zone)
    total = timedelta()
    for opens, closes in _spans(_local(start, zone), hours, workday):
        if opens >= stop:
            break
        total += min(closes, stop) - opens
    return total / timedelta(minutes=1)


def _local(moment: datetime, zone: tzinfo | None) -> datetime:
    if timezone.is_naive(moment):
        raise ValueError(f"working time needs a moment with a time zone, not {moment!r}")
    return moment.astimezone(zone or timezone.get_default_timezone())


def _spans(
    start: datetime, hours: Hours, workday: Callable[[date], bool]
) -> Iterator[tuple[datetime, datetime]]:
    """Working spans from `start` on, in UTC so that lengths are right across DST changes."""
    since = start.astimezone(UTC)
    for offset in range(3660):
        day = start.date() + timedelta(days=offset)
        if not workday(day):
            continue
        midnight = datetime.combine(day, time(), tzinfo=start.tzinfo)
        for opens, closes in hours:
            first = (midnight + timedelta(minutes=opens)).astimezone(UTC)
            last = (midnight + timedelta(minutes=closes)).astimezone(UTC)
            if last > since:
                yield max(first, since), last


def shift(moment: datetime, minutes: float, working: bool) -> datetime:
    """Result of the database function `places_shift`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT places_shift(%s, %s, %s)", [moment, minutes, working])
        found: datetime = cursor.fetchone()[0]
    return found


def worked(begin: datetime, end: datetime) -> float:
    """Result of the database function `places_worked`, in minutes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT places_worked(%s, %s)", [begin, end])
        return float(cursor.fetchone()[0])
