"""Running clocks that follow a changed limit or calendar, where the administrator says so."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app as jobs

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import ClockKind
from yinghu.oversight.models import CalendarMove
from yinghu.oversight.sweep import FOLLOW_CALENDAR_TASK, plan_anew
from yinghu.places.calendar import lay_out

log = structlog.get_logger(__name__)

# Clocks of cases to which the limits of a category ("" for the general ones) apply.
_RUNNING = """
FROM appeals_clock AS clock JOIN appeals_appeal AS appeal ON appeal.id = clock.appeal_id
WHERE clock.stopped_at IS NULL AND clock.kind = ANY(%(kinds)s::text[])
  AND appeal.urgency = %(urgency)s
  AND CASE WHEN %(category)s <> '' THEN appeal.category_id = %(category)s
      ELSE NOT EXISTS (
          SELECT FROM appeals_clocklimit AS own WHERE own.category_id = appeal.category_id
              AND own.kind = clock.kind AND own.urgency = appeal.urgency) END
"""


def count_limited(kinds: Iterable[str], urgency: int, category: str) -> int:
    """Count the running clocks of these kinds that a category's limits apply to."""
    given: dict[str, Any] = {"kinds": list(kinds), "urgency": urgency, "category": category}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_RUNNING}", given)  # of constants only
        return int(cursor.fetchone()[0])


def count_working() -> int:
    """Count the running clocks that count working time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM appeals_clock WHERE stopped_at IS NULL AND working")
        return int(cursor.fetchone()[0])


_RETRY = RetryStrategy(max_attempts=6, exponential_wait=2)


@contextmanager
def _locked(appeal_id: int) -> Iterator[Appeal]:
    """Lock a case, as `appeals.moving.move` does, while its clocks change."""
    with transaction.atomic():
        appeal = Appeal.objects.select_for_update(no_key=True).get(pk=appeal_id)
        yield appeal
        Appeal.objects.filter(pk=appeal_id).update(due_at=clocks.next_due(appeal))


@jobs.task(name="yinghu.follow_limits", queue="oversight", retry=_RETRY)
def follow_limits(kinds: list[str], urgency: int, category: str) -> None:
    """Recompute the running clocks that a changed limit applies to, one case at a time."""
    given: dict[str, Any] = {"kinds": kinds, "urgency": urgency, "category": category}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT clock.appeal_id {_RUNNING} ORDER BY 1", given)
        cases = [row[0] for row in cursor.fetchall()]
    changed = tuple(ClockKind(kind) for kind in kinds)
    for appeal_id in cases:
        with _locked(appeal_id) as appeal:
            clocks.recompute_due(appeal, timezone.now(), changed)
    log.info("clocks follow new limits", cases=len(cases))


# Pauses and extensions lie beyond the limit itself.
_MEASURE = """
INSERT INTO oversight_calendarmove (clock_id, due_at, beyond)
SELECT id, due_at, places_worked(places_shift(started_at, minutes, true), due_at)
FROM appeals_clock WHERE stopped_at IS NULL AND working
ON CONFLICT DO NOTHING
"""
# A clock that was extended or resumed since then is right already.
_FOLLOW = """
UPDATE appeals_clock AS clock SET due_at = new.due, next_at = appeals_next_chase(
    clock.kind, clock.minutes, true, new.due, statement_timestamp())
FROM oversight_calendarmove AS move JOIN appeals_clock AS old ON old.id = move.clock_id, LATERAL (
    SELECT places_shift(
        places_shift(old.started_at, old.minutes, true), move.beyond, true) AS due
) AS new
WHERE old.appeal_id = %s AND clock.id = old.id
  AND old.stopped_at IS NULL AND old.due_at = move.due_at
"""


@jobs.task(
    name=FOLLOW_CALENDAR_TASK,
    queueing_lock=FOLLOW_CALENDAR_TASK,
    queue="oversight",
    retry=_RETRY,
)
def follow_calendar() -> None:
    """Lay out working time anew, and let running clocks keep their working minutes in it.

    They are measured in the old calendar together with the change to the new one, and then moved
    one case at a time, so that no page waits. A run that was interrupted is continued by the next.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MEASURE)
        lay_out()
    waiting = CalendarMove.objects.order_by("clock__appeal").values_list("clock__appeal", flat=True)
    cases = list(waiting.distinct())
    for appeal_id in cases:
        with _locked(appeal_id), connection.cursor() as cursor:
            cursor.execute(_FOLLOW, [appeal_id])
            CalendarMove.objects.filter(clock__appeal=appeal_id).delete()
    log.info("clocks follow the calendar", cases=len(cases), planned=plan_anew())
