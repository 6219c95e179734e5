"""Whistles: for those who are called, to report in from a phone; for the callers; for command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Clock, Event
from yinghu.appeals.moves import MOVES
from yinghu.appeals.states import OF_UNITS, ClockKind, Occasion, Satisfaction, Verb
from yinghu.oversight.models import Summons, Whistle
from yinghu.oversight.whistle_figures import answering
from yinghu.people.access import Actor, board_scopes, may_reveal
from yinghu.people.models import Role
from yinghu.web.forms import Known, VerbForm, initial_of
from yinghu.web.shared import staff, who

LATELY = timedelta(days=30)
"""For how long a whistle that waits for nothing any more is still shown."""
MOST = 60
"""Whistles on a page."""


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
    to_judge: bool
    to_grade: bool
    grade: str


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
    if actor.has(Role.SUPERVISOR, Role.COMMANDER):
        now = timezone.now()
        scopes = board_scopes(actor)
        context["figures"] = answering(now, now - LATELY, scopes[0] if scopes else "")
        context["days"] = LATELY.days
    return render(request, "web/whistles/page.html", context)


def _calls(actor: Actor) -> list[Call]:
    """What concerns the actor: called, calling, or (for command) contested; waiting first."""
    found = Summons.objects.filter(whistle__at__gt=timezone.now() - LATELY)
    mine = Q(unit__in=actor.party_units) | Q(whistle__unit__in=actor.all_units)
    if actor.has(Role.COMMANDER, Role.SUPERVISOR):
        mine |= Q(contested_at__isnull=False, excused=None, reported_at=None)
    found = found.filter(mine).select_related(
        "unit", "reported_by", "whistle__unit", "whistle__event", "whistle__appeal"
    )
    rows = list(found.order_by("-whistle__at", "unit__name")[:MOST])
    appeals = {row.whistle.appeal_id for row in rows}
    live: dict[tuple[int, int | None, str], Clock] = {}
    for clock in Clock.objects.filter(appeal__in=appeals, stopped_at=None, kind__in=OF_UNITS):
        live[clock.appeal_id, clock.unit_id, clock.kind] = clock
    why = _reasons(appeals)
    calls = [_call(row, actor, live, why) for row in rows]
    return sorted(calls, key=lambda call: call.clock is None)


def _reasons(appeals: Iterable[int]) -> dict[tuple[int, str], str]:
    """Why each unit contests, by the case and the unit's code."""
    told = Event.objects.filter(appeal__in=appeals, verb=Verb.CONTEST).order_by("seq")
    return {(event.appeal_id, event.facts.get("unit", "")): event.why for event in told}


def _call(
    summons: Summons,
    actor: Actor,
    live: dict[tuple[int, int | None, str], Clock],
    why: dict[tuple[int, str], str],
) -> Call:
    whistle, appeal = summons.whistle, summons.whistle.appeal
    at = appeal.pk, summons.unit_id
    called, elements = live.get((*at, ClockKind.WHISTLE)), live.get((*at, ClockKind.MEASURES))
    contested = live.get((*at, ClockKind.CONTEST))
    us, ours = summons.unit_id in actor.party_units, whistle.unit_id in actor.all_units
    rating = (appeal.pk, whistle.unit_id, ClockKind.GRADE.value) in live
    over = summons.reported_at is not None or whistle.until < timezone.now()
    form = None
    if us and elements:
        initial = initial_of(Verb.MEASURES, appeal)
        form = VerbForm(MOVES[Verb.MEASURES], Known(), initial=initial)
        form.auto_id = f"m{summons.pk}-%s"
    return Call(
        summons,
        whistle,
        headline_of(appeal, reveal=may_reveal(actor, appeal)),
        _(Occasion(whistle.occasion).label),
        whistle.event.why,
        called or elements,
        to_report=us and called is not None,
        elements=form,
        may_contest=us and called is not None and summons.contested_at is None,
        contest=why.get((appeal.pk, summons.unit.code), ""),
        to_judge=contested is not None and actor.has(Role.COMMANDER, Role.SUPERVISOR),
        to_grade=ours and rating and over and not summons.grade and not summons.excused,
        grade=_(Satisfaction(summons.grade).label) if summons.grade else "",
    )
