"""How whistles are answered: how many, who comes, who comes in time, how they are rated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q

from yinghu.appeals.states import Satisfaction
from yinghu.oversight.models import Summons
from yinghu.people.models import Unit

FAIRLY = 0.9
"""What "fairly satisfied" weighs, as in the satisfied rate (Beijing-style three rates)."""


@dataclass(frozen=True, slots=True)
class Answering:
    """How one unit (None: all) answered whistles. A rate is None where there is nothing to rate.

    `called` leaves out whom the command excused; `due` are those of which the time is up or who
    have come.
    """

    unit: Unit | None
    called: int
    excused: int
    due: int
    reported: int
    on_time: int
    graded: int
    weight: float

    @property
    def report_in_rate(self) -> float | None:
        return self.reported / self.due if self.due else None

    @property
    def on_time_rate(self) -> float | None:
        return self.on_time / self.due if self.due else None

    @property
    def satisfied_rate(self) -> float | None:
        return self.weight / self.graded if self.graded else None


def answering(now: datetime, since: datetime | None = None, scope: str = "") -> list[Answering]:
    """All together first, then each unit that was called since a moment for cases under an area
    prefix, by name; one query, and one for the names.
    """
    found = (
        Summons.objects.filter(whistle__appeal__area__code__startswith=scope)
        if scope
        else (Summons.objects.all())
    )
    if since is not None:
        found = found.filter(whistle__at__gte=since)
    came, called = Q(reported_at__isnull=False), ~Q(excused=True)
    rows = list(
        found.values("unit")
        .annotate(
            called=Count("pk", filter=called),
            excused_n=Count("pk", filter=Q(excused=True)),
            due=Count("pk", filter=called & (came | Q(whistle__until__lt=now))),
            reported=Count("pk", filter=called & came),
            on_time=Count("pk", filter=called & Q(reported_at__lte=F("whistle__until"))),
            graded=Count("pk", filter=~Q(grade="")),
            yes=Count("pk", filter=Q(grade=Satisfaction.SATISFIED)),
            fairly=Count("pk", filter=Q(grade=Satisfaction.FAIRLY)),
        )
        .order_by("unit")
    )
    units = Unit.objects.in_bulk([row["unit"] for row in rows])
    lines = [
        Answering(
            units[row["unit"]],
            row["called"],
            row["excused_n"],
            row["due"],
            row["reported"],
            row["on_time"],
            row["graded"],
            row["yes"] + FAIRLY * row["fairly"],
        )
        for row in rows
    ]
    lines.sort(key=lambda line: line.unit.name if line.unit else "")
    return [_together(lines), *lines] if lines else []


def _together(lines: list[Answering]) -> Answering:
    return Answering(
        None,
        sum(line.called for line in lines),
        sum(line.excused for line in lines),
        sum(line.due for line in lines),
        sum(line.reported for line in lines),
        sum(line.on_time for line in lines),
        sum(line.graded for line in lines),
        sum(line.weight for line in lines),
    )
