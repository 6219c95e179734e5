"""The city's working time as rows: which spans it has, and the arithmetic of the database on them.

`places_shift(moment, minutes, working)` of the database moves a moment on (or back) by minutes that
go on round the clock or in working time only; `places_worked(from, to)` is the working time
between two moments, in minutes. Both read `WorkSpan`, which `lay_out` makes from `WorkDay`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection, transaction
from django.utils import timezone

from yinghu.places.models import WorkDay, WorkSpan
from yinghu.places.workdays import Hours, statutory

BACK = timedelta(days=60)
AHEAD = timedelta(days=3 * 366)
"""How far spans are laid out from today. Beyond them time goes on round the clock."""

_SPAN = re.compile(r"(\d{1,2}):([0-5]\d)\s*[-–~至]\s*(\d{1,2}):([0-5]\d)")  # as typed
_BETWEEN = re.compile(r"[\s,，;；、]*")


class BadHours(ValueError):
    """Hours that are none: `args[0]` is the part that could not be read."""


def hours_of(text: str) -> Hours:
    """Spans of a day as typed ("8:30-12:00 13:30-17:30"), in minutes after midnight; () for "".

    Raises BadHours for what is no span, and for spans that end before they begin or overlap.
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
    """Make the spans anew from the days, from `BACK` before `today` to `AHEAD` after; how many."""
    today = today or timezone.localdate()
    spans: list[WorkSpan] = []
    before = 0.0
    for opens, closes in _spans(today - BACK, today + AHEAD):
        spans.append(WorkSpan(opens=opens, closes=closes, before=before))
        before += (closes - opens) / timedelta(minutes=1)
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever reckons meanwhile reads the old spans whole, and two layers-out follow in turn.
        cursor.execute("LOCK TABLE places_workspan IN SHARE ROW EXCLUSIVE MODE")
        WorkSpan.objects.all().delete()
        WorkSpan.objects.bulk_create(spans, batch_size=2000)
    return len(spans)


def keep_laid_out() -> bool:
    """See to it that there are spans for a long time to come, as on an installation that has only
    been migrated; whether they had to be laid out.
    """
    last = WorkSpan.objects.order_by("-opens").first()
    if last is not None and last.closes > timezone.now() + AHEAD - timedelta(days=60):
        return False
    return bool(lay_out())


@dataclass(frozen=True, slots=True)
class Reckoned:
    """When a day is worked, and why: `own` date, `holiday`, `makeup` workday or day of the
    `week`.
    """

    day: date
    hours: Hours
    why: str


def reckoned(first: date, last: date) -> Iterator[Reckoned]:
    """Every day from `first` to `last`, as the rows have it now."""
    rows = dict(WorkDay.objects.values_list("key", "hours"))
    follows = rows.get(WorkDay.STATUTORY, "") == "yes"
    for n in range((last - first).days + 1):
        yield _reckon(first + timedelta(days=n), rows, follows)


def _spans(first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    zone = timezone.get_default_timezone()
    for each in reckoned(first, last):
        midnight = datetime.combine(each.day, time(), tzinfo=zone)
        for opens, closes in each.hours:
            yield midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)


def _reckon(day: date, rows: dict[str, str], follows: bool) -> Reckoned:
    own = rows.get(day.isoformat())
    if own is not None:
        return Reckoned(day, hours_of(own), "own")
    usual = rows.get(str(day.isoweekday()), "")
    works = statutory(day) if follows else None
    if works is False and usual:
        return Reckoned(day, (), "holiday")
    if works and not usual and rows.get("1"):
        # A make-up workday (调休) falls on a day off: then it is worked like a Monday. Where Monday
        # is one too, nobody works.
        return Reckoned(day, hours_of(rows["1"]), "makeup")
    return Reckoned(day, hours_of(usual), "week")


def shift(moment: datetime, minutes: float, working: bool) -> datetime:
    """`places_shift` for one moment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT places_shift(%s, %s, %s)", [moment, minutes, working])
        found: datetime = cursor.fetchone()[0]
    return found


def worked(begin: datetime, end: datetime) -> float:
    """`places_worked` for two moments."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT places_worked(%s, %s)", [begin, end])
        return float(cursor.fetchone()[0])
