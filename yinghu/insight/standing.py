"""How many appeals have certain statuses now: exact, and as fast for many as for few."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import OPEN, Status
from yinghu.insight import sql
from yinghu.insight.models import EVER
from yinghu.people.access import Actor, desk_areas

_SEVERAL: Final = 1000
"""Rows that are counted one by one, beside which the counters are no gain."""


def standing(statuses: Collection[Status], areas: Sequence[str]) -> int:
    """Count the appeals with one of the statuses under area prefixes of at most a town's length."""
    towns = [connection.ops.prep_for_like_query(area) + "%" for area in areas]
    rows = _fetch(sql.STANDING, statuses, towns=towns)
    return int(rows[0][0])


def open_by_unit() -> dict[int, int]:
    """Return the number of open appeals of each unit that has any, by the unit's id."""
    rows = _fetch(sql.STANDING_BY_UNIT, OPEN)
    return {int(unit): int(n) for unit, n in rows if unit and n}


def _fetch(query: str, statuses: Collection[Status], **given: Any) -> list[tuple[Any, ...]]:
    values = {"ever": EVER, "statuses": [status.value for status in statuses], **given}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.BY_INDEX)
        cursor.execute(query, values)
        found = list(cursor.fetchall())
        # Nothing was written, and a caller's transaction plans its own statements as usual again.
        transaction.set_rollback(True)
        return found


def count_visible(actor: Actor, found: QuerySet[Appeal], statuses: Collection[Status]) -> int:
    """Count `found`: all appeals with these statuses that the actor may see."""
    areas = desk_areas(actor)
    if not areas or any(len(area) > sql.TOWN_LENGTH for area in areas):
        return found.order_by().count()
    several = found.order_by().values("pk")[:_SEVERAL].count()
    if several < _SEVERAL:
        return several
    total = standing(statuses, areas)
    if areas != ("",) and (actor.unit_ids or actor.party_units or actor.appeal_id):
        inside = Q()
        for area in areas:
            inside |= Q(area__code__startswith=area)
        total += found.order_by().exclude(inside).count()
    return total
