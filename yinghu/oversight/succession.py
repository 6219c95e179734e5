"""Succession of a retired unit: what it had to do goes to the unit above it, or ends with a reason.

Its cases are raised. Where it was asked for help or called by a whistle, its superior (the nearest
one that is active and has people) is asked instead; without one, those who asked are told that
nobody comes. What it had still to write or to rate about others ends.
"""

from dataclasses import dataclass
from typing import Any

import structlog
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy
from procrastinate.contrib.django import app as jobs

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.moving import Conflict, move
from yinghu.appeals.phrases import joined
from yinghu.appeals.states import EVERY_STATUS, HELD, OF_UNITS, ClockKind, Who
from yinghu.appeals.verb import Audience, Privacy, Verb
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight.models import Share, Summons, Whistle
from yinghu.oversight.whistle_actions import end_when_graded
from yinghu.people.access import SYSTEM, staffed
from yinghu.people.models import Unit

log = structlog.get_logger(__name__)

SUCCEED_TASK = "yinghu.succeed"
_PASSED_ON = (ClockKind.HELP, ClockKind.WHISTLE)
"""What a successor can do instead; all else ends."""


def _succeed_detail(event: Event) -> str:
    given = event.facts
    kinds = _("、").join(_(ClockKind(kind).label) for kind in given.get("clocks", ()))
    to = given.get("to", "")
    way = _("%(unit)s停用了，由%(to)s接替") if to else _("%(unit)s停用了，没有上级单位接替")
    return joined(way % {"unit": given["name"], "to": to}, kinds)


SUCCEED = Verb(
    "succeed",
    gettext_noop("单位停用"),
    pgettext_lazy("done", "单位停用"),
    "stairs-up",
    who=frozenset({Who.SYSTEM}),
    sources=EVERY_STATUS,
    privacy=Privacy.PRIVATE,
    detail=_succeed_detail,
    lists=frozenset({"whistles"}),
    audience=(Audience.SUMMONED_UNITS, Audience.ASKING_UNITS, Audience.WORKERS),
)


def superior_of(unit: Unit) -> Unit | None:
    """Return the nearest unit above that is active and has people, if any."""
    people, seen, above = staffed(), {unit.pk}, unit.parent
    while above is not None and above.pk not in seen:
        if above.active and above.pk in people:
            return above
        seen.add(above.pk)
        above = above.parent
    return None


@dataclass(frozen=True, slots=True)
class Estate:
    """What a unit has to do: numbers of open cases, and of cases in which it has another part."""

    cases: int
    demands: int


def estate_of(unit: Unit) -> Estate:
    """Count what a unit would leave behind."""
    return Estate(_cases_of(unit.pk).count(), _demanded(unit.pk).count())


def _cases_of(unit_id: int) -> Any:
    return Appeal.objects.filter(unit=unit_id, status__in=HELD).order_by("pk")


def _demanded(unit_id: int) -> Any:
    """The cases in which others wait for the unit, or that are shared with it."""
    waits = Clock.objects.filter(unit=unit_id, kind__in=OF_UNITS, stopped_at=None)
    shared = Share.objects.filter(unit=unit_id, ended_at=None)
    part = Q(pk__in=waits.values("appeal")) | Q(pk__in=shared.values("appeal"))
    return Appeal.objects.filter(part).order_by("pk")


@jobs.task(name=SUCCEED_TASK, queue="oversight")
def succeed(unit: int) -> None:
    """Settle what a retired unit left behind; nothing if it was restored meanwhile."""
    retired = Unit.objects.filter(pk=unit, active=False).select_related("parent").first()
    if retired is None:
        return
    why = _("单位停用了：%s") % retired
    for appeal in _cases_of(unit):
        try:
            oversight_actions.escalate(appeal.pk, SYSTEM, why=why, expect=appeal.version)
        except Conflict as refused:
            # Changed meanwhile, or at the top: `orphan_cases` looks at it again.
            log.info("not_succeeded", appeal=appeal.pk, why=refused.code)
    superior = superior_of(retired)
    for appeal in _demanded(unit):
        _pass_on(appeal.pk, retired, superior)


def _pass_on(appeal_id: int, retired: Unit, superior: Unit | None) -> None:
    """Pass on, or end, what others expect of the retired unit in one case."""
    facts: dict[str, Any] = {"name": retired.name}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        own = clocks.running(appeal.pk).filter(unit=retired.pk, kind__in=OF_UNITS)
        found = list(own)
        ended = Share.objects.filter(appeal=appeal, unit=retired, ended_at=None).update(
            ended_at=now
        )
        if not found and not ended:
            raise Conflict("moved_on", "")
        facts["askers"] = sorted(_askers(appeal, retired))
        heir = superior if superior is not None and superior.pk != appeal.unit_id else None
        calls = Summons.objects.filter(whistle__appeal=appeal, unit=retired, reported_at=None)
        calls = calls.exclude(excused=True)
        whistles = [call.whistle for call in calls.select_related("whistle__unit").order_by("pk")]
        last = whistles[-1] if whistles else None
        passed = [clock for clock in found if heir is not None and _move_clock(clock, heir, last)]
        own.exclude(pk__in=[clock.pk for clock in passed]).update(stopped_at=now)
        whistled = any(clock.kind == ClockKind.WHISTLE for clock in passed)
        if whistled and heir is not None and last is not None:
            Summons.objects.create(whistle=last, unit=heir)
            paused = [clock.pk for clock in passed if clock.paused_at is not None]
            clocks.resume_clocks(Clock.objects.filter(pk__in=paused), now)
        calls.update(excused=True)
        for whistle in whistles:
            end_when_graded(appeal, whistle, now)
        also = [unit_id for unit_id in appeal.also or () if unit_id != retired.pk]
        if passed and heir is not None:
            facts.update(to=heir.name, units=[heir.code])
            also = sorted({*also, heir.pk})
        facts["clocks"] = [str(clock.kind) for clock in found]
        return {"also": also}

    try:
        move(appeal_id, SYSTEM, SUCCEED, change, facts=facts)
    except Conflict as refused:
        log.info("not_succeeded", appeal=appeal_id, why=refused.code)


def _move_clock(clock: Clock, heir: Unit, whistle: Whistle | None) -> bool:
    """Let a clock run for the heir, unless it has one of its own already, blew this `whistle`
    itself, or was called by it too.
    """
    if clock.kind not in _PASSED_ON:
        return False
    if clock.kind == ClockKind.WHISTLE and (
        whistle is None or whistle.unit_id == heir.pk or whistle.summons.filter(unit=heir).exists()
    ):
        return False
    there = clocks.running(clock.appeal_id).filter(kind=clock.kind, unit=heir)
    return not there.exists() and bool(Clock.objects.filter(pk=clock.pk).update(unit=heir))


def _askers(appeal: Appeal, retired: Unit) -> set[str]:
    """Codes of the units that called the retired unit, or shared the case with it."""
    called = Summons.objects.filter(whistle__appeal=appeal, unit=retired, reported_at=None)
    shared = Share.objects.filter(appeal=appeal, unit=retired, by_unit__isnull=False)
    return {
        *called.values_list("whistle__unit__code", flat=True),
        *shared.values_list("by_unit__code", flat=True),
    }
