"""Figures of whistles: how many, who comes, who comes in time, and the ratings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Count, Exists, F, OuterRef, Q

from yinghu.appeals.models import NEVER, Clock
from yinghu.appeals.states import ClockKind, Satisfaction
from yinghu.oversight.models import Summons
from yinghu.oversight.periods import BEGINNING
from yinghu.oversight.rates import FAIRLY
from yinghu.people.models import Unit


@dataclass(frozen=True, slots=True)
class Answering:
    """How one unit answered whistles, or how its own were answered (None: all). A rate is None if
    there is nothing to rate.

    `whistles` counts those in which it was called, or its own. `called` excludes units that the
    command excused; `due` counts those who came, or whose time ended before the case did.
    """

    unit: Unit | None
    whistles: int
    called: int
    excused_count: int
    due: int
    reported: int
    on_time: int
    graded: int
    satisfied: int
    fairly: int

    @property
    def report_in_rate(self) -> float | None:
        return self.reported / self.due if self.due else None

    @property
    def on_time_rate(self) -> float | None:
        return self.on_time / self.due if self.due else None

    @property
    def satisfied_rate(self) -> float | None:
        return (self.satisfied + FAIRLY * self.fairly) / self.graded if self.graded else None


By = Literal["unit", "whistle__unit"]

_CLOCK = Clock.objects.filter(
    appeal=OuterRef("whistle__appeal"), unit=OuterRef("unit"), kind=ClockKind.WHISTLE
)

# Not the clock of an earlier call, which stopped before this one.
KEPT = Exists(_CLOCK.filter(stopped_at__gte=OuterRef("whistle__at"), stopped_at__lte=F("due_at")))
IN_TIME = Q(reported_at__lte=F("whistle__until")) | Q(
    reported_at__isnull=False, contested_at__isnull=False, kept=True
)
"""Did the unit come in time, by the whistle or by a clock extended by a contest (`KEPT`)?"""


def has_time(now: datetime) -> Exists:
    """Does the unit still have time to come? A contest extends the time."""
    return Exists(_CLOCK.filter(~Q(paused_at=None) | Q(due_at__gt=now), stopped_at=None))


def answering(
    now: datetime,
    since: datetime = BEGINNING,
    until: datetime = NEVER,
    scopes: Sequence[str] = ("",),
    by: By = "unit",
) -> list[Answering]:
    """Return the total first, then each unit called (`by` each that whistled), by name.

    Covers `since` until before `until` and cases under one of the area prefixes ("" is everywhere).
    Three queries.
    """
    found = Summons.objects.annotate(has_time=has_time(now), kept=KEPT)
    if "" not in scopes:
        under = Q(pk__in=[])
        for scope in scopes:
            under |= Q(whistle__appeal__area__code__startswith=scope)
        found = found.filter(under)
    found = found.filter(whistle__at__gte=since, whistle__at__lt=until)
    came, called = Q(reported_at__isnull=False), ~Q(excused=True)
    # Nobody had to come if the case ended before the deadline.
    over = Q(whistle__until__lt=now, has_time=False, kept=False)
    counts = {
        "whistles": Count("whistle", distinct=True),
        "called": Count("pk", filter=called),
        "excused_count": Count("pk", filter=Q(excused=True)),
        "due": Count("pk", filter=called & (came | over)),
        "reported": Count("pk", filter=called & came),
        "on_time": Count("pk", filter=called & IN_TIME),
        "graded": Count("pk", filter=~Q(grade="")),
        "satisfied": Count("pk", filter=Q(grade=Satisfaction.SATISFIED)),
        "fairly": Count("pk", filter=Q(grade=Satisfaction.FAIRLY)),
    }
    rows = list(found.values(by).annotate(**counts).order_by(by))
    units = Unit.objects.in_bulk([row[by] for row in rows])
    lines = [Answering(units[row.pop(by)], **row) for row in rows]
    lines.sort(key=lambda line: line.unit.name if line.unit else "")
    # A whistle for two units counts once.
    return [Answering(None, **found.aggregate(**counts)), *lines] if lines else []
