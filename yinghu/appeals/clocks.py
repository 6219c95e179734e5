"""Clocks of an appeal: start, stop, pause and resume them as the verb's row says.

Limits (`ClockLimit`, in working or elapsed time) and chasing (`ChaseStep`) are tables. The database
computes both (`places_shift`, `appeals_next_chase`), so filing, moves and the sweep agree.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, F, Func, Min, Q, QuerySet, Value
from django.db.models.functions import Now

from yinghu.appeals.models import NEVER, Appeal, Clock, ClockLimit
from yinghu.appeals.states import (
    ALARM_CLOCKS,
    LIMITED,
    OF_UNITS,
    PAUSED_BY_RETURN,
    ClockKind,
    Status,
)
from yinghu.appeals.verb import NewLimits, Verb
from yinghu.people.access import Actor
from yinghu.people.models import Role

RULING_MINUTES = 24 * 60
"""Time limit of a ruling if the city has set none."""


def running(appeal_id: int) -> QuerySet[Clock]:
    """Return the appeal's clocks that have not stopped, paused ones included."""
    return Clock.objects.filter(appeal_id=appeal_id, stopped_at__isnull=True)


def overdue(now: datetime) -> Q:
    """Filter for overdue clocks: running, not paused, due before `now`."""
    return Q(stopped_at__isnull=True, paused_at__isnull=True, due_at__lt=now)


def next_due(appeal: Appeal) -> datetime:
    """Return when the next of the appeal's own clocks is due, or `NEVER`."""
    # A pending ruling counts only while the case is with the dispatcher; alarms have their lane.
    others: tuple[ClockKind, ...] = (*OF_UNITS, *ALARM_CLOCKS)
    if appeal.state is not Status.SORTED:
        others = (*others, ClockKind.RULING)
    live = running(appeal.pk).filter(paused_at=None).exclude(kind__in=others)
    return live.aggregate(at=Min("due_at"))["at"] or NEVER


def limits_for(appeal: Appeal, kinds: tuple[ClockKind, ...]) -> list[ClockLimit]:
    """Return the limit of each kind for this appeal: its category's, else the general one."""
    rows = ClockLimit.objects.filter(
        Q(category=None) | Q(category_id=appeal.category_id), kind__in=kinds, urgency=appeal.urgency
    ).order_by(F("category").asc(nulls_first=True))
    found = {row.kind: row for row in rows}
    # A ruling always gets a clock.
    if ClockKind.RULING in kinds and ClockKind.RULING not in found:
        found[ClockKind.RULING] = ClockLimit(kind=ClockKind.RULING, minutes=RULING_MINUTES)
    return list(found.values())


def change_clocks(
    verb: Verb,
    appeal: Appeal,
    before: Status,
    now: datetime,
    facts: Mapping[str, Any],
    *,
    relimited: bool = False,
) -> None:
    """Update the appeal's clocks as the verb's row says, after its columns were changed.

    `relimited`: its category or urgency is another, so that other limits may apply.
    """
    changes = verb.clocks
    if verb.adjust_clocks is not None:
        changes = verb.adjust_clocks(changes, appeal, before, facts)
    if changes.stop:
        running(appeal.pk).filter(kind__in=changes.stop).update(stopped_at=now)
    if changes.pause:
        to_pause = running(appeal.pk).filter(kind__in=changes.pause, paused_at__isnull=True)
        to_pause.update(paused_at=now)
    if changes.resume:
        resume_clocks(
            running(appeal.pk).filter(kind__in=changes.resume, paused_at__isnull=False), now
        )
    if relimited and verb.new_limits is not NewLimits.NONE:
        recompute_due(appeal, now, LIMITED, stopped_too=verb.new_limits is NewLimits.ALL)
    if changes.start:
        for limit in limits_for(appeal, changes.start):
            begin(appeal.pk, ClockKind(limit.kind), now, limit.minutes, working=limit.working)


def first_due(appeals: Iterable[Appeal], actor: Actor) -> dict[int, Clock]:
    """Return the running clock of this reader that is due first, by appeal id, in one query."""
    cases = list(appeals)
    others = OF_UNITS if actor.has(Role.DISPATCHER) else (*OF_UNITS, ClockKind.RULING)
    live = Clock.objects.filter(appeal__in=cases, stopped_at__isnull=True)
    live = live.exclude(kind__in=ALARM_CLOCKS).select_related("unit")
    first: dict[int, Clock] = {}
    for clock in in_order(cases, live):
        if clock.kind not in others or clock.unit_id in actor.party_units:
            first.setdefault(clock.appeal_id, clock)
    return first


def in_order(cases: Iterable[Appeal], live: Iterable[Clock]) -> list[Clock]:
    """Return all the live clocks of these cases, the next due first, with their `awaited`.

    A clock that is paused for a ruling is as pressing as that; others that are paused come last.
    """
    found, returned = list(live), {case.pk for case in cases if case.returned}
    rulings = {
        (clock.appeal_id, clock.kind, clock.unit_id): clock
        for clock in found
        if clock.kind in (ClockKind.RULING, ClockKind.CONTEST) and clock.paused_at is None
    }
    for clock in found:
        if clock.paused_at is None:
            continue
        if clock.kind == ClockKind.WHISTLE:
            clock.awaited = rulings.get((clock.appeal_id, ClockKind.CONTEST, clock.unit_id))
        elif clock.kind in PAUSED_BY_RETURN and clock.appeal_id in returned:
            clock.awaited = rulings.get((clock.appeal_id, ClockKind.RULING, None))

    def pressing(clock: Clock) -> tuple[bool, datetime, bool, int]:
        paused = clock.paused_at is not None
        due = clock.awaited.due_at if clock.awaited else clock.due_at
        return paused and clock.awaited is None, due, paused, clock.pk

    return sorted(found, key=pressing)


def begin(
    appeal_id: int,
    kind: ClockKind,
    now: datetime,
    minutes: float,
    *,
    working: bool = False,
    unit: int | None = None,
) -> bool:
    """Start a clock; return False if it runs already."""
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


def resume_clocks(clocks: QuerySet[Clock], now: datetime) -> None:
    """Resume paused clocks with the time they had left."""
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


_RECOMPUTE_SQL = """
UPDATE appeals_clock AS clock
SET minutes = given.minutes, working = given.working, due_at = new.due, next_at =
    appeals_next_chase(clock.kind, given.minutes, given.working, new.due, %(now)s)
FROM appeals_clock AS old
JOIN unnest(%(kinds)s::text[], %(minutes)s::float8[], %(working)s::boolean[])
    AS given(kind, minutes, working) USING (kind),
LATERAL (
    -- Up to here went the limit itself; what lies beyond are pauses and extensions.
    SELECT places_shift(old.started_at, old.minutes, old.working) AS due
) AS plain,
LATERAL (
    SELECT places_shift(old.started_at, given.minutes, given.working) AS due
) AS fresh,
LATERAL (
    SELECT CASE WHEN given.working
        THEN places_shift(fresh.due, places_worked(plain.due, old.due_at), true)
        ELSE fresh.due + (old.due_at - plain.due) END AS due
) AS new
WHERE old.appeal_id = %(appeal)s AND clock.id = old.id
  AND (old.stopped_at IS NULL OR %(stopped_too)s)
  AND (old.minutes, old.working) <> (given.minutes, given.working)
"""


def recompute_due(
    appeal: Appeal, now: datetime, kinds: tuple[ClockKind, ...], *, stopped_too: bool = False
) -> None:
    """Recompute the clocks of these kinds from their start by the current limits.

    Pauses and extensions are kept, and so is the limit of a kind that has none now. Chasing
    continues with the next future step.
    """
    limits = limits_for(appeal, kinds)
    given: dict[str, Any] = {
        "appeal": appeal.pk,
        "now": now,
        "stopped_too": stopped_too,
        "kinds": [limit.kind for limit in limits],
        "minutes": [limit.minutes for limit in limits],
        "working": [limit.working for limit in limits],
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECOMPUTE_SQL, given)


def extend_solving(appeal_id: int, until: datetime) -> int:
    """Move the solve clock's due time to `until`; return how many clocks moved."""
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
