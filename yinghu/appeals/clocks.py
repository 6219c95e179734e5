"""The six first-times: started, stopped, paused and resumed by what MOVES says, never by hand."""

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from yinghu.appeals.models import Appeal, Clock, ClockLimit
from yinghu.appeals.states import RESTING_CLOCK, ClockKind, Move, Verb


def running(appeal_id: int) -> QuerySet[Clock]:
    """The appeal's clocks that have not stopped (paused ones among them)."""
    return Clock.objects.filter(appeal_id=appeal_id, stopped_at__isnull=True)


def overdue(now: datetime) -> Q:
    """The filter of a clock that is late: running, not paused, its due time past."""
    return Q(stopped_at__isnull=True, paused_at__isnull=True, due_at__lt=now)


def limits_for(appeal: Appeal, kinds: tuple[ClockKind, ...]) -> dict[str, timedelta]:
    """How long each kind may take for this appeal: its category's limit, else the general one."""
    rows = ClockLimit.objects.filter(
        Q(category=None) | Q(category_id=appeal.category_id), kind__in=kinds, urgency=appeal.urgency
    ).order_by(F("category").asc(nulls_first=True))
    return {row.kind: timedelta(minutes=row.minutes) for row in rows}


def apply(move: Move, appeal: Appeal, now: datetime, arrived: bool = False) -> None:
    """Move the appeal's clocks as its row of MOVES says.

    A clock that already runs is not started again. `arrived` stops the arrive clock early.
    """
    stop = set(move.stop) | ({ClockKind.ARRIVE} if arrived else set())
    if stop:
        running(appeal.pk).filter(kind__in=stop).update(stopped_at=now)
    if move.pause:
        running(appeal.pk).filter(kind__in=move.pause, paused_at__isnull=True).update(paused_at=now)
    if move.resume:
        running(appeal.pk).filter(kind__in=move.resume, paused_at__isnull=False).update(
            due_at=F("due_at") + (now - F("paused_at")), paused_at=None
        )
    start = move.start
    if move.verb is Verb.REOPEN:
        start = (*start, RESTING_CLOCK[appeal.state])
    if start:
        Clock.objects.bulk_create(
            [
                Clock(appeal=appeal, kind=kind, started_at=now, due_at=now + limit)
                for kind, limit in limits_for(appeal, start).items()
            ],
            ignore_conflicts=True,
        )


def extend(appeal_id: int, until: datetime) -> int:
    """Move the solve clock's due time to `until`; how many clocks moved (0 where none runs)."""
    return running(appeal_id).filter(kind=ClockKind.SOLVE).update(due_at=until)
