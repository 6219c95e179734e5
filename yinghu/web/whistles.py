"""Whistles: for those who are called, to report in from a phone; for the callers; for command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Clock, Event
from yinghu.appeals.moves import MOVES
from yinghu.appeals.policies import policy
from yinghu.appeals.states import OF_UNITS, ClockKind, Occasion, Satisfaction, Verb
from yinghu.channels.blowing import callers
from yinghu.oversight.models import Summons, Whistle
from yinghu.oversight.summoned import LATELY, WAITING_FIRST, concerning
from yinghu.people.access import Actor, board_scopes, may_reveal, sees_area
from yinghu.people.models import Role
from yinghu.web.forms import Known, VerbForm, initial_of
from yinghu.web.shared import is_part, staff, who
from yinghu.web.whistle_tables import tables

MOST = 60
"""Units called that a page shows; what waits comes first."""


@dataclass(slots=True)
class Call:
    """One unit that a whistle calls, as the page shows it: what waits for it, and its forms."""

    summons: Summons
    whistle: Whistle
    headline: str
    occasion: str
    matter: str
    clock: Clock | None
    to_report: bool
    elements: VerbForm | None
    may_contest: bool
    contest: str
    held: bool
    to_judge: bool
    to_grade: bool
    grade: str
    far: bool


@never_cache
@require_GET
@staff("whistles")
def page(request: HttpRequest) -> HttpResponse:
    """What waits for us, what we have whistled for, what command rules on, and the figures."""
    actor = who(request)
    calls = _calls(actor)
    own = actor.all_units
    context: dict[str, Any] = {
        "desk": "whistles",
        "for_us": [call for call in calls if call.summons.unit_id in actor.party_units],
        "ours": [call for call in calls if call.whistle.unit_id in own],
        "to_judge": [call for call in calls if call.to_judge],
        "satisfactions": [(each.value, _(each.label)) for each in Satisfaction],
    }
    if is_part(request, "lists"):
        return render(request, "web/whistles/lists.html", context)
    context["may_blow"] = bool(callers(actor))
    if actor.has(Role.SUPERVISOR, Role.COMMANDER) and (scopes := board_scopes(actor)):
        since = timezone.localdate() - LATELY
        may_open = len(scopes) == 1 and sees_area(actor, scopes[0])
        context["tables"] = tables(since, None, scopes, may_open=may_open)
        context["days"] = LATELY.days
    return render(request, "web/whistles/page.html", context)


def _calls(actor: Actor) -> list[Call]:
    """What concerns the actor: called, calling, or (for command) contested; waiting first."""
    found = concerning(actor).select_related(
        "unit", "reported_by", "whistle__unit", "whistle__event", "whistle__appeal"
    )
    rows = list(found.order_by(*WAITING_FIRST, "-whistle__at", "unit__name", "pk")[:MOST])
    appeals = {row.whistle.appeal_id for row in rows}
    live: dict[tuple[int, int | None, str], Clock] = {}
    running = Clock.objects.filter(appeal__in=appeals, stopped_at=None, kind__in=OF_UNITS)
    for clock in running.select_related("unit"):
        live[clock.appeal_id, clock.unit_id, clock.kind] = clock
    why, near = _reasons(appeals), policy("report_in_metres")
    return [_call(row, actor, live, why, near) for row in rows]


def _reasons(appeals: Iterable[int]) -> dict[tuple[int, str], str]:
    """Why each unit contests, by the case and the unit's code."""
    told = Event.objects.filter(appeal__in=appeals, verb=Verb.CONTEST).order_by("seq")
    return {(event.appeal_id, event.facts.get("unit", "")): event.why for event in told}


def _call(
    summons: Any,
    actor: Actor,
    live: dict[tuple[int, int | None, str], Clock],
    why: dict[tuple[int, str], str],
    near: int,
) -> Call:
    whistle, appeal = summons.whistle, summons.whistle.appeal
    form = clock = None
    if summons.to_enter:
        initial = initial_of(Verb.MEASURES, appeal) | {"unit": summons.unit.code}
        known = Known()
        known.speakers = [(summons.unit.code, summons.unit.name)]
        form = VerbForm(MOVES[Verb.MEASURES], known, initial=initial)
        form.auto_id = f"m{summons.pk}-%s"
    if summons.reported_at is None and not summons.excused and not summons.superseded:
        clock = live.get((appeal.pk, summons.unit_id, ClockKind.WHISTLE))
    elif summons.reported_at is not None and not summons.measures:
        clock = live.get((appeal.pk, summons.unit_id, ClockKind.MEASURES))
    return Call(
        summons,
        whistle,
        headline_of(appeal, reveal=may_reveal(actor, appeal)),
        _(Occasion(whistle.occasion).label),
        whistle.event.why,
        clock,
        to_report=summons.to_report,
        elements=form,
        may_contest=summons.to_report and summons.contested_at is None,
        contest=why.get((appeal.pk, summons.unit.code), "") if summons.contested_at else "",
        held=summons.held,
        to_judge=summons.to_judge,
        to_grade=summons.to_grade,
        grade=_(Satisfaction(summons.grade).label) if summons.grade else "",
        far=summons.metres is not None and summons.metres > near,
    )
