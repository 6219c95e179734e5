"""Sweep of due chasing steps, found by an index and processed in batches.

One statement takes due clocks that no other worker is processing, writes an event for each step,
and sets each clock to its next step. So any number of workers share the work without doing a step
twice, and a worker that is killed has done a batch completely or not at all. Recipients are derived
from the event (`notifications.audience`); other effects are in `reactions.py`.
"""

from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as jobs
from procrastinate.contrib.django.models import ProcrastinateJob

from yinghu.appeals.filing import ALARM_QUEUE, REACT_TASK, URGENT_PRIORITY
from yinghu.appeals.notify import notify_change
from yinghu.common.job_queue import queue
from yinghu.oversight.actions import CHASE
from yinghu.places.calendar import lay_out

log = structlog.get_logger(__name__)

FOLLOW_CALENDAR_TASK = "yinghu.follow_calendar"
BATCH = 500
"""Clocks processed in one transaction."""

# `unit` is a clock's own, where it differs from the unit that has the case. Reminders of overdue
# clocks are skipped: the overdue step says more. The status does not change, so the tallies need
# not count these events.
_DUE = """
    SELECT clock.id, clock.kind, clock.unit_id, clock.minutes, clock.working, clock.due_at,
           clock.next_at, clock.appeal_id, appeal.version, appeal.status, appeal.klass,
           appeal.category_id, appeal.unit_id AS case_unit_id, appeal.area_id
    FROM appeals_clock AS clock JOIN appeals_appeal AS appeal ON appeal.id = clock.appeal_id
    WHERE clock.next_at <= %(now)s AND clock.stopped_at IS NULL AND clock.paused_at IS NULL
    ORDER BY clock.next_at LIMIT %(limit)s
    FOR NO KEY UPDATE OF clock, appeal SKIP LOCKED
"""
_CHASE = f"""
WITH due AS MATERIALIZED (
    {_DUE}
), step AS (
    SELECT due.*, step.id AS step_id, step.act, step.tell, step.percent, step.moment,
           row_number() OVER (PARTITION BY due.appeal_id ORDER BY step.moment, due.id, step.id) AS n
    FROM due, LATERAL (
        SELECT id, act, tell, percent, places_shift(
            due.due_at, (percent - 100) * due.minutes / 100 + step.minutes, due.working) AS moment
        FROM appeals_chasestep AS step
        WHERE active AND step.kind = CASE
            WHEN EXISTS (
                SELECT FROM appeals_chasestep AS own WHERE own.kind = due.kind AND own.active
            ) THEN due.kind ELSE '' END
    ) AS step
    WHERE step.moment BETWEEN due.next_at AND %(now)s
      AND (step.act <> 'remind' OR due.due_at > %(now)s)
), moved AS (
    UPDATE appeals_clock AS clock SET next_at = appeals_next_chase(
        due.kind, due.minutes, due.working, due.due_at, %(now)s)
    FROM due WHERE clock.id = due.id
), event AS (
    INSERT INTO appeals_event (
        appeal_id, seq, verb, from_status, to_status, actor_kind, words, why, facts, klass,
        category_id, unit_id, area_id, at)
    SELECT appeal_id, version + n, %(verb)s, status, status, 'system', '', '', jsonb_strip_nulls(
               jsonb_build_object('clock', kind, 'act', act, 'tell', tell, 'percent', percent,
                                  'due', due_at, 'unit_id', unit_id)),
           klass, category_id, case_unit_id, area_id, %(now)s
    FROM step
    RETURNING id, appeal_id, facts->>'clock' IN ('alarm', 'judge') AS of_alarm
), bumped AS (
    UPDATE appeals_appeal AS appeal SET version = version + said.n
    FROM (SELECT appeal_id, count(*) AS n FROM step GROUP BY appeal_id) AS said
    WHERE appeal.id = said.appeal_id
)
SELECT (SELECT count(*) FROM due), array(SELECT id FROM event WHERE NOT of_alarm ORDER BY id),
       array(SELECT id FROM event WHERE of_alarm ORDER BY id),
       array(SELECT DISTINCT appeal_id FROM event)
"""  # noqa: S608  # of constants only


def due(limit: int = BATCH) -> int:
    """Count the clocks, up to `limit`, that the next sweep would find."""
    given: dict[str, Any] = {"now": timezone.now(), "limit": limit}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DUE, given)
        return len(cursor.fetchall())


def chase(limit: int = BATCH) -> int:
    """Process up to `limit` clocks with a due step, all or none; return how many."""
    given: dict[str, Any] = {"now": timezone.now(), "limit": limit, "verb": CHASE.name}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CHASE, given)
        found, events, of_alarms, appeals = cursor.fetchone()
        if of_alarms:
            queue(REACT_TASK, to=ALARM_QUEUE, priority=URGENT_PRIORITY, events=of_alarms)
        if events:
            queue(REACT_TASK, events=events)
        if appeals:
            notify_change(CHASE.name, appeals)
    return int(found)


def plan_anew(limit: int = 5000) -> int:
    """Recompute the next step of every running clock after the steps were changed; return how many.

    Steps in the past are not made up for; steps due now are left to the sweep.
    """
    last, done = 0, 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                """
                WITH part AS (
                    SELECT id FROM appeals_clock WHERE id > %s AND stopped_at IS NULL
                        AND (next_at IS NULL OR next_at > statement_timestamp())
                    ORDER BY id LIMIT %s FOR NO KEY UPDATE
                ), changed AS (
                    UPDATE appeals_clock AS clock SET next_at = appeals_next_chase(
                        kind, minutes, working, due_at, statement_timestamp())
                    FROM part WHERE clock.id = part.id
                )
                SELECT max(id), count(*) FROM part
                """,
                [last, limit],
            )
            highest, count = cursor.fetchone()
        if not count:
            return done
        last, done = highest, done + count


@jobs.periodic(cron="* * * * * */10", periodic_id="chase")
# Unseen alarms are chased too, so no import may hold it up.
@jobs.task(
    name="yinghu.chase",
    queueing_lock="yinghu.chase",
    queue="oversight",
    priority=URGENT_PRIORITY,
)
def chase_all(timestamp: int) -> None:
    """Process all due steps in batches, every ten seconds."""
    done = 0
    while found := chase():
        done += found
        if found < BATCH:
            break
    if done:
        log.info("chased", clocks=done)


@jobs.task(name="yinghu.plan_chases", queueing_lock="yinghu.plan_chases", queue="oversight")
def replan_chases() -> None:
    """Replan after the steps, or the limits of working time, were changed."""
    log.info("chases planned anew", clocks=plan_anew())


@jobs.periodic(cron="40 2 * * *", periodic_id="lay_out")
@jobs.task(name="yinghu.lay_out", queueing_lock="yinghu.lay_out", queue="oversight")
def recompute_spans(timestamp: int = 0) -> None:
    """Recompute spans of working time, then chases: nightly, and after a change of working days.

    Left to the job that moves running clocks, if it waits: it has to measure them before.
    """
    waiting = ProcrastinateJob.objects.filter(task_name=FOLLOW_CALENDAR_TASK, status="todo")
    if waiting.exists():
        return
    log.info("working time laid out", spans=lay_out(), clocks=plan_anew())
