"""What each desk sees: one queryset each, in working order, in the actor's scope only.

At the desks most urgent first, then oldest; with units what is due next. Whoever shows one slices
it: none of them is bounded here.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import Status
from yinghu.people.access import Actor, may_see, only_volunteers_in, visible_q
from yinghu.people.models import Role

COUNTED = 100
"""Rows that are counted at most: whether it is a hundred or ten thousand, nobody does it today."""

_ORDER = ("-urgency", "id")
BY_DUE = ("due_at", "id")


def visible(actor: Actor) -> QuerySet[Appeal]:
    """Every appeal that the actor may see."""
    return Appeal.objects.filter(visible_q(actor))


def triage(actor: Actor) -> QuerySet[Appeal]:
    """Waiting to be sorted."""
    return visible(actor).filter(status=Status.FILED).order_by(*_ORDER)


def dispatch(actor: Actor) -> QuerySet[Appeal]:
    """Sorted, and no rule took it (or a unit returned it)."""
    return visible(actor).filter(status=Status.SORTED).order_by(*_ORDER)


def unit(actor: Actor) -> QuerySet[Appeal]:
    """Of the actor's units: waiting to be accepted or in handling."""
    return Appeal.objects.filter(
        unit__in=actor.unit_ids, status__in=(Status.ASSIGNED, Status.HANDLING, Status.WAITING)
    ).order_by(*BY_DUE)


def free(actor: Actor) -> QuerySet[Appeal]:
    """Of the actor's units, nobody's yet: theirs to accept. What errands serve a volunteer takes by
    its legs.
    """
    found = Appeal.objects.filter(unit__in=actor.unit_ids, status=Status.ASSIGNED)
    return found.exclude(legs__gt=0, unit__in=only_volunteers_in(actor)).order_by(*_ORDER)


def mine(actor: Actor) -> QuerySet[Appeal]:
    """Held by the actor and not yet resolved."""
    return Appeal.objects.filter(
        holder=actor.user_id, status__in=(Status.HANDLING, Status.WAITING)
    ).order_by(*BY_DUE)


def callback(actor: Actor) -> QuerySet[Appeal]:
    """Resolved: to be rated and closed; longest waiting first."""
    return visible(actor).filter(status=Status.RESOLVED).order_by("moved_at")


def late(now: datetime) -> QuerySet[Appeal]:
    """Appeals with an overdue clock."""
    return Appeal.objects.filter(
        Exists(Clock.objects.filter(clocks.overdue(now), appeal=OuterRef("pk")))
    )


def desks_with(actor: Actor) -> dict[str, QuerySet[Appeal]]:
    """The inboxes that this actor works in, by name, in the order of the loop."""
    found: dict[str, QuerySet[Appeal]] = {}
    if actor.has(Role.CLERK):
        found["triage"] = triage(actor)
    if actor.has(Role.DISPATCHER):
        found["dispatch"] = dispatch(actor)
    if actor.has(Role.HANDLER, Role.HEAD, Role.GRID_WORKER):
        found["unit"] = unit(actor)
    if actor.has(Role.CLERK, Role.OPERATOR):
        found["callback"] = callback(actor)
    return found


def counts(actor: Actor) -> dict[str, int]:
    """How many wait in each inbox of `desks_with`, `COUNTED` at most; one query."""
    return counted(desks_with(actor))


def counted(lists: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """How many each of these finds, `COUNTED` at most; one query. What finds nothing may lack."""
    names: list[str] = []
    parts: list[str] = []
    values: list[Any] = []
    for name, found in lists.items():
        rows = found.order_by().values("pk")[:COUNTED]
        try:
            sql, params = rows.query.sql_with_params()
        except EmptyResultSet:
            continue
        names.append(name)
        parts.append(f"(SELECT count(*) FROM ({sql}) AS counted)")  # noqa: S608  # Django's own SQL
        values += params
    if not parts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)  # Django's own SQL
        row = cursor.fetchone()
    return dict(zip(names, row, strict=True))


def of_caller(appeal_id: int | None, caller: bytes | None) -> Appeal | None:
    """The appeal of this number, for whoever knows the phone (by its blind index) given with it."""
    found = Appeal.objects.filter(pk=appeal_id).first() if appeal_id is not None else None
    right = bytes(found.caller) if found is not None and found.caller else b"\0" * 16
    return found if hmac.compare_digest(right, caller or b"") else None


def by_number(actor: Actor, appeal_id: int | None) -> Appeal | None:
    """The appeal, or None where there is none or it is not this actor's to see."""
    if appeal_id is None:
        return None
    found = Appeal.objects.filter(pk=appeal_id).first()
    return found if found is not None and may_see(actor, found) else None
