"""Time for tests: nobody sleeps, the clocks are put on instead."""

from __future__ import annotations

from django.db import connection

from yinghu.appeals.models import Appeal
from yinghu.oversight import sweep
from yinghu.reactions import react


def pass_time(hours: float, *appeals: Appeal) -> None:
    """As if so many hours had passed for these cases (for all, where none is named): their clocks,
    and the deadlines of whistles, are so much nearer or further past.
    """
    only = [appeal.pk for appeal in appeals] or None
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE appeals_clock SET started_at = started_at - %(by)s * interval '1 hour',
                due_at = due_at - %(by)s * interval '1 hour',
                paused_at = paused_at - %(by)s * interval '1 hour',
                next_at = next_at - %(by)s * interval '1 hour'
            WHERE stopped_at IS NULL AND (%(only)s::bigint[] IS NULL OR appeal_id = ANY(%(only)s))
            """,
            {"by": hours, "only": only},
        )
        cursor.execute(
            """
            UPDATE appeals_appeal SET due_at = due_at - %(by)s * interval '1 hour'
            WHERE due_at < '9999-01-01' AND (%(only)s::bigint[] IS NULL OR id = ANY(%(only)s))
            """,
            {"by": hours, "only": only},
        )
        cursor.execute(
            """
            UPDATE oversight_whistle
            SET until = until - %(by)s * interval '1 hour', at = at - %(by)s * interval '1 hour'
            WHERE %(only)s::bigint[] IS NULL OR appeal_id = ANY(%(only)s)
            """,
            {"by": hours, "only": only},
        )


def sweep_all() -> int:
    """What the workers do when time has passed: chase, and react to it; how many clocks."""
    from yinghu.appeals.models import Event

    last = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    done = 0
    while found := sweep.chase():
        done += found
        new = list(Event.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True))
        last = new[-1] if new else last
        react(events=new)
    return done
