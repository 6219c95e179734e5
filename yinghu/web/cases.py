"""The list of all cases in one's scope: searched, filtered, kept as a filter, given out as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from yinghu.appeals import inboxes
from yinghu.appeals.labels import status_label
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status, Urgency
from yinghu.channels import flood
from yinghu.people.access import Actor, desks_of, may_export
from yinghu.people.privacy import mask_name, mask_phone, unseal
from yinghu.web import csvs, finding
from yinghu.web.batch import MOST, verbs_of
from yinghu.web.filters import COUNTED, Choices, Filter, FilterForm
from yinghu.web.forms import name_of
from yinghu.web.models import SavedView
from yinghu.web.shared import (
    Page,
    is_part,
    login_of,
    newest_first,
    page_of,
    rows_of,
    staff,
    who,
    without_numbers,
)

MOST_VIEWS = 20
"""Filters that one login may keep."""
EXPORTED = 10_000

_log = structlog.get_logger("yinghu.cases")

READY: tuple[tuple[Any, str, frozenset[str]], ...] = (
    (
        gettext_lazy("我手上的"),
        "status=handling&status=waiting&mine=1",
        frozenset({"inbox", "field"}),
    ),
    (gettext_lazy("等人接单"), "status=assigned", frozenset({"inbox", "dispatch"})),
    (gettext_lazy("超时的"), "late=1", frozenset({"inbox", "triage", "dispatch", "board"})),
    (
        gettext_lazy("危急的"),
        "status=filed&status=sorted&status=assigned&status=handling&urgency=3",
        frozenset({"inbox", "triage", "dispatch", "board"}),
    ),
    (gettext_lazy("等诉求人补充"), "status=waiting", frozenset({"inbox", "callback"})),
    (
        gettext_lazy("地点未定"),
        "status=filed&status=sorted&area=-",
        frozenset({"triage", "dispatch"}),
    ),
)
"""Filters that everybody has who has one of the desks: name, query, desks."""

COLUMNS = (
    "number",
    "status",
    "urgency",
    "category",
    "area",
    "unit",
    "channel",
    "filed_at",
    "due_at",
    "name",
    "phone",
    "words",
)


@dataclass(frozen=True, slots=True)
class View:
    """A filter on top of the list, with how many it finds now, "1000+" beyond that. A ready one
    has a `pk` of 0.
    """

    name: str
    query: str
    n: str
    here: bool
    pk: int = 0


@never_cache
@require_GET
@staff()
def page(request: HttpRequest) -> HttpResponse:
    """What the filter and the words in the address ask for, newest first, in the actor's scope."""
    actor, form = who(request), FilterForm(request.GET)
    wanted = form.filter()
    after = request.GET.get("after", "")
    phone = "" if wanted.by else finding.phone_in(actor, wanted.q)
    limit = "phone" if phone else "words"
    context: dict[str, Any] = {
        "desk": "cases",
        "query": wanted.q,
        "by": wanted.by,
        "wanted": wanted,
        "address": wanted.query(),
        "form": form,
        "chips": [(text, wanted.without(name).query()) for name, text in wanted.words()],
        "is_more": bool(after),
    }
    # Before anything is looked for. Whoever tries numbers one by one is slowed, by words too.
    if wanted.q and (wait := flood.too_many(limit, f"user {actor.user_id}")):
        context |= {"kind": limit, "problem": _("试得太多了，请 %d 秒后再试") % wait}
        refused = render(request, "web/cases/list.html", context, status=429)
        refused.headers["Retry-After"] = str(wait)
        return refused
    kind, found = _found(actor, wanted)
    if not wanted and request.path == reverse("search"):
        # Nothing was looked for; all there is would be no answer.
        found = found.none()
    listed = page_of(newest_first(found), after, ("-id",), actor)
    if kind == "words":
        _excerpts(listed, wanted.q)
    context |= {"kind": kind, "page": listed}
    if is_part(request, "rows"):
        return render(request, "web/cases/rows.html", context)
    context |= {
        "n": _count(found),
        "most": MOST,
        "verbs": verbs_of(actor),
        "may_export": may_export(actor),
        "views": views_of(request, wanted.query()),
        "may_save": bool(wanted.query()),
    }
    part = "web/cases/found.html" if is_part(request, "found") else "web/cases/list.html"
    return render(request, part, context)


def _found(actor: Actor, wanted: Filter) -> tuple[str, QuerySet[Appeal]]:
    found = wanted.apply(inboxes.visible(actor), actor)
    if not wanted.q:
        return "", found
    return finding.matching(found, actor, wanted.q, by_words=wanted.by == "words")


def _excerpts(listed: Page, query: str) -> None:
    for row in listed.rows:
        appeal = row.appeal
        said = f"{appeal.title} {appeal.body}" if appeal.title else appeal.body
        row.excerpt = finding.excerpt(said if row.reveal else without_numbers(said), query)


def _count(found: QuerySet[Appeal]) -> str:
    n = found.order_by()[: COUNTED + 1].count()
    return f"{COUNTED}+" if n > COUNTED else str(n)


def views_of(request: HttpRequest, address: str) -> list[View]:
    """The ready filters of the actor's desks and those kept by this login, each with its count."""
    actor = who(request)
    views, mine, choices = [], desks_of(actor), Choices()
    kept = SavedView.objects.filter(user=login_of(request))
    for name, query, pk in (
        *((str(name), query, 0) for name, query, desks in READY if desks & mine),
        *((view.name, view.query, view.pk) for view in kept),
    ):
        wanted = FilterForm(QueryDict(query), choices).filter()
        # What is looked for by words may cost much, and be slowed: it is counted when it is opened.
        n = "" if wanted.q else _count(_found(actor, wanted)[1])
        views.append(View(name, wanted.query(), n, wanted.query() == address, pk))
    return views


@require_POST
@staff()
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the filter of the address under a name; a name used before keeps the new one."""
    query = FilterForm(QueryDict(request.POST.get("query", "")[:600])).filter().query()
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())[:40]
    back = f"{reverse('cases')}?{query}"
    user = login_of(request)
    others = SavedView.objects.filter(user=user).exclude(name=name)
    if not name or not query or len(query) > 600:
        messages.error(request, _("请给这个筛选起个名字"))
    elif others.count() >= MOST_VIEWS:
        messages.error(request, _("最多存 %d 个，请先删掉不用的") % MOST_VIEWS)
    else:
        SavedView.objects.update_or_create(user=user, name=name, defaults={"query": query})
        messages.success(request, _("已存为“%s”") % name)
    return redirect(back)


@require_POST
@staff()
def rename_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a kept filter another name."""
    view = SavedView.objects.filter(pk=pk, user=login_of(request)).first()
    if view is None:
        raise Http404
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())[:40]
    if name:
        try:
            with transaction.atomic():
                SavedView.objects.filter(pk=view.pk).update(name=name)
        except IntegrityError:
            messages.error(request, _("已经有一个叫“%s”的") % name)
    return redirect(f"{reverse('cases')}?{view.query}")


@require_POST
@staff()
def delete_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep a filter no longer; the list stays as it is, from which it can be kept again."""
    view = SavedView.objects.filter(pk=pk, user=login_of(request)).first()
    if view is None:
        raise Http404
    view.delete()
    messages.success(request, _("“%s”已删除；要找回来，再存一次就行") % view.name)
    return redirect(f"{reverse('cases')}?{view.query}")


@never_cache
@require_GET
@staff()
def export(request: HttpRequest) -> HttpResponse:
    """The list as CSV, masked as a page is; who took it, and what, is logged."""
    actor, wanted = who(request), FilterForm(request.GET).filter()
    if not may_export(actor):
        raise PermissionDenied
    if wanted.q and (wait := flood.too_many("words", f"user {actor.user_id}")):
        return HttpResponse(_("试得太多了，请 %d 秒后再试") % wait, status=429)
    _kind, found = _found(actor, wanted)
    rows = [_line(row) for row in rows_of(newest_first(found)[:EXPORTED], actor)]
    _log.info("cases exported", user=actor.user_id, query=wanted.query(), rows=len(rows))
    name = f"cases-{timezone.localtime():%Y%m%d-%H%M}"
    return csvs.download(name, COLUMNS, rows)


def _line(row: Any) -> dict[str, Any]:
    appeal: Appeal = row.appeal
    said = appeal.body if row.reveal else without_numbers(appeal.body)
    return {
        "number": appeal.number,
        "status": status_label(Status(appeal.status)),
        "urgency": _(Urgency(appeal.urgency).label),
        "category": name_of(appeal.category) if appeal.category else "",
        "area": name_of(appeal.area) if appeal.area else "",
        "unit": name_of(appeal.unit) if appeal.unit else "",
        "channel": appeal.channel,
        "filed_at": timezone.localtime(appeal.filed_at).strftime("%Y-%m-%d %H:%M"),
        "due_at": timezone.localtime(row.clock.due_at).strftime("%Y-%m-%d %H:%M")
        if row.clock
        else "",
        "name": mask_name(unseal(appeal.name)),
        "phone": mask_phone(unseal(appeal.phone)),
        "words": said[:2000],
    }
