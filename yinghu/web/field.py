"""Pages of whoever goes out: on a phone, with one thumb."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from yinghu.appeals import inboxes, loop
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import MOVES, Verb
from yinghu.people.access import Actor, may_reveal, relations
from yinghu.people.models import Reveal, User
from yinghu.people.privacy import unseal
from yinghu.web import case
from yinghu.web.acts import perform
from yinghu.web.forms import Known, VerbForm
from yinghu.web.shared import (
    PAGE,
    Row,
    is_part,
    login_of,
    rows_of,
    staff,
    version_of,
    who,
    without_numbers,
)

ACTS = (Verb.ACCEPT, Verb.REPORT, Verb.RESOLVE, Verb.RELEASE)
"""What is done out there, in the order shown; everything else is desk work."""

TAKEN = "taken"
"""Reason under which the reveal is logged that comes with taking a case; the seq of the event by
which it was taken follows."""


@never_cache
@require_GET
@staff("field")
def field(request: HttpRequest) -> HttpResponse:
    """What I have taken, and what is free for me to take."""
    actor = who(request)
    context = {
        "desk": "field",
        "mine": _cards(inboxes.mine(actor).filter(unit__in=actor.unit_ids), actor),
        "free": _cards(inboxes.free(actor), actor),
    }
    part = "web/field/lists.html" if is_part(request, "lists") else "web/field/field.html"
    return render(request, part, context)


def _cards(found: QuerySet[Appeal], actor: Actor) -> list[Row]:
    """Rows whose words hide what could be a phone: they are read in the street."""
    return rows_of(found[:PAGE], actor)


@never_cache
@require_GET
@staff("field")
def task(request: HttpRequest, number: str) -> HttpResponse:
    """One case on the phone."""
    return _show(request, case.seen(request, number))


def _show(
    request: HttpRequest,
    appeal: Appeal,
    *,
    bound: VerbForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    actor = who(request)
    holds = "holder" in relations(actor, appeal) and may_reveal(actor, appeal)
    if holds:
        _log_taken(login_of(request), appeal)
    context = case.context_of(request, appeal, bound=bound, problem=problem, revealed=holds)
    by_verb = {act["verb"]: act for act in context["acts"]}
    context |= {
        "desk": "field",
        "holds": holds,
        "phone": unseal(appeal.phone) if holds else "",
        "acts": [by_verb[verb] for verb in ACTS if verb in by_verb],
        # Before taking it, its words only: people write their phone into them.
        "body": context["body"] if holds else without_numbers(appeal.body),
    }
    part = "web/field/task_body.html" if is_part(request, "case") else "web/field/task.html"
    return render(request, part, context, status=status)


def _log_taken(user: User, appeal: Appeal) -> None:
    """Whoever takes a case sees whom to help; that they saw it is written down, once a taking."""
    taken = appeal.events.filter(verb=Verb.ACCEPT, user=user).order_by("seq").last()
    why = f"{TAKEN} {taken.seq}" if taken else TAKEN
    if not Reveal.objects.filter(user=user, appeal_number=appeal.number, why=why).exists():
        Reveal.objects.create(user=user, appeal_number=appeal.number, why=why)


@never_cache
@require_POST
@staff("field")
def act(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Take, report, hand back, resolve."""
    appeal = case.seen(request, number)
    if verb not in {each.value for each in ACTS}:
        raise Http404
    move = MOVES[Verb(verb)]
    form = VerbForm(move, Known(appeal.unit_id), request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, appeal, bound=form, status=422)
    actor = who(request)
    try:
        perform(appeal.pk, actor, form, version_of(request))
    except loop.NotFound as gone:
        raise Http404 from gone
    except loop.Forbidden as refused:
        raise PermissionDenied(refused.message) from refused
    except loop.Refused as refused:
        return _refused(request, appeal, form, refused)
    if move.verb is Verb.ACCEPT:
        _log_taken(login_of(request), appeal)
        messages.success(request, _("接单成功，联系方式已显示"))
        return redirect("task", number=appeal.number)
    done: dict[Verb, Any] = {
        Verb.REPORT: _("进展已发给诉求人"),
        Verb.RESOLVE: _("已办结，辛苦了"),
        Verb.RELEASE: _("已放回，别人可以接单"),
    }
    messages.success(request, done[move.verb])
    if move.verb is Verb.REPORT:
        return redirect("task", number=appeal.number)
    return redirect("field")


def _refused(
    request: HttpRequest, appeal: Appeal, form: VerbForm, refused: loop.Refused
) -> HttpResponse:
    fresh = case.fetch(appeal.pk) or appeal
    if not relations(who(request), fresh):
        raise Http404
    if refused.field in form.fields:
        form.add_error(refused.field, refused.message)
        return _show(request, fresh, bound=form, status=refused.status)
    return _show(request, fresh, bound=form, problem=refused.message, status=refused.status)
