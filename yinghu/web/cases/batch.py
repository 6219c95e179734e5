"""Batches: one verb for many cases, done case by case; some can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from yinghu.appeals import moving
from yinghu.appeals.actions import ACCEPT, ANSWER, ASSIGN, HAND, RELEASE, RETURN, SORT
from yinghu.appeals.closing_actions import CLOSE, DECLINE, MERGE
from yinghu.appeals.handling_actions import ASK, NOTE, REPORT, RESOLVE, URGE, silent_helpers
from yinghu.appeals.labels import status_label
from yinghu.appeals.models import Appeal
from yinghu.appeals.numbers import id_of, number_of
from yinghu.appeals.states import Status
from yinghu.appeals.verb import Verb
from yinghu.common.text import whole_number
from yinghu.people.access import Actor, may_see, relations
from yinghu.ui.case_rows import CaseRow, case_rows
from yinghu.ui.decorators import staff_action
from yinghu.ui.forms import Known, VerbForm
from yinghu.ui.requests import login_of, sender_of, who
from yinghu.ui.verb_views import perform
from yinghu.verbs import VERBS

MAX_BATCH = 100

BATCH_VERBS = (
    ACCEPT,
    HAND,
    SORT,
    ASSIGN,
    ANSWER,
    REPORT,
    ASK,
    RESOLVE,
    RELEASE,
    RETURN,
    CLOSE,
    MERGE,
    DECLINE,
    NOTE,
    URGE,
)
"""Verbs for batches; not those of a single requester (supply, rate, withdraw) nor those decided
case by case (extend, escalate, reopen)."""

UNDO_SECONDS = 10 * 60

_RELATIONS: dict[Verb, frozenset[str]] = {
    verb: frozenset(verb.who) - {"volunteer"} for verb in BATCH_VERBS
}
"""Relations that may do each verb in a batch; not volunteers, who would see many addresses."""


def batch_verbs(actor: Actor) -> list[Verb]:
    """List the verbs that the actor's posts allow at all."""
    mine: set[str] = set()
    for grant in actor.grants:
        reached = Appeal(area_id=grant.area or None, unit_id=grant.unit_id, holder_id=actor.user_id)
        mine |= relations(actor, reached)
    return [verb for verb in BATCH_VERBS if mine & _RELATIONS[verb]]


@dataclass(slots=True)
class BatchCase:
    """A chosen case: why the verb cannot be done to it, if so, and whether it was done."""

    number: str
    row: CaseRow | None = None
    why_not: str = ""
    done: bool = False


@staff_action()
def batch_page(request: HttpRequest) -> HttpResponse:
    """Choose a verb, preview which cases it works for, fill in its form, do it."""
    actor = who(request)
    chosen = list(dict.fromkeys(number[:20] for number in request.POST.getlist("pick")))
    numbers = chosen[:MAX_BATCH]
    verb = next((each for each in BATCH_VERBS if each.name == request.POST.get("verb")), None)
    lines = _lines(actor, numbers)
    context: dict[str, Any] = {
        "desk": "cases",
        "lines": lines,
        "most": MAX_BATCH,
        "left_out": len(chosen) - len(numbers),
        "verb": verb,
        "back": _list_address(request),
    }
    if verb is None:
        context["verbs"] = [
            (each, sum(_refusal(line, each, actor) == "" for line in lines))
            for each in batch_verbs(actor)
        ]
        return render(request, "cases/batch.html", context)
    for line in lines:
        line.why_not = _refusal(line, verb, actor)
    able = [line for line in lines if not line.why_not]
    unit = next((line.row.appeal.unit_id for line in able if line.row), None)
    bound = request.POST if "do" in request.POST else None
    # A photo belongs to one case.
    form = VerbForm(verb, Known(unit), bound, without=("photos",))
    if not silent_helpers([line.row.appeal.pk for line in able if line.row]).exists():
        form.ask_about_helpers(())
    context |= {"form": form, "able": len(able), "can_undo": verb in _CAN_UNDO}
    if bound is None:
        return render(request, "cases/batch.html", context)
    if form.is_valid():
        try:
            moving.check_finished(verb, form.values())
        except moving.Refused as refused:
            form.add_error(refused.field, refused.message)
    if form.errors:
        return render(request, "cases/batch.html", context, status=422)
    undo = [token for line in able if (token := _perform_one(request, actor, line, form))]
    for line, now in zip(lines, _lines(actor, numbers), strict=True):
        line.row = now.row or line.row
    context |= {
        "n": sum(line.done for line in lines),
        "done_label": verb.done,
        "undo": _signer(request).sign_object([verb.name, undo]) if undo else "",
        "undoes": len(undo),
    }
    return render(request, "cases/batch_done.html", context)


def _lines(actor: Actor, numbers: list[str]) -> list[BatchCase]:
    ids = [appeal_id for number in numbers if (appeal_id := id_of(number)) is not None]
    rows = case_rows(Appeal.objects.filter(pk__in=ids), actor)
    seen = {row.appeal.number: row for row in rows if may_see(actor, row.appeal)}
    return [BatchCase(number, seen.get(number)) for number in numbers]


def _refusal(line: BatchCase, verb: Verb, actor: Actor) -> str:
    """Explain why the verb cannot be done to this case now; "" if it can."""
    if line.row is None:
        return _("没有这件诉求，或者它不归您看")
    appeal = line.row.appeal
    if not _RELATIONS[verb] & relations(actor, appeal):
        return _("您不能对这件做“%s”") % _(verb.label)
    if appeal.status not in verb.sources:
        return _("现在是“%s”") % status_label(appeal.state)
    if appeal.alarmed:
        return _("正在报警，请单独办")
    return ""


def _perform_one(
    request: HttpRequest, actor: Actor, line: BatchCase, form: VerbForm
) -> list[Any] | None:
    """Do the verb to one case at the version shown; returns what undoing it needs, if possible."""
    if line.row is None:
        return None
    appeal = line.row.appeal
    expect = whole_number(request.POST.get(f"version-{line.number}", ""), 9)
    try:
        event = perform(appeal.pk, actor, form, expect, sender=sender_of(request))
    except moving.Refused as refused:
        line.why_not = refused.message
        return None
    line.done = True
    given = _undo(form.verb, appeal, actor, event.words)
    return [appeal.pk, event.seq, *given] if given is not None else None


def _undo(verb: Verb, before: Appeal, actor: Actor, said: str) -> list[Any] | None:
    """The verb and its fields that take back one of `_CAN_UNDO`, None if nothing does."""
    if verb is ACCEPT and not said:
        return [RELEASE.name, {}]
    if verb is HAND and before.holder is not None:
        return [HAND.name, {"user": before.holder.username}]
    if verb is HAND and "head" in relations(actor, before):
        return [RELEASE.name, {}]
    if verb is ASSIGN and before.state is Status.ASSIGNED and before.unit is not None:
        return [ASSIGN.name, {"unit": before.unit.code}]
    return None


_CAN_UNDO = frozenset({ACCEPT, HAND, ASSIGN})
"""The other verbs cannot be undone: their words have been read (answer, report, ask, resolve,
decline; also accept with words), a rule has acted (sort), a unit has been told (return), or no verb
reverts them (merge, close, note, urge)."""


def _signer(request: HttpRequest) -> signing.TimestampSigner:
    """Make the signer of undo tokens, which are valid for this login only."""
    return signing.TimestampSigner(salt=f"yinghu.web.cases.batch:{login_of(request).pk}")


@staff_action()
def undo_batch(request: HttpRequest) -> HttpResponse:
    """Undo a batch case by case, where nothing has happened since."""
    try:
        verb, undone = _signer(request).unsign_object(
            request.POST.get("undo", ""), max_age=UNDO_SECONDS
        )
    except signing.SignatureExpired:
        messages.error(request, _("过了十分钟，不能成批撤销了；可以一件件改"))
        return redirect(_list_address(request))
    except signing.BadSignature as forged:
        raise Http404 from forged
    actor, why = who(request), _("撤销刚才的批量操作")
    lines = [BatchCase(number_of(appeal_id)) for appeal_id, *_undo in undone]
    for line, (appeal_id, seq, back, given) in zip(lines, undone, strict=True):
        try:
            VERBS[back].perform(appeal_id, actor, **given, why=why, expect=seq)
            line.done = True
        except moving.Refused as refused:
            line.why_not = refused.message
    for line, now in zip(lines, _lines(actor, [each.number for each in lines]), strict=True):
        line.row = now.row
    context = {
        "desk": "cases",
        "lines": lines,
        "verb": VERBS[verb],
        "n": sum(line.done for line in lines),
        "done_label": _("撤销"),
        "back": _list_address(request),
    }
    return render(request, "cases/batch_done.html", context)


def _list_address(request: HttpRequest) -> str:
    query = request.POST.get("query", "")[:1000].replace("\n", "").replace("\r", "")
    return f"{reverse('cases')}?{query}" if query else reverse("cases")
