"""The whistles page: for called units, callers, and command."""

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
from yinghu.appeals.policies import policy
from yinghu.appeals.states import OF_UNITS, ClockKind, Occasion, Satisfaction
from yinghu.appeals.verb import Verb
from yinghu.intake.whistle_filing import callers
from yinghu.oversight.models import Summons, Whistle
from yinghu.oversight.whistle_actions import CONTEST, GRADE, JUDGE, MEASURES, REPORT_IN
from yinghu.oversight.whistle_duties import LATELY, WAITING_FIRST, summonses_of
from yinghu.oversight.whistles import ratings
from yinghu.people.access import Actor, board_scopes, may_reveal, sees_area
from yinghu.people.models import Role
from yinghu.ui.decorators import staff
from yinghu.ui.forms import Known, VerbForm, initial_of
from yinghu.ui.requests import is_part, who
from yinghu.web.statistics.whistle_tables import tables

MOST = 60
"""Limit of the calls shown, waiting ones first."""


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """A refused form of this page: its call, and its problem as a whole."""

    call: int
    form: VerbForm
    problem: str

    @property
    def verb(self) -> Verb:
        return self.form.verb

    @property
    def why(self) -> str:
        return str(self.form.data.get("why", ""))

    @property
    def said(self) -> str:
        """The problems, except those that the fields of the four elements show themselves."""
        shown = self.form.visible_fields() if self.verb is MEASURES else []
        names = {bound.name for bound in shown}
        found = [each for name, each in self.form.errors.items() if name not in names]
        return " ".join([self.problem, *(str(text) for each in found for text in each)]).strip()


@dataclass(slots=True)
class WhistleCall:
    """One unit called by a whistle: what waits for it, and its forms."""

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
    ratings: list[tuple[str, str]]
    grade: str
    far: bool
    wrong: RefusedForm | None
    wrong_at: str
    """The verb whose form shows `wrong`; "gone" where that form is not shown any more."""

    @property
    def key(self) -> str:
        return str(self.summons.pk)


@never_cache
@require_GET
@staff("whistles")
def whistles_page(request: HttpRequest) -> HttpResponse:
    """Show calls to us, our own whistles, contests that command rules on, and the figures."""
    lists = _lists(who(request))
    if is_part(request, "lists"):
        return render(request, "oversight/whistle_lists.html", lists)
    return _whole(request, lists)


def redraw_whistles(
    request: HttpRequest, form: VerbForm, problem: str, status: int
) -> HttpResponse | None:
    """Draw the page with the problem of one of its forms and the typed words; None if the form is
    of another page or its call is not listed any more.
    """
    call = request.POST.get("call", "")
    if not (call.isascii() and call.isdigit() and len(call) < 19):
        return None
    wrong = RefusedForm(int(call), form, problem)
    lists = _lists(who(request), wrong)
    part = {JUDGE: "to_judge", GRADE: "ours"}.get(wrong.verb, "for_us")
    if not any(each.wrong for each in lists[part]):
        return None
    return _whole(request, lists, status)


def _lists(actor: Actor, wrong: RefusedForm | None = None) -> dict[str, list[WhistleCall]]:
    calls, own = _calls(actor, wrong), actor.all_units
    return {
        "for_us": [call for call in calls if call.summons.unit_id in actor.party_units],
        "ours": [call for call in calls if call.whistle.unit_id in own],
        "to_judge": [call for call in calls if call.to_judge],
    }


def _whole(
    request: HttpRequest, lists: dict[str, list[WhistleCall]], status: int = 200
) -> HttpResponse:
    actor = who(request)
    context: dict[str, Any] = {"desk": "whistles", **lists}
    context["may_blow"] = bool(callers(actor))
    if actor.has(Role.SUPERVISOR, Role.COMMANDER) and (scopes := board_scopes(actor)):
        since = timezone.localdate() - LATELY
        may_open = len(scopes) == 1 and sees_area(actor, scopes[0])
        context["tables"] = tables(since, None, scopes, may_open=may_open)
        context["days"] = LATELY.days
    return render(request, "oversight/whistles.html", context, status=status)


def _calls(actor: Actor, wrong: RefusedForm | None) -> list[WhistleCall]:
    """The actor's calls: called, calling, or (for command) contested; waiting ones first."""
    found = summonses_of(actor).select_related(
        "unit", "reported_by", "whistle__unit", "whistle__event", "whistle__appeal"
    )
    rows = list(found.order_by(*WAITING_FIRST, "-whistle__at", "unit__name", "pk")[:MOST])
    appeals = {row.whistle.appeal_id for row in rows}
    live: dict[tuple[int, int | None, str], Clock] = {}
    running = Clock.objects.filter(appeal__in=appeals, stopped_at=None, kind__in=OF_UNITS)
    for clock in running.select_related("unit"):
        live[clock.appeal_id, clock.unit_id, clock.kind] = clock
    why, near = _reasons(appeals), policy("report_in_metres")
    return [_call(row, actor, live, why, near, wrong) for row in rows]


def _reasons(appeals: Iterable[int]) -> dict[tuple[int, str], str]:
    """Reasons of contests by case and unit code."""
    told = Event.objects.filter(appeal__in=appeals, verb=CONTEST.name).order_by("seq")
    return {(event.appeal_id, event.facts.get("unit", "")): event.why for event in told}


def _call(
    summons: Any,
    actor: Actor,
    live: dict[tuple[int, int | None, str], Clock],
    why: dict[tuple[int, str], str],
    near: int,
    wrong: RefusedForm | None,
) -> WhistleCall:
    whistle, appeal = summons.whistle, summons.whistle.appeal
    wrong = wrong if wrong and wrong.call == summons.pk else None
    form = _elements(summons, wrong) if summons.to_enter else None
    clock = None
    came = summons.reported_at is not None
    if not came and not summons.excused and not summons.superseded:
        clock = live.get((appeal.pk, summons.unit_id, ClockKind.WHISTLE))
    elif came and not summons.measures:
        clock = live.get((appeal.pk, summons.unit_id, ClockKind.MEASURES))
    may_contest = summons.to_report and summons.contested_at is None
    shown = {
        REPORT_IN: summons.to_report,
        CONTEST: may_contest,
        MEASURES: summons.to_enter,
        GRADE: summons.to_grade,
        JUDGE: summons.to_judge,
    }
    return WhistleCall(
        summons,
        whistle,
        headline_of(appeal, reveal=may_reveal(actor, appeal)),
        _(Occasion(whistle.occasion).label),
        whistle.event.why,
        clock,
        to_report=summons.to_report,
        elements=form,
        may_contest=may_contest,
        contest=why.get((appeal.pk, summons.unit.code), "") if summons.contested_at else "",
        held=summons.held,
        to_judge=summons.to_judge,
        to_grade=summons.to_grade,
        ratings=[(each.value, _(each.label)) for each in ratings(came=came)],
        grade=_(Satisfaction(summons.grade).label) if summons.grade else "",
        far=summons.metres is not None and summons.metres > near,
        wrong=wrong,
        wrong_at="" if wrong is None else wrong.verb.name if shown.get(wrong.verb) else "gone",
    )


def _elements(summons: Any, wrong: RefusedForm | None) -> VerbForm:
    """The form of the four elements, new or refused."""
    known = Known()
    known.speakers = [(summons.unit.code, summons.unit.name)]
    if wrong is not None and wrong.verb is MEASURES:
        form = wrong.form
        form.offer(known)
        at = next((bound for bound in form.visible_fields() if bound.errors), None)
        if at is not None:
            at.field.widget.attrs["autofocus"] = True
    else:
        initial = initial_of(MEASURES, summons.whistle.appeal) | {"unit": summons.unit.code}
        form = VerbForm(MEASURES, known, initial=initial)
    form.auto_id = f"m{summons.pk}-%s"
    return form
