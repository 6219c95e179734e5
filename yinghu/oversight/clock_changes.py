"""Running clocks that follow a changed limit or calendar, where the administrator says so."""

from collections.abc import Iterable
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as jobs

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import OF_UNITS
from yinghu.oversight.sweep import plan_anew
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


@jobs.task(name="yinghu.follow_limits", queue="oversight")
def follow_limits(kinds: list[str], urgency: int, category: str) -> None:
    """Reckon the clocks that a changed limit applies to again, one case at a time."""
    given: dict[str, Any] = {"kinds": kinds, "urgency": urgency, "category": category}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT clock.appeal_id {_RUNNING} ORDER BY 1", given)
        cases = [row[0] for row in cursor.fetchall()]
    for appeal_id in cases:
        with transaction.atomic():
            appeal = Appeal.objects.select_for_update(no_key=True).get(pk=appeal_id)
            clocks.recompute_due(appeal, timezone.now())
            Appeal.objects.filter(pk=appeal_id).update(due_at=clocks.next_due(appeal))
    log.info("clocks follow new limits", cases=len(cases))


# Pauses and extensions lie beyond the limit itself; measured before the calendar changes.
_BEYOND = """
CREATE TEMPORARY TABLE beyond ON COMMIT DROP AS
SELECT id, places_worked(places_shift(started_at, minutes, true), due_at) AS minutes
FROM appeals_clock WHERE stopped_at IS NULL AND working
"""
_FOLLOW = """
UPDATE appeals_clock AS clock SET due_at = new.due, next_at = appeals_next_chase(
    clock.kind, clock.minutes, true, new.due, statement_timestamp())
FROM beyond, appeals_clock AS old, LATERAL (
    SELECT places_shift(
        places_shift(old.started_at, old.minutes, true), beyond.minutes, true) AS due
) AS new
WHERE old.id = beyond.id AND clock.id = old.id
"""
_DUE = """
UPDATE appeals_appeal AS appeal SET due_at = next.at
FROM (
    SELECT appeal_id, min(due_at) AS at FROM appeals_clock
    WHERE stopped_at IS NULL AND paused_at IS NULL AND NOT kind = ANY(%s)
      AND appeal_id IN (SELECT appeal_id FROM appeals_clock JOIN beyond USING (id))
    GROUP BY appeal_id
) AS next WHERE next.appeal_id = appeal.id AND appeal.due_at <> next.at
"""


@jobs.task(name="yinghu.follow_calendar", queueing_lock="yinghu.follow_calendar", queue="oversight")
def follow_calendar() -> None:
    """Lay out working time anew, and let running clocks keep their working minutes in it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_BEYOND)
        lay_out()
        cursor.execute(_FOLLOW)
        moved = cursor.rowcount
        cursor.execute(_DUE, [[kind.value for kind in OF_UNITS]])
    log.info("clocks follow the calendar", clocks=moved, planned=plan_anew())
