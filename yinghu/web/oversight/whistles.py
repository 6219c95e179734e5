"""The whistles page: for called units, callers, and command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals import clocks
from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Clock, Event
from yinghu.appeals.policies import policy
from yinghu.appeals.states import OF_UNITS, ClockKind, Occasion, Satisfaction
from yinghu.appeals.verb import Verb
from yinghu.common.config_types.config_form import labelled
from yinghu.common.text import whole_number
from yinghu.intake.whistle_filing import callers
from yinghu.oversight.whistle_actions import CONTEST, GRADE, JUDGE, MEASURES, REPORT_IN
from yinghu.oversight.whistle_duties import LATELY, WAITING_FIRST, summonses_of
from yinghu.oversight.whistles import ratings
from yinghu.people.access import Actor, board_scopes, may_reveal, sees_area
from yinghu.people.models import Role
from yinghu.ui.decorators import staff_page
from yinghu.ui.forms import Known, VerbForm, initial_of
from yinghu.ui.requests import is_part, who
from yinghu.ui.times import to_the_minute
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

    summons: Any
    """As annotated by `summonses_of`."""
    headline: str
    occasion: str
    clock: Clock | None
    elements: VerbForm | None
    contest: str
    ratings: list[tuple[str, str]]
    grade: str
    far: bool
    wrong: RefusedForm | None
    wrong_at: str
    """The verb whose form shows `wrong`; "gone" where that form is not shown any more."""

    @property
    def key(self) -> str:
        return str(self.summons.pk)


@staff_page("whistles")
def whistles_page(request: HttpRequest) -> HttpResponse:
    """Show calls to us, our own whistles, contests that command rules on, and the figures."""
    lists = _lists(who(request))
    if is_part(request, "lists"):
        return render(request, "oversight/whistle_lists.html", lists)
    return _whole(request, lists)


def redraw_whistles(
    request: HttpRequest, form: VerbForm, problem: str, status: int
) -> HttpResponse | None:
    """Draw the page with one of its forms refused; None if the form or its call is not on it."""
    call = whole_number(request.POST.get("call", ""))
    if call is None:
        return None
    wrong = RefusedForm(call, form, problem)
    lists = _lists(who(request), wrong)
    part = {JUDGE: "to_judge", GRADE: "ours"}.get(wrong.verb, "for_us")
    if not any(each.wrong for each in lists[part]):
        return None
    return _whole(request, lists, status)


def _lists(actor: Actor, wrong: RefusedForm | None = None) -> dict[str, list[WhistleCall]]:
    calls, own = _calls(actor, wrong), actor.all_units
    return {
        "for_us": [call for call in calls if call.summons.unit_id in actor.party_units],
        "ours": [call for call in calls if call.summons.whistle.unit_id in own],
        "to_judge": [call for call in calls if call.summons.to_judge],
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
    for clock in clocks.in_order((), running.select_related("unit")):
        live[clock.appeal_id, clock.unit_id, clock.kind] = clock
    contests = Event.objects.filter(appeal__in=appeals, verb=CONTEST.name).order_by("seq")
    why = {(event.appeal_id, event.facts.get("unit", "")): event.why for event in contests}
    near = policy("report_in_metres")
    return [_call(row, actor, live, why, near, wrong) for row in rows]


def _call(
    summons: Any,
    actor: Actor,
    live: dict[tuple[int, int | None, str], Clock],
    why: dict[tuple[int, str], str],
    near: int,
    wrong: RefusedForm | None,
) -> WhistleCall:
    appeal = summons.whistle.appeal
    wrong = wrong if wrong and wrong.call == summons.pk else None
    clock = None
    came = summons.reported_at is not None
    if not came and not summons.excused and not summons.superseded:
        clock = live.get((appeal.pk, summons.unit_id, ClockKind.WHISTLE))
    elif came and not summons.measures:
        clock = live.get((appeal.pk, summons.unit_id, ClockKind.MEASURES))
    shown = {
        REPORT_IN: summons.to_report,
        CONTEST: summons.to_report and summons.contested_at is None,
        MEASURES: summons.to_enter,
        GRADE: summons.to_grade,
        JUDGE: summons.to_judge,
    }
    return WhistleCall(
        summons,
        headline_of(appeal, reveal=may_reveal(actor, appeal)),
        _(Occasion(summons.whistle.occasion).label),
        clock,
        elements=_elements(summons, wrong) if summons.to_enter else None,
        contest=why.get((appeal.pk, summons.unit.code), "") if summons.contested_at else "",
        ratings=labelled(ratings(came=came)),
        grade=_(Satisfaction(summons.grade).label) if summons.grade else "",
        far=summons.metres is not None and summons.metres > near,
        wrong=wrong,
        wrong_at="" if wrong is None else wrong.verb.name if shown.get(wrong.verb) else "gone",
    )


def _elements(summons: Any, wrong: RefusedForm | None) -> VerbForm:
    known = Known()
    known.speakers = [(summons.unit.code, summons.unit.name)]
    if wrong is not None and wrong.verb is MEASURES:
        form = wrong.form
        form.offer(known)
        if at := next((bound for bound in form.visible_fields() if bound.errors), None):
            at.field.widget.attrs["autofocus"] = True
    else:
        initial = initial_of(MEASURES, summons.whistle.appeal) | {"unit": summons.unit.code}
        initial["received"] = to_the_minute(summons.reported_at)
        form = VerbForm(MEASURES, known, initial=initial)
    form.auto_id = f"m{summons.pk}-%s"
    return form
