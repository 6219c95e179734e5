"""Exact counters behind the board, folded from events while others keep writing.

An event moves its appeal from one set of counters to another: minus one where the previous event
had put it, plus one where this event puts it. Sums do not depend on the order of folding, and the
events not folded yet (`appeals.Untallied`) are exactly the difference between counters and appeals.
"""

from typing import Final

from django.conf import settings
from django.db import connection, transaction
from procrastinate.contrib.django import app as jobs

from yinghu.insight import sql

BATCH: Final = 5000
"""Events folded in one transaction: about 100 ms, the longest that another fold waits."""


def fold(limit: int = BATCH) -> int:
    """Fold up to `limit` events that no other process is folding; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Before any row, as `rebuild` does, or the two could deadlock.
        cursor.execute("LOCK TABLE insight_tally IN ROW EXCLUSIVE MODE")
        cursor.execute(sql.PICK, [limit])
        events = [event_id for (event_id,) in cursor.fetchall()]
        if events:
            cursor.execute("DELETE FROM appeals_untallied WHERE event_id = ANY(%s)", [events])
            cursor.execute(sql.FOLD, {"zone": settings.TIME_ZONE, "events": events})
            if empty := [counter_id for (counter_id,) in cursor.fetchall()]:
                cursor.execute("DELETE FROM insight_tally WHERE id = ANY(%s) AND n = 0", [empty])
    return len(events)


def fold_all() -> int:
    """Fold until nothing is left that no other process is folding; return how many events."""
    total = 0
    while folded := fold():
        total += folded
    return total


def rebuild() -> int:
    """Recount all appeals in one snapshot; return the number of counters written.

    Folds wait meanwhile, filing and moving go on: events committed after the snapshot stay
    untallied and are folded later. Must not be called inside a transaction.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # Lock before the first query takes the snapshot: every fold is then finished or waiting.
        cursor.execute("LOCK TABLE insight_tally IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("DELETE FROM appeals_untallied")
        cursor.execute("DELETE FROM insight_tally")
        cursor.execute(sql.REBUILD, {"zone": settings.TIME_ZONE})
        return int(cursor.rowcount)


@jobs.periodic(cron="* * * * * */2", periodic_id="tally")
@jobs.task(name="yinghu.tally", queueing_lock="yinghu.tally", lock="yinghu.tally", priority=100)
def fold_periodically(timestamp: int) -> None:
    """Fold every two seconds, before pending reactions; the board adds up few events then."""
    fold_all()
