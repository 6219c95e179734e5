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
from yinghu.appeals.policies import policy
from yinghu.appeals.states import OF_UNITS, ClockKind, Occasion, Satisfaction
from yinghu.appeals.verb import Verb
from yinghu.intake.whistle_filing import callers
from yinghu.oversight.models import Summons, Whistle
from yinghu.oversight.whistle_actions import CONTEST, GRADE, JUDGE, MEASURES, REPORT_IN
from yinghu.oversight.whistle_duties import LATELY, WAITING_FIRST, concerning
from yinghu.oversight.whistles import ratings
from yinghu.people.access import Actor, board_scopes, may_reveal, sees_area
from yinghu.people.models import Role
from yinghu.ui.decorators import staff
from yinghu.ui.forms import Known, VerbForm, initial_of
from yinghu.ui.requests import is_part, who
from yinghu.web.statistics.whistle_tables import tables

MOST = 60
"""Units called that a page shows; what waits comes first."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A form of this page that was refused: of which call, and what is wrong with it as a whole."""

    call: int
    form: VerbForm
    problem: str

    @property
    def verb(self) -> Verb:
        return self.form.verb

    @property
    def why(self) -> str:
        """What was typed."""
        return str(self.form.data.get("why", ""))

    @property
    def said(self) -> str:
        """What is wrong, but for what the fields of the four elements say themselves."""
        shown = self.form.visible_fields() if self.verb is MEASURES else []
        names = {bound.name for bound in shown}
        found = [each for name, each in self.form.errors.items() if name not in names]
        return " ".join([self.problem, *(str(text) for each in found for text in each)]).strip()


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
    ratings: list[tuple[str, str]]
    grade: str
    far: bool
    wrong: Wrong | None
    wrong_at: str
    """The verb of the form at which that is said; "gone" where it is not there any more."""

    @property
    def key(self) -> str:
        return str(self.summons.pk)


@never_cache
@require_GET
@staff("whistles")
def page(request: HttpRequest) -> HttpResponse:
    """What waits for us, what we have whistled for, what command rules on, and the figures."""
    lists = _lists(who(request))
    if is_part(request, "lists"):
        return render(request, "oversight/whistle_lists.html", lists)
    return _whole(request, lists)


def again(request: HttpRequest, form: VerbForm, problem: str, status: int) -> HttpResponse | None:
    """The page once more, with what was wrong with a form of its own and what was typed; None where
    it was sent from elsewhere, or what it was about does not stand here any more.
    """
    call = request.POST.get("call", "")
    if not (call.isascii() and call.isdigit() and len(call) < 19):
        return None
    wrong = Wrong(int(call), form, problem)
    lists = _lists(who(request), wrong)
    part = {JUDGE: "to_judge", GRADE: "ours"}.get(wrong.verb, "for_us")
    if not any(each.wrong for each in lists[part]):
        return None
    return _whole(request, lists, status)


def _lists(actor: Actor, wrong: Wrong | None = None) -> dict[str, list[Call]]:
    calls, own = _calls(actor, wrong), actor.all_units
    return {
        "for_us": [call for call in calls if call.summons.unit_id in actor.party_units],
        "ours": [call for call in calls if call.whistle.unit_id in own],
        "to_judge": [call for call in calls if call.to_judge],
    }


def _whole(request: HttpRequest, lists: dict[str, list[Call]], status: int = 200) -> HttpResponse:
    actor = who(request)
    context: dict[str, Any] = {"desk": "whistles", **lists}
    context["may_blow"] = bool(callers(actor))
    if actor.has(Role.SUPERVISOR, Role.COMMANDER) and (scopes := board_scopes(actor)):
        since = timezone.localdate() - LATELY
        may_open = len(scopes) == 1 and sees_area(actor, scopes[0])
        context["tables"] = tables(since, None, scopes, may_open=may_open)
        context["days"] = LATELY.days
    return render(request, "oversight/whistles.html", context, status=status)


def _calls(actor: Actor, wrong: Wrong | None) -> list[Call]:
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
    return [_call(row, actor, live, why, near, wrong) for row in rows]


def _reasons(appeals: Iterable[int]) -> dict[tuple[int, str], str]:
    """Why each unit contests, by the case and the unit's code."""
    told = Event.objects.filter(appeal__in=appeals, verb=CONTEST.name).order_by("seq")
    return {(event.appeal_id, event.facts.get("unit", "")): event.why for event in told}


def _call(
    summons: Any,
    actor: Actor,
    live: dict[tuple[int, int | None, str], Clock],
    why: dict[tuple[int, str], str],
    near: int,
    wrong: Wrong | None,
) -> Call:
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
    return Call(
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


def _elements(summons: Any, wrong: Wrong | None) -> VerbForm:
    """The form of the four elements, empty or as it was refused."""
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
