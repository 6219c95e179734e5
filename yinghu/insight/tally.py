"""Folds what happened into the counters behind the board, exactly, while everybody goes on working.

An event moves its appeal from one set of counters to another: minus one where the event before it
had put the appeal, plus one where this event puts it. Sums do not care for the order in which
events are folded, and the events not folded yet (`appeals.Untallied`) are the difference between
the counters and the truth.
"""

from typing import Final

from django.conf import settings
from django.db import connection, transaction
from procrastinate.contrib.django import app as jobs

from yinghu.insight import sql

BATCH: Final = 5000
"""Events folded in one transaction: some 100 ms, no other fold waits longer than that."""


def fold(limit: int = BATCH) -> int:
    """Fold up to `limit` events, in one transaction; how many it were.

    Any number of processes may fold at once: each takes events that no other has.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.BY_INDEX)
        cursor.execute(sql.FOLD, {"zone": settings.TIME_ZONE, "limit": limit})
        folded, empty = cursor.fetchone()
        if empty:
            cursor.execute("DELETE FROM insight_tally WHERE id = ANY(%s) AND n = 0", [empty])
    return int(folded)


def fold_all() -> int:
    """Fold until nothing is left that no other process is folding; how many events it were."""
    total = 0
    while folded := fold():
        total += folded
    return total


def rebuild() -> int:
    """Count everything anew from the appeals, in one snapshot; the number of counters written.

    Folds wait meanwhile, filing and moving go on: what they commit after the snapshot stays
    untallied and is folded later. Must not be called inside a transaction.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # Before the first query, which takes the snapshot: every fold is then done or waiting.
        cursor.execute("LOCK TABLE insight_tally IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("DELETE FROM appeals_untallied")
        cursor.execute("DELETE FROM insight_tally")
        cursor.execute(sql.REBUILD, {"zone": settings.TIME_ZONE})
        return int(cursor.rowcount)


@jobs.periodic(cron="* * * * * */2", periodic_id="tally")
@jobs.task(name="yinghu.tally", queueing_lock="yinghu.tally", lock="yinghu.tally", priority=100)
def fold_by_the_clock(timestamp: int) -> None:
    """Every two seconds, ahead of waiting reactions: what the board must add up stays short."""
    fold_all()
