"""What whistles wait for, and from whom: the page, its badge and its buttons read it here."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.utils import timezone

from yinghu.appeals import inboxes
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import ClockKind
from yinghu.oversight.models import Summons
from yinghu.oversight.whistle_figures import IN_TIME, KEPT
from yinghu.people.access import Actor
from yinghu.people.models import Role

LATELY = timedelta(days=30)
"""For how long a whistle that waits for nothing any more is still shown."""

_WAITS = Q(to_report=True, held=False) | Q(to_enter=True) | Q(to_grade=True) | Q(to_judge=True)

WAITING_FIRST = ("-to_judge", "-to_report", "-to_enter", "-to_grade")
"""The order in which what waits comes first."""


def concerning(actor: Actor, now: datetime | None = None) -> QuerySet[Summons]:
    """The units called that concern the actor: their own, those that they whistled for, and for
    command those that contest; of cases that they may see.

    Each says what waits for the actor at `now`: `to_report`, `to_enter` (the four elements),
    `to_grade`, `to_judge`; `held` is a contest that command has not ruled on, `superseded` that the
    unit was called again for the case, `late` that it came after its time.
    """
    now = now or timezone.now()
    found = _told(actor, now)
    mine = Q(unit__in=actor.party_units) | Q(whistle__unit__in=actor.all_units) | Q(to_judge=True)
    recent = Q(whistle__at__gt=now - LATELY) | _WAITS
    return found.filter(mine, recent)


def waiting(actor: Actor, now: datetime | None = None) -> QuerySet[Summons]:
    """Those of them that wait for something that the actor can do."""
    return _told(actor, now or timezone.now()).filter(_WAITS)


def to_grade(appeal: Appeal, actor: Actor) -> list[Summons]:
    """The units that the actor's have called to this case and can rate now, by name."""
    found = _told(actor, timezone.now()).filter(Q(whistle__appeal=appeal.pk), Q(to_grade=True))
    return list(found.select_related("unit").order_by("unit__name", "pk"))


def _told(actor: Actor, now: datetime) -> QuerySet[Summons]:
    # No unit is number 0: an empty list would be no condition that can be told.
    ours = Q(unit__in=sorted(actor.party_units) or [0])
    called_by_us = Q(whistle__unit__in=sorted(actor.all_units) or [0])
    came, excused = Q(reported_at__isnull=False), Q(excused=True)
    # Called twice for one case, a unit answers the later call.
    later = Summons.objects.filter(
        whistle__appeal=OuterRef("whistle__appeal"), unit=OuterRef("unit"), pk__gt=OuterRef("pk")
    )
    missing = ~came & ~excused & Q(superseded=False)
    contests = Q(contested_at__isnull=False, excused=None) & missing
    commands = actor.has(Role.COMMANDER, Role.SUPERVISOR)
    # A contest gives more time than the whistle did.
    has_time = Clock.objects.filter(
        ~Q(paused_at=None) | Q(due_at__gt=now),
        appeal=OuterRef("whistle__appeal"),
        unit=OuterRef("unit"),
        kind=ClockKind.WHISTLE,
        stopped_at=None,
    )
    over = came | ~Q(Exists(has_time))
    return (
        Summons.objects.filter(whistle__appeal__in=inboxes.visible(actor))
        .annotate(superseded=Exists(later), kept=KEPT)
        .annotate(
            late=came & ~IN_TIME,
            to_report=ours & missing & _runs(ClockKind.WHISTLE),
            held=contests & _runs(ClockKind.CONTEST),
            to_enter=ours & came & Q(measures="") & _runs(ClockKind.MEASURES),
            to_grade=called_by_us
            & ~excused
            & over
            & Q(grade="")
            & _runs(ClockKind.GRADE, "whistle__unit"),
        )
        .annotate(to_judge=F("held") if commands else Value(False))
    )


def _runs(kind: ClockKind, unit: str = "unit") -> Q:
    """Whether a clock of this kind runs for the unit."""
    running = Clock.objects.filter(
        appeal=OuterRef("whistle__appeal"), unit=OuterRef(unit), kind=kind, stopped_at=None
    )
    return Q(Exists(running))
