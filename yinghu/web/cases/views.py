"""Views of the case list: search, filter, saved filters, CSV export."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.common import rate_limit
from yinghu.common.privacy.masking import without_numbers
from yinghu.common.text import whole_number
from yinghu.insight import exports
from yinghu.insight.standing import count_visible
from yinghu.people.access import Actor, may_export
from yinghu.ui import csv_download
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.pagination import PAGE_SIZE, CasePage, case_page
from yinghu.ui.requests import is_part, login_of, who
from yinghu.web.cases import search
from yinghu.web.cases.batch import MAX_BATCH, batch_verbs
from yinghu.web.cases.filters import Filter, FilterForm
from yinghu.web.cases.saved_filters import filter_chips
from yinghu.web.models import SavedView

MAX_SAVED_VIEWS = 20
FEW = {"searched": 100, "filtered": 1000}
"""Most cases of a search or a filter that are fetched to be counted and sorted."""
COUNTED_AT_ONCE = 5000
"""Most cases counted one by one before the page is shown; more are counted after it."""
LATE_CANDIDATES = (1000, 20_000)
"""Numbers of late cases to try before a full scan; see `_count_and_narrow`."""
DELETED_KEY = "web.cases.deleted"
"""Session key of a just deleted filter, which the next page offers to restore."""


@staff_page()
def cases_page(request: HttpRequest) -> HttpResponse:
    """List the cases that match the address's filter and search, newest first."""
    if is_part(request, "views"):
        views = filter_chips(request, request.GET.get("here", ""), counted=True)
        return render(request, "cases/views.html", {"views": views, "counted": True})
    actor, form = who(request), FilterForm(request.GET)
    wanted = form.filter()
    after = request.GET.get("after", "")
    if refused := _refuse_guessing(request, form, wanted):
        return refused
    kind, found = search.find_cases(actor, wanted)
    if not wanted and request.path == reverse("search"):
        # An empty search finds nothing, not everything.
        found = found.none()
    if is_part(request, "count"):
        return render(request, "cases/count.html", {"n": found.order_by().count()})
    n, found = _count_and_narrow(found, actor, wanted, after)
    if n is None and request.GET.get("count"):
        n = search.find_cases(actor, wanted)[1].order_by().count()
    listed = case_page(found, after, ("-id",), actor)
    wanted.mark_suggested(listed.rows)
    if kind == "words":
        _add_excerpts(listed, wanted.q)
    context = _question_context(request, form, wanted) | {"kind": kind, "page": listed}
    if is_part(request, "rows"):
        return render(request, "cases/rows.html", context)
    context |= {
        "views": filter_chips(request, wanted.query()),
        "n": n,
        "most": MAX_BATCH,
        "verbs": batch_verbs(actor),
        "may_export": may_export(actor),
        "may_save": bool(wanted.query()),
        "deleted": request.session.pop(DELETED_KEY, None),
    }
    if is_part(request, "found"):
        # The form is outside this part, so its errors are shown here too.
        wrong = [(field.label, field.errors) for field in form if field.errors]
        return render(request, "cases/found.html", context | {"wrong": wrong})
    return render(request, "cases/list.html", context)


def _question_context(request: HttpRequest, form: FilterForm, wanted: Filter) -> dict[str, Any]:
    return {
        "desk": "cases",
        "query": wanted.q,
        "by": wanted.by,
        "wanted": wanted,
        "address": wanted.query(),
        "form": form,
        "chips": [(text, wanted.without(name).query()) for name, text in wanted.words()],
        "is_more": bool(request.GET.get("after")),
        "kept": SavedView.objects.filter(user=login_of(request), query=wanted.query()).first(),
    }


def _refuse_guessing(request: HttpRequest, form: FilterForm, wanted: Filter) -> HttpResponse | None:
    """Answer 429 without results after too many searches, so that nobody can guess numbers.

    Searches by phone have a stricter limit.
    """
    actor = who(request)
    limit = "phone" if not wanted.by and search.phone_in(actor, wanted.q) else "words"
    wait = rate_limit.too_many(limit, f"user {actor.user_id}") if wanted.q else 0
    if not wait:
        return None
    context = _question_context(request, form, wanted)
    context |= {"kind": limit, "problem": _("试得太多了，请 %d 秒后再试") % wait}
    context["views"] = filter_chips(request, wanted.query())
    refused = render(request, "cases/list.html", context, status=429)
    refused.headers["Retry-After"] = str(wait)
    return refused


def _add_excerpts(listed: CasePage, query: str) -> None:
    for row in listed.rows:
        appeal = row.appeal
        said = f"{appeal.title} {appeal.body}" if appeal.title else appeal.body
        row.excerpt = search.excerpt(said if row.reveal else without_numbers(said), query)


def _count_and_narrow(
    found: QuerySet[Appeal], actor: Actor, wanted: Filter, after: str
) -> tuple[int | None, QuerySet[Appeal]]:
    """Count `found` (None if that takes long) and rewrite it for a fast page after the key `after`.

    PostgreSQL assumes independent conditions and no correlation with age, so it would scan a
    million appeals from the newest for a few old ones. Small results are fetched, then sorted.
    """
    most = FEW["searched" if wanted.q else "filtered"]
    ids = list(found.order_by().values_list("pk", flat=True)[: most + 1])
    if len(ids) <= most:
        return len(ids), Appeal.objects.filter(pk__in=_id_array(ids))
    n = None if after else _count_at_once(found, actor, wanted)
    for part, clock in wanted.clocks().items():
        # Late cases are old, and among old cases they are frequent.
        if (last := whole_number(after)) is not None:
            clock = clock.filter(appeal__lt=last)
        newest = clock.order_by("-appeal").values_list("appeal", flat=True).distinct()
        others = search.find_cases(actor, wanted.without(part))[1]
        for many in LATE_CANDIDATES:
            near = others.filter(pk__in=_id_array(list(newest[:many])))
            ids = list(near.order_by("-id").values_list("pk", flat=True)[: PAGE_SIZE + 1])
            if len(ids) > PAGE_SIZE:
                return n, Appeal.objects.filter(pk__in=_id_array(ids))
    return n, found


def _count_at_once(found: QuerySet[Appeal], actor: Actor, wanted: Filter) -> int | None:
    """Count by the board's counters if they know the filter, else up to `COUNTED_AT_ONCE`."""
    if wanted == Filter(status=wanted.status):
        return count_visible(actor, found, [Status(each) for each in wanted.status or Status])
    n = found.order_by().values("pk")[: COUNTED_AT_ONCE + 1].count()
    return n if n <= COUNTED_AT_ONCE else None


def _id_array(ids: list[int]) -> RawSQL:
    # One array parameter is cheaper than a thousand values.
    return RawSQL("SELECT unnest(%s::bigint[])", [ids])


@staff_action()
def save_view(request: HttpRequest) -> HttpResponse:
    """Save the filter of the address under a name, replacing an earlier one of that name."""
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
    elif others.count() >= MAX_SAVED_VIEWS:
        messages.error(request, _("最多存 %d 个，请先删掉不用的") % MAX_SAVED_VIEWS)
    else:
        SavedView.objects.update_or_create(user=user, name=name, defaults={"query": query})
        messages.success(request, _("已存为“%s”") % name)
    return redirect(back)


@staff_action()
def rename_view(request: HttpRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=pk, user=login_of(request))
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())[:40]
    if name:
        try:
            with transaction.atomic():
                SavedView.objects.filter(pk=view.pk).update(name=name)
        except IntegrityError:
            messages.error(request, _("已经有一个叫“%s”的") % name)
    return redirect(f"{reverse('cases')}?{view.query}")


@staff_action()
def delete_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a saved filter; the next page offers to restore it."""
    view = get_object_or_404(SavedView, pk=pk, user=login_of(request))
    view.delete()
    request.session[DELETED_KEY] = [view.name, view.query]
    return redirect(f"{reverse('cases')}?{view.query}")


@staff_page()
def export_cases(request: HttpRequest) -> HttpResponseBase:
    """Export the whole list as CSV; see `insight.exports`."""
    actor, form = who(request), FilterForm(request.GET)
    wanted = form.filter()
    if not may_export(actor):
        raise PermissionDenied
    if refused := _refuse_guessing(request, form, wanted):
        return refused
    kind, found = search.find_cases(actor, wanted)
    # The log must not contain a phone searched for.
    query = wanted.without("q").query()
    exports.check_export(actor, kind=kind, query=query)
    name = f"cases-{timezone.localtime():%Y%m%d-%H%M}"
    batch_after = partial(exports.case_lines, actor, found)
    return csv_download.stream(name, exports.CASE_COLUMNS, batch_after)
