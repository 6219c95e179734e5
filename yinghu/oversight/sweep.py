"""What time brings by itself: the steps of chasing that are due, found by an index, many at once.

One statement takes what is due and nobody else is at, writes an event for each step, and puts each
clock at its next one. So any number of workers share the work without doing a thing twice, and a
worker that is killed has done a batch whole or not at all. Whom a step tells is read from its event
(`notices`); what it does besides stands in `reactions.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as jobs

from yinghu.appeals.filing import REACT_TASK
from yinghu.appeals.notify import tell
from yinghu.common.job_queue import queue
from yinghu.oversight.actions import CHASE
from yinghu.places.calendar import lay_out

log = structlog.get_logger(__name__)

BATCH = 500
"""Clocks that are dealt with in one transaction."""

# `unit` is a clock's own, where it is not that of the unit which has the case. A reminder of what
# is late already would say less than what is said of that. Cases are in the same state after it, so
# the tallies need not count these events.
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
    RETURNING id, appeal_id
), bumped AS (
    UPDATE appeals_appeal AS appeal SET version = version + said.n
    FROM (SELECT appeal_id, count(*) AS n FROM step GROUP BY appeal_id) AS said
    WHERE appeal.id = said.appeal_id
)
SELECT (SELECT count(*) FROM due), array(SELECT id FROM event ORDER BY id),
       array(SELECT DISTINCT appeal_id FROM event)
"""  # noqa: S608  # of constants only


def due(limit: int = BATCH, now: datetime | None = None) -> int:
    """How many clocks, up to `limit`, the next sweep would find."""
    given: dict[str, Any] = {"now": now or timezone.now(), "limit": limit}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DUE, given)
        return len(cursor.fetchall())


def chase(limit: int = BATCH, now: datetime | None = None) -> int:
    """Deal with up to `limit` clocks of which a step is due; how many. All of them or none."""
    given: dict[str, Any] = {"now": now or timezone.now(), "limit": limit, "verb": CHASE.name}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CHASE, given)
        found, events, appeals = cursor.fetchone()
        if events:
            queue(REACT_TASK, events=events)
            tell(CHASE.name, appeals)
    return int(found)


def plan_anew(limit: int = 5000) -> int:
    """Reckon for every running clock when it is chased next, after the steps were changed; how many
    clocks. What is past is not made up for; what is due now is left to the sweep, or it would be
    lost.
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
@jobs.task(name="yinghu.chase", queueing_lock="yinghu.chase", queue="oversight")
def chase_all(timestamp: int) -> None:
    """Every ten seconds: all that is due, batch by batch."""
    done = 0
    while found := chase():
        done += found
        if found < BATCH:
            break
    if done:
        log.info("chased", clocks=done)


@jobs.task(name="yinghu.plan_chases", queueing_lock="yinghu.plan_chases", queue="oversight")
def plan_chases_anew() -> None:
    """After the steps, or the limits of working time, were changed."""
    log.info("chases planned anew", clocks=plan_anew())


@jobs.periodic(cron="40 2 * * *", periodic_id="lay_out")
@jobs.task(name="yinghu.lay_out", queueing_lock="yinghu.lay_out", queue="oversight")
def lay_out_anew(timestamp: int = 0) -> None:
    """Every night, and after the working days were changed: their spans, then the chases."""
    log.info("working time laid out", spans=lay_out(), clocks=plan_anew())
