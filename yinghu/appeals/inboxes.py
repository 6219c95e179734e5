"""Inboxes of the desks: one queryset each, within the actor's scope, in working order.

Desks see the most urgent first, then the oldest; units what is due next. Querysets are not limited;
the caller slices them.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from yinghu.appeals.channels import PATROL
from yinghu.appeals.filing import FILE
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import Status
from yinghu.people.access import Actor, may_see, only_volunteers_in, visible_q
from yinghu.people.models import Role

_ORDER = ("-urgency", "id")
BY_DUE = ("due_at", "id")


def visible(actor: Actor) -> QuerySet[Appeal]:
    """Return every appeal that the actor may see."""
    return Appeal.objects.filter(visible_q(actor))


def triage(actor: Actor) -> QuerySet[Appeal]:
    """Return filed appeals, which wait to be sorted."""
    return visible(actor).filter(status=Status.FILED).order_by(*_ORDER)


def dispatch(actor: Actor) -> QuerySet[Appeal]:
    """Return sorted appeals without a unit, and those that a unit returned."""
    return visible(actor).filter(status=Status.SORTED).order_by(*_ORDER)


def unit(actor: Actor) -> QuerySet[Appeal]:
    """Return appeals of the actor's units that wait to be accepted or are in handling."""
    return Appeal.objects.filter(
        unit__in=actor.unit_ids, status__in=(Status.ASSIGNED, Status.HANDLING, Status.WAITING)
    ).order_by(*BY_DUE)


def free(actor: Actor) -> QuerySet[Appeal]:
    """Return cases of the actor's units without a holder; volunteers take legs of errands."""
    found = Appeal.objects.filter(unit__in=actor.unit_ids, status=Status.ASSIGNED)
    return found.exclude(legs__gt=0, unit__in=only_volunteers_in(actor)).order_by(*_ORDER)


def held(actor: Actor) -> QuerySet[Appeal]:
    """Return appeals that the actor holds and that are not resolved."""
    return Appeal.objects.filter(
        holder=actor.user_id, status__in=(Status.HANDLING, Status.WAITING)
    ).order_by(*BY_DUE)


def reported(actor: Actor) -> QuerySet[Appeal]:
    """Return what the actor reported from a patrol or filed for others, newest first."""
    filed = Event.objects.filter(verb=FILE.name, user=actor.user_id)
    return Appeal.objects.filter(pk__in=filed.values("appeal"), channel=PATROL).order_by("-id")


def callback(actor: Actor) -> QuerySet[Appeal]:
    """Return resolved appeals, to be rated and closed; longest waiting first."""
    return visible(actor).filter(status=Status.RESOLVED).order_by("moved_at")


def desks_with(actor: Actor) -> dict[str, QuerySet[Appeal]]:
    """Return the actor's inboxes by name, in the order of the loop."""
    desks = (
        ("triage", triage, (Role.CLERK,)),
        ("dispatch", dispatch, (Role.DISPATCHER,)),
        ("unit", unit, (Role.HANDLER, Role.HEAD, Role.GRID_WORKER)),
        ("callback", callback, (Role.CLERK, Role.OPERATOR)),
    )
    return {name: inbox(actor) for name, inbox, roles in desks if actor.has(*roles)}


def counted(lists: Mapping[str, QuerySet[Any]], most: int | None = None) -> dict[str, int]:
    """Count each queryset, up to `most` if given, in one query. Empty ones may be missing."""
    names: list[str] = []
    parts: list[str] = []
    values: list[Any] = []
    for name, found in lists.items():
        rows = found.order_by().values("pk")[:most]
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
    """Return the appeal with this number if it was filed with this phone (by its blind index)."""
    found = Appeal.objects.filter(pk=appeal_id).first() if appeal_id is not None else None
    right = bytes(found.caller) if found is not None and found.caller else b"\0" * 16
    return found if hmac.compare_digest(right, caller or b"") else None


def by_number(actor: Actor, appeal_id: int | None) -> Appeal | None:
    """Return the appeal, or None if it does not exist or the actor may not see it."""
    found = Appeal.objects.filter(pk=appeal_id).first() if appeal_id is not None else None
    return found if found is not None and may_see(actor, found) else None
