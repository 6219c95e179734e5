"""The list of all cases in one's scope: searched, filtered, kept as a filter, given out as CSV."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from yinghu.appeals.models import Appeal
from yinghu.common import rate_limit
from yinghu.common.masking import without_numbers
from yinghu.insight import exports
from yinghu.people.access import Actor, may_export
from yinghu.ui import csv_download
from yinghu.ui.decorators import staff
from yinghu.ui.pagination import PAGE_SIZE, CasePage, case_page, newest_first
from yinghu.ui.requests import is_part, login_of, who
from yinghu.web.cases import search
from yinghu.web.cases.batch import MOST, verbs_of
from yinghu.web.cases.filters import MOST_COUNTED, Filter, FilterForm
from yinghu.web.cases.saved_filters import views_of
from yinghu.web.models import SavedView

MOST_VIEWS = 20
"""Filters that one login may keep."""

SEARCHED = 100
"""What is found by frequent words is counted one by one: fewer, then."""
NEAR = (1000, 20_000)
"""Late cases among which the newest are looked for, then more, before all are gone through."""
KEPT = "web.cases.deleted"
"""The session's place for a filter that was just deleted, so that it can be had back."""


@never_cache
@require_GET
@staff()
def page(request: HttpRequest) -> HttpResponse:
    """What the filter and the words in the address ask for, newest first, in the actor's scope."""
    if is_part(request, "views"):
        views = views_of(request, request.GET.get("here", ""), counted=True)
        return render(request, "cases/views.html", {"views": views, "counted": True})
    actor, form = who(request), FilterForm(request.GET)
    wanted = form.filter()
    after = request.GET.get("after", "")
    limit = _limit_of(actor, wanted)
    context = _asked(request, form, wanted) | {"is_more": bool(after)}
    # Before anything is looked for. Whoever tries numbers one by one is slowed, by words too.
    if wanted.q and (wait := rate_limit.too_many(limit, f"user {actor.user_id}")):
        return _slowed(request, context | {"kind": limit}, wait)
    kind, found = search.found(actor, wanted)
    if not wanted and request.path == reverse("search"):
        # Nothing was looked for; all there is would be no answer.
        found = found.none()
    n, found = _nearest(found, actor, wanted, after)
    listed = case_page(newest_first(found), after, ("-id",), actor)
    if kind == "words":
        _excerpts(listed, wanted.q)
    context |= {"kind": kind, "page": listed}
    if is_part(request, "rows"):
        return render(request, "cases/rows.html", context)
    context |= {
        "n": n,
        "most": MOST,
        "verbs": verbs_of(actor),
        "may_export": may_export(actor),
        "may_save": bool(wanted.query()),
        "deleted": request.session.pop(KEPT, None),
    }
    if is_part(request, "found"):
        # The form stands outside of this part, so what is wrong with it is said here too.
        wrong = [(field.label, field.errors) for field in form if field.errors]
        return render(request, "cases/found.html", context | {"wrong": wrong})
    return render(request, "cases/list.html", context)


def _asked(request: HttpRequest, form: FilterForm, wanted: Filter) -> dict[str, Any]:
    """What the page shows of the question itself."""
    return {
        "desk": "cases",
        "query": wanted.q,
        "by": wanted.by,
        "wanted": wanted,
        "address": wanted.query(),
        "form": form,
        "chips": [(text, wanted.without(name).query()) for name, text in wanted.words()],
        "kept": SavedView.objects.filter(user=login_of(request), query=wanted.query()).first(),
    }


def _slowed(request: HttpRequest, context: dict[str, Any], wait: int) -> HttpResponse:
    """The page, with nothing found and how many seconds there are to wait."""
    context |= {"problem": _("试得太多了，请 %d 秒后再试") % wait}
    refused = render(request, "cases/list.html", context, status=429)
    refused.headers["Retry-After"] = str(wait)
    return refused


def _limit_of(actor: Actor, wanted: Filter) -> str:
    """The limit that a search counts against: phones are guessed, so fewer of them."""
    return "phone" if not wanted.by and search.phone_in(actor, wanted.q) else "words"


def _excerpts(listed: CasePage, query: str) -> None:
    for row in listed.rows:
        appeal = row.appeal
        said = f"{appeal.title} {appeal.body}" if appeal.title else appeal.body
        row.excerpt = search.excerpt(said if row.reveal else without_numbers(said), query)


def _nearest(
    found: QuerySet[Appeal], actor: Actor, wanted: Filter, after: str
) -> tuple[str, QuerySet[Appeal]]:
    """How many `found` are, "1000+" beyond that, and the same ones in the form in which PostgreSQL
    comes soonest to the newest of them after the key `after`.

    It takes every two conditions for independent, and all appeals for alike whatever their age; so
    it would walk back from the newest of a million for a dozen that are old, or that are not there
    at all. So those that are not many are found first and put in order then.
    """
    most = SEARCHED if wanted.q else MOST_COUNTED
    ids = list(found.order_by().values_list("pk", flat=True)[: most + 1])
    if len(ids) <= most:
        return str(len(ids)), Appeal.objects.filter(pk__in=_array(ids))
    for part, clock in wanted.clocks().items():
        # What is late is old, and among the old it is not rare.
        if after.isascii() and after.isdigit() and len(after) < 19:
            clock = clock.filter(appeal__lt=int(after))
        newest = clock.order_by("-appeal").values_list("appeal", flat=True).distinct()
        others = search.found(actor, wanted.without(part))[1]
        for many in NEAR:
            near = others.filter(pk__in=_array(list(newest[:many])))
            ids = list(near.order_by("-id").values_list("pk", flat=True)[: PAGE_SIZE + 1])
            if len(ids) > PAGE_SIZE:
                return f"{most}+", Appeal.objects.filter(pk__in=_array(ids))
    return f"{most}+", found


def _array(ids: list[int]) -> RawSQL:
    # As one array: a thousand values spelled out cost more than looking them up.
    return RawSQL("SELECT unnest(%s::bigint[])", [ids])


@require_POST
@staff()
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the filter of the address under a name; a name used before keeps the new one."""
    wanted = FilterForm(QueryDict(request.POST.get("query", "")[:600])).filter()
    query = wanted.query()
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())[:40]
    back = f"{reverse('cases')}?{query}"
    user = login_of(request)
    others = SavedView.objects.filter(user=user).exclude(name=name)
    if not name:
        messages.error(request, _("请给这个筛选起个名字"))
    elif not query or len(query) > 600:
        messages.error(request, _("没有可存的筛选，或者它太长了"))
    elif search.phone_in(who(request), wanted.q):
        messages.error(request, _("查电话的搜索不能存，号码不该留在这里"))
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
    """Keep a filter no longer; the next page offers to have it back."""
    view = SavedView.objects.filter(pk=pk, user=login_of(request)).first()
    if view is None:
        raise Http404
    view.delete()
    request.session[KEPT] = [view.name, view.query]
    return redirect(f"{reverse('cases')}?{view.query}")


@never_cache
@require_GET
@staff()
def export(request: HttpRequest) -> HttpResponse:
    """The list as CSV; see `insight.exports`."""
    actor, form = who(request), FilterForm(request.GET)
    wanted = form.filter()
    if not may_export(actor):
        raise PermissionDenied
    limit = _limit_of(actor, wanted)
    if wanted.q and (wait := rate_limit.too_many(limit, f"user {actor.user_id}")):
        return _slowed(request, _asked(request, form, wanted) | {"kind": limit}, wait)
    kind, found = search.found(actor, wanted)
    # A phone that was looked for is as private in a log as elsewhere.
    query = wanted.without("q").query()
    lines = exports.case_lines(actor, newest_first(found), kind=kind, query=query)
    name = f"cases-{timezone.localtime():%Y%m%d-%H%M}"
    return csv_download.download(name, exports.CASE_COLUMNS, lines)
