"""Pending duties of whistles, for the page, its badge and its buttons."""

from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.utils import timezone

from yinghu.appeals import inboxes
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import ClockKind
from yinghu.oversight.models import Summons
from yinghu.oversight.whistle_figures import IN_TIME, KEPT, has_time
from yinghu.people.access import Actor
from yinghu.people.models import Role

LATELY = timedelta(days=30)
"""How long a whistle without pending duties is still shown."""

_WAITS = Q(to_report=True, held=False) | Q(to_enter=True) | Q(to_grade=True) | Q(to_judge=True)

WAITING_FIRST = ("-to_judge", "-to_report", "-to_enter", "-to_grade")
"""Order of pending duties, for sorting."""


def summonses_of(actor: Actor) -> QuerySet[Summons]:
    """Return the summonses of or by the actor's units, and for command the contested ones.

    Annotated with the actor's duties: `to_report`, `to_enter` (the four elements),
    `to_grade`, `to_judge`; `held`: a contest not ruled on, `superseded`: the unit was called again
    for the case, `late`: it came too late.
    """
    mine = Q(unit__in=actor.party_units) | Q(whistle__unit__in=actor.all_units) | Q(to_judge=True)
    recent = Q(whistle__at__gt=timezone.now() - LATELY) | _WAITS
    return _annotated(actor).filter(mine, recent)


def pending_duties(actor: Actor) -> QuerySet[Summons]:
    """Return the summonses with a duty of the actor."""
    # Every duty has a running clock. Usually there is none, and checking that is faster than
    # building the whole query, whose count is in the header of every page.
    if not _awaited(actor).exists():
        return Summons.objects.none()
    return _annotated(actor).filter(_WAITS)


def to_grade(appeal: Appeal, actor: Actor) -> list[Summons]:
    """Return the summonses of this case that the actor's units can rate now, by name."""
    found = _annotated(actor).filter(Q(whistle__appeal=appeal.pk), Q(to_grade=True))
    return list(found.select_related("unit").order_by("unit__name", "pk"))


def _annotated(actor: Actor) -> QuerySet[Summons]:
    # 0 is no unit's id: with an empty list the annotation would be no expression.
    ours = Q(unit__in=sorted(actor.party_units) or [0])
    called_by_us = Q(whistle__unit__in=sorted(actor.all_units) or [0])
    came, excused = Q(reported_at__isnull=False), Q(excused=True)
    # A unit that was called twice for a case answers the later call.
    later = Summons.objects.filter(
        whistle__appeal=OuterRef("whistle__appeal"), unit=OuterRef("unit"), pk__gt=OuterRef("pk")
    )
    missing = ~came & ~excused & Q(superseded=False)
    contests = Q(contested_at__isnull=False, excused=None) & missing
    commands = actor.has(Role.COMMANDER, Role.SUPERVISOR)
    over = came | ~Q(has_time(timezone.now()))
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


def _awaited(actor: Actor) -> QuerySet[Clock]:
    """Return the running clocks of the actor's possible duties."""
    called = Q(kind__in=(ClockKind.WHISTLE, ClockKind.MEASURES), unit__in=sorted(actor.party_units))
    found = called | Q(kind=ClockKind.GRADE, unit__in=sorted(actor.all_units))
    if actor.has(Role.COMMANDER, Role.SUPERVISOR):
        found |= Q(kind=ClockKind.CONTEST)
    return Clock.objects.filter(found, stopped_at=None)


def _runs(kind: ClockKind, unit: str = "unit") -> Q:
    running = Clock.objects.filter(
        appeal=OuterRef("whistle__appeal"), unit=OuterRef(unit), kind=kind, stopped_at=None
    )
    return Q(Exists(running))
