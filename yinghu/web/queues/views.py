"""The desks: a list of waiting cases beside the open case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from yinghu.appeals import inboxes
from yinghu.appeals.models import Appeal
from yinghu.appeals.numbers import id_of
from yinghu.appeals.states import ClockKind, Status
from yinghu.oversight import rulings
from yinghu.people.access import Actor, may_see
from yinghu.triage.models import Suggestion
from yinghu.ui.case_rows import case_rows, with_marks
from yinghu.ui.decorators import staff_page
from yinghu.ui.maps import area_suggestions
from yinghu.ui.pagination import MAX_SHOWN, PAGE_SIZE, CasePage, case_page, size_for
from yinghu.ui.requests import is_part, login_of, who
from yinghu.web.case import case_actions
from yinghu.web.case import views as case_views
from yinghu.web.queues import snooze

URGENT_FIRST = ("-urgency", "id")


@dataclass(frozen=True, slots=True)
class Inbox:
    """One desk's list: its query and order, its text when empty, and the advice below that."""

    title: Any
    found: Callable[[Actor], QuerySet[Appeal]]
    keys: tuple[str, ...]
    empty: Any
    then: Any


INBOXES = {
    "triage": Inbox(
        _("待研判"),
        inboxes.triage,
        URGENT_FIRST,
        _("都研判完了"),
        _("有空时，可以到“回访”问问办结的诉求是否真的解决了。"),
    ),
    "dispatch": Inbox(
        _("待派单"),
        inboxes.dispatch,
        URGENT_FIRST,
        _("都派出去了"),
        _("规则派不了的、单位退回的，才会到这里。有空时，可以到“看板”看看哪里忙不过来。"),
    ),
    "inbox": Inbox(
        _("本单位在办"),
        inboxes.unit,
        inboxes.BY_DUE,
        _("没有在办的诉求"),
        _("以前办过的，可以在上面按编号或关键词搜索。"),
    ),
    "callback": Inbox(
        _("待回访"),
        inboxes.callback,
        ("moved_at", "id"),
        _("都回访完了"),
        _("单位办结后，要问的会到这里。诉求人来电，可以在上面按电话搜索。"),
    ),
}


def _inbox(request: HttpRequest, name: str) -> HttpResponse:
    inbox = INBOXES[name]
    actor = who(request)
    number = request.GET.get("case", "")
    context: dict[str, Any] = {
        "desk": name,
        "inbox": inbox,
        "chosen": number,
        "case_keys": case_actions.ALL_KEYS,
    }
    if is_part(request, "pane"):
        context |= _opened_case(request, name, number, None)
        return render(request, "case/pane.html", context)
    found, after = inbox.found(actor), request.GET.get("after", "")
    away = 0
    if name in snooze.DESKS:
        away = 0 if after else snooze.count(found, login_of(request))
        found = snooze.without(found, login_of(request))
    size = PAGE_SIZE if after else size_for(request.GET.get("shown", ""))
    if name == "triage":
        page = _pressing_first(found, after, inbox.keys, actor, size)
    else:
        page = case_page(found, after, inbox.keys, actor, size)
    if number and not after:
        page = _with_open_case(page, found, id_of(number[:40]), actor)
    context |= {"page": page, "is_more": bool(after), "away": away, "minutes": snooze.MINUTES}
    if name == "dispatch" and not after:
        # These cases stay with their unit meanwhile and are in no list of this desk.
        asked = rulings.pending(actor, (ClockKind.RULING,))
        elsewhere = asked.exclude(status=Status.SORTED).order_by()
        context["to_rule"] = elsewhere.count()
    if is_part(request, "rows"):
        return render(request, "queues/rows.html", context)
    first = page.rows[0].appeal.pk if page.rows else None
    context |= _opened_case(request, name, number, first)
    skipped = request.GET.get("skipped", "")[:20]
    if skipped and snooze.is_skipped(id_of(skipped), login_of(request)):
        context["skipped"] = skipped
    return render(request, "queues/inbox.html", context)


def _pressing_first(
    found: QuerySet[Appeal], after: str, keys: tuple[str, ...], actor: Actor, size: int
) -> CasePage:
    # A suggestion decides nothing, but cases that may be urgent have to be read first.
    waiting = found.order_by().values("pk")
    pressing = list(
        Suggestion.objects.filter(urgency__gt=1, appeal__in=waiting)
        .filter(urgency__gt=F("appeal__urgency"))
        .order_by("-urgency", "appeal")
        .values_list("appeal", flat=True)[:MAX_SHOWN]
    )
    page = case_page(found.exclude(pk__in=pressing), after, keys, actor, size)
    if not pressing or after:
        return page
    first = with_marks(case_rows(Appeal.objects.filter(pk__in=pressing), actor))
    rows = sorted([*first, *page.rows], key=lambda row: (-row.pressing, row.appeal.pk))
    return CasePage(rows, page.more)


def _with_open_case(
    page: CasePage, found: QuerySet[Appeal], appeal_id: int | None, actor: Actor
) -> CasePage:
    """Put the open case first if it is in the list, but not on this page."""
    if appeal_id is None or any(row.appeal.pk == appeal_id for row in page.rows):
        return page
    opened = with_marks(case_rows(found.filter(pk=appeal_id), actor))
    return CasePage([*opened, *page.rows], page.more) if opened else page


def _opened_case(request: HttpRequest, desk: str, number: str, first: int | None) -> dict[str, Any]:
    """Context of the named case, else of the first in the list, if the reader may see it."""
    found = case_views.fetch_case(id_of(number[:40]) if number else first)
    if found is None or not may_see(who(request), found):
        return {}
    return case_views.context_of(request, found, back=desk)


def desk_page(name: str) -> Callable[[HttpRequest], HttpResponseBase]:
    """The view of one of `INBOXES`."""

    @staff_page(name)
    def view(request: HttpRequest) -> HttpResponse:
        return _inbox(request, name)

    return view


@staff_page()
def desk_badges(request: HttpRequest) -> HttpResponse:
    """Draw the header's desks again, with their numbers of waiting cases."""
    return render(request, "ui/parts/desks.html", {"desk": request.GET.get("here", "")})


@staff_page()
def desk_area_hints(request: HttpRequest) -> HttpResponse:
    """Areas whose code, name or words match the typed text, for a field's hints."""
    return JsonResponse(area_suggestions(request.GET.get("q", "")), safe=False)
