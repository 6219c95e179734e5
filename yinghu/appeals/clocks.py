"""The clocks of an appeal: started, stopped, paused and resumed by what MOVES says, never by hand.

How long one may run is a limit that the city sets (`ClockLimit`), in working time or round the
clock; when somebody is chased for it is a table as well (`ChaseStep`). Both are reckoned in the
database (`places_shift`, `appeals_next_chase`), so that a filing, a move and the sweep agree.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, F, Func, Min, Q, QuerySet, Value
from django.db.models.functions import Now

from yinghu.appeals.models import NEVER, Appeal, Clock, ClockLimit
from yinghu.appeals.moves import RESTING_CLOCK, Move
from yinghu.appeals.states import OF_UNITS, ClockKind, Status, Verb
from yinghu.people.access import Actor
from yinghu.people.models import Role

RULING_MINUTES = 24 * 60
"""How long a dispatcher has for a ruling where the city has set no limit."""


def running(appeal_id: int) -> QuerySet[Clock]:
    """The appeal's clocks that have not stopped (paused ones among them)."""
    return Clock.objects.filter(appeal_id=appeal_id, stopped_at__isnull=True)


def overdue(now: datetime) -> Q:
    """The filter of a clock that is late: running, not paused, its due time past."""
    return Q(stopped_at__isnull=True, paused_at__isnull=True, due_at__lt=now)


def next_due(appeal: Appeal) -> datetime:
    """When the next of the appeal's own clocks is due; `NEVER` where none runs. A ruling is the
    dispatcher's hurry, not that of a unit which goes on with the case.
    """
    others = OF_UNITS if appeal.state is Status.SORTED else (*OF_UNITS, ClockKind.RULING)
    live = running(appeal.pk).filter(paused_at=None).exclude(kind__in=others)
    return live.aggregate(at=Min("due_at"))["at"] or NEVER


def limits_for(appeal: Appeal, kinds: tuple[ClockKind, ...]) -> list[ClockLimit]:
    """The limit of each kind for this appeal: its category's, else the general one. A ruling is
    waited for in any case, or nobody would see that one is asked for.
    """
    rows = ClockLimit.objects.filter(
        Q(category=None) | Q(category_id=appeal.category_id), kind__in=kinds, urgency=appeal.urgency
    ).order_by(F("category").asc(nulls_first=True))
    found = {row.kind: row for row in rows}
    if ClockKind.RULING in kinds and ClockKind.RULING not in found:
        found[ClockKind.RULING] = ClockLimit(kind=ClockKind.RULING, minutes=RULING_MINUTES)
    return list(found.values())


def apply(
    move: Move, appeal: Appeal, before: Status, now: datetime, facts: dict[str, Any] | None = None
) -> None:
    """Move the appeal's clocks as its row of MOVES says, the appeal carrying its new columns.

    A clock that already runs is not started again. A report that one has `arrived` stops the arrive
    clock, and any report starts the wait for the next, where one is asked for.
    """
    start, stop, restart = move.start, set(move.stop), move.resume
    match move.verb:
        case Verb.REPORT:
            stop |= {ClockKind.ARRIVE} if (facts or {}).get("arrived") else set()
            if _progress(appeal.pk).exists():
                stop.add(ClockKind.PROGRESS)
                start = (ClockKind.PROGRESS,)
        case Verb.REOPEN:
            start = (*start, RESTING_CLOCK[appeal.state])
            start = (*start, ClockKind.PROGRESS) if appeal.lead_id else start
        case Verb.RULE if before is Status.SORTED and appeal.state is not before:
            # Back at its unit, whose clocks have held still; the desk may have sorted it anew.
            stop |= {ClockKind.DISPATCH}
            restart = (ClockKind.RESPOND, ClockKind.ARRIVE)
        case Verb.RULE if before is Status.SORTED:
            stop |= {ClockKind.RESPOND, ClockKind.ARRIVE}
            start = (ClockKind.DISPATCH,)
        case Verb.SORT if appeal.returned:
            # It waits for a ruling, which begins the wait for dispatch if it has to.
            start = ()
        case Verb.SUPPLY if appeal.returned:
            restart = tuple(kind for kind in restart if kind not in _OF_THE_UNIT)
    if stop:
        running(appeal.pk).filter(kind__in=stop).update(stopped_at=now)
    if move.pause:
        running(appeal.pk).filter(kind__in=move.pause, paused_at__isnull=True).update(paused_at=now)
    if restart:
        resume(running(appeal.pk).filter(kind__in=restart, paused_at__isnull=False), now)
    if start:
        for limit in limits_for(appeal, start):
            begin(appeal.pk, ClockKind(limit.kind), now, limit.minutes, working=limit.working)


def first_due(appeals: Iterable[Appeal], actor: Actor) -> dict[int, Clock]:
    """By the appeal's id, the running clock that is due first for this reader: what other units
    have to do is no hurry of theirs. One query.
    """
    others = OF_UNITS if actor.has(Role.DISPATCHER) else (*OF_UNITS, ClockKind.RULING)
    found = Clock.objects.filter(appeal__in=list(appeals), stopped_at__isnull=True)
    found = found.filter(~Q(kind__in=others) | Q(unit__in=actor.party_units))
    first: dict[int, Clock] = {}
    for clock in found.order_by("due_at").select_related("unit"):
        first.setdefault(clock.appeal_id, clock)
    return first


_OF_THE_UNIT = (ClockKind.RESPOND, ClockKind.ARRIVE)


def _progress(appeal_id: int) -> QuerySet[Clock]:
    return running(appeal_id).filter(kind=ClockKind.PROGRESS)


def begin(
    appeal_id: int,
    kind: ClockKind,
    now: datetime,
    minutes: float,
    *,
    working: bool = False,
    unit: int | None = None,
) -> bool:
    """Start a clock; False where the same one runs already."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO appeals_clock
                (appeal_id, kind, started_at, due_at, unit_id, minutes, working, next_at)
            SELECT given.*, appeals_next_chase(kind, minutes, working, due_at, started_at)
            FROM (
                SELECT %s::bigint AS appeal_id, %s::text AS kind, %s::timestamptz AS started_at,
                       places_shift(%s::timestamptz, %s::float8, %s) AS due_at,
                       %s::bigint AS unit_id, %s::float8 AS minutes, %s::boolean AS working
            ) AS given
            ON CONFLICT DO NOTHING
            """,
            [appeal_id, kind.value, now, now, minutes, working, unit, minutes, working],
        )
        return bool(cursor.rowcount)


def resume(clocks: QuerySet[Clock], now: datetime) -> None:
    """Let them run on: due after as much more time as they had left when they were paused."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE appeals_clock AS clock
            SET paused_at = NULL, due_at = due.at, next_at = appeals_next_chase(
                clock.kind, clock.minutes, clock.working, due.at, %s::timestamptz)
            FROM appeals_clock AS old, LATERAL (
                SELECT CASE WHEN old.working
                    THEN places_shift(
                        %s::timestamptz, places_worked(old.paused_at, old.due_at), true)
                    ELSE old.due_at + (%s::timestamptz - old.paused_at) END AS at
            ) AS due
            WHERE clock.id = ANY(%s) AND old.id = clock.id
            """,
            [now, now, now, [clock.pk for clock in clocks]],
        )


def extend(appeal_id: int, until: datetime) -> int:
    """Move the solve clock's due time to `until`; how many clocks moved (0 where none runs)."""
    chase: Any = Func(
        F("kind"),
        F("minutes"),
        F("working"),
        Value(until, DateTimeField()),
        Now(),
        function="appeals_next_chase",
        output_field=DateTimeField(null=True),
    )
    solve = running(appeal_id).filter(kind=ClockKind.SOLVE)
    return solve.update(due_at=until, next_at=chase)
