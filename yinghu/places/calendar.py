"""Working time: generate spans from working days, and compute with them in the database.

SQL `places_shift(moment, minutes, working)` moves a moment by elapsed or working minutes (back if
negative); `places_worked(from, to)` returns the working minutes between two moments. Both read
`WorkSpan`, which `lay_out` generates from `WorkDay`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import chinese_calendar
from django.db import connection, transaction
from django.utils import timezone

from yinghu.places.models import WorkDay, WorkSpan

BACK = timedelta(days=3 * 366)
"""How far back spans are generated: limits of old cases are recomputed when they are corrected."""
AHEAD = timedelta(days=3 * 366)
"""How far ahead spans are generated. Beyond them all time counts."""

_SPAN = re.compile(r"(\d{1,2}):([0-5]\d)\s*[-–~至]\s*(\d{1,2}):([0-5]\d)")  # as typed
_BETWEEN = re.compile(r"[\s,，;；、]*")


Hours = tuple[tuple[int, int], ...]
"""Spans of a working day in minutes after midnight, sorted and disjoint."""

_YEARS = range(min(chinese_calendar.holidays).year, max(chinese_calendar.holidays).year + 1)


def statutory(day: date) -> bool | None:
    """Is `day` a workday by holidays and make-up workdays (调休)? None for a year without a table.

    `chinesecalendar` follows the State Council's yearly notice. Years that it lacks (next year
    before November, for example) count as Monday to Friday.
    """
    return bool(chinese_calendar.is_workday(day)) if day.year in _YEARS else None


class BadHours(ValueError):
    """Invalid hours: `args[0]` is the part that could not be read."""


def hours_of(text: str) -> Hours:
    """Parse spans of a day ("8:30-12:00 13:30-17:30") to minutes after midnight; () for "".

    Raises BadHours for what is not a span, and for spans that overlap or end before they begin.
    """
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(text):
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # matches nothing as well
        if at == len(text):
            break
        found = _SPAN.match(text, at)
        if found is None:
            raise BadHours(text[at:])
        a, b, c, d = (int(each) for each in found.groups())
        opens, closes = 60 * a + b, 60 * c + d
        if not (spans[-1][1] if spans else 0) <= opens < closes <= 24 * 60:
            raise BadHours(found[0])
        spans.append((opens, closes))
        at = found.end()
    return tuple(spans)


def lay_out(today: date | None = None) -> int:
    """Regenerate spans, from `BACK` before `today` to `AHEAD` after; return how many."""
    today = today or timezone.localdate()
    spans: list[WorkSpan] = []
    before = 0.0
    for opens, closes in _spans(today - BACK, today + AHEAD):
        spans.append(WorkSpan(opens=opens, closes=closes, before=before))
        before += (closes - opens) / timedelta(minutes=1)
    with transaction.atomic(), connection.cursor() as cursor:
        # Concurrent readers see the old spans, and concurrent writers wait.
        cursor.execute("LOCK TABLE places_workspan IN SHARE ROW EXCLUSIVE MODE")
        WorkSpan.objects.all().delete()
        WorkSpan.objects.bulk_create(spans, batch_size=2000)
    return len(spans)


def keep_laid_out() -> bool:
    """Generate spans if they do not reach far enough ahead; return whether that was needed."""
    last = WorkSpan.objects.order_by("-opens").first()
    if last is not None and last.closes > timezone.now() + AHEAD - timedelta(days=60):
        return False
    return bool(lay_out())


@dataclass(frozen=True, slots=True)
class DayRule:
    """Hours of a day and their source: `own`, `holiday`, `makeup` or `week`."""

    day: date
    hours: Hours
    why: str


def reckoned(first: date, last: date) -> Iterator[DayRule]:
    """Yield every day from `first` to `last` by the current rows."""
    rows = dict(WorkDay.objects.values_list("key", "hours"))
    follows = rows.get(WorkDay.STATUTORY, "") == "yes"
    for n in range((last - first).days + 1):
        yield _day_rule(first + timedelta(days=n), rows, follows)


def _spans(first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    zone = timezone.get_default_timezone()
    for each in reckoned(first, last):
        midnight = datetime.combine(each.day, time(), tzinfo=zone)
        for opens, closes in each.hours:
            yield midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)


def _day_rule(day: date, rows: dict[str, str], follows: bool) -> DayRule:
    own = rows.get(day.isoformat())
    if own is not None:
        return DayRule(day, hours_of(own), "own")
    usual = rows.get(str(day.isoweekday()), "")
    works = statutory(day) if follows else None
    if works is False and usual:
        return DayRule(day, (), "holiday")
    if works and not usual and rows.get("1"):
        # A make-up workday (调休) has Monday's hours; if Monday is off, so is this day.
        return DayRule(day, hours_of(rows["1"]), "makeup")
    return DayRule(day, hours_of(usual), "week")
