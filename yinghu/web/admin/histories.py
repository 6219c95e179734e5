"""History pages: changes of all configuration, and of one row."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from yinghu.administration.history import describe, what_was_done
from yinghu.administration.registry import TYPES
from yinghu.common.config_types.config_form import FormContext
from yinghu.common.text import whole_number
from yinghu.guardian import batches, people_actions
from yinghu.people import shifts, volunteers
from yinghu.people.models import Change, User
from yinghu.ui.pagination import page_before
from yinghu.ui.requests import read_day
from yinghu.web.admin.decorators import door, get_config_type, get_row, row_context
from yinghu.web.volunteers.service_form import Names
from yinghu.web.volunteers.views import change_words


@door("GET")
def list_all_changes(request: HttpRequest) -> HttpResponse:
    """List all changes, newest first, filtered by type, person and date."""
    names = ("kind", "who", "from", "to")
    given = {name: request.GET.get(name, "").replace("\x00", "") for name in names}
    found = Change.objects.all()
    if given["kind"]:
        found = found.filter(kind=given["kind"][:40])
    if given["who"]:
        found = found.filter(user__username=given["who"][:150])
    if first := read_day(given["from"]):
        found = found.filter(at__date__gte=first)
    if last := read_day(given["to"]):
        found = found.filter(at__date__lte=last)
    used = set(Change.objects.values_list("kind", flat=True).distinct())
    context = _page_context(request, found) | {
        "given": given,
        "kinds": [(name, each.title) for name, each in TYPES.items() if name in used],
        "people": User.objects.filter(pk__in=Change.objects.values("user")).order_by("username"),
    }
    return render(request, "admin/history.html", context)


@door("GET")
def list_row_changes(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """List all changes of one row."""
    config_type = get_config_type(name)
    context = row_context(config_type, get_row(config_type, key))
    context |= _page_context(request, Change.objects.filter(kind=name, key=key))
    return render(request, "admin/row_history.html", context)


def _page_context(request: HttpRequest, found: QuerySet[Change]) -> dict[str, Any]:
    before = whole_number(request.GET.get("before", ""))
    changes, more = page_before(found.select_related("user"), before, size=40)
    query = request.GET.copy()
    query.pop("before", None)
    contexts = {name: each.context(each) for name, each in TYPES.items()}
    links = _links(changes)
    return {
        "told": [
            _describe_change(each, contexts.get(each.kind))
            | {"change": each, "href": links.get((each.kind, each.key), "")}
            for each in changes
        ],
        "more": more,
        "others": query.urlencode(),
        "desk": "setup",
    }


def _links(changes: Iterable[Change]) -> dict[tuple[str, str], str]:
    """URLs of the changed rows that still exist, by type and key."""
    keys: dict[str, set[str]] = {}
    for change in changes:
        if change.kind in TYPES and change.key:
            keys.setdefault(change.kind, set()).add(change.key)
    return {
        (name, key): reverse("setup_row", args=[name, key])
        for name, some in keys.items()
        for key in TYPES[name].existing(some)
    }


def _describe_change(change: Change, context: FormContext | None) -> dict[str, Any]:
    """Describe a change. Volunteers, shifts and batches of strips are no configuration types and
    have own texts.
    """
    if change.kind == volunteers.KIND:
        words = _("；").join(change_words(change, Names()))
        return {"kind": _("志愿者"), "did": words or _("修改")}
    if change.kind == shifts.KIND:
        return {"kind": _("值班"), "did": _("排班") if change.after else _("去掉排班")}
    if change.kind == batches.HISTORY_KIND:
        return {"kind": _("一批布条"), "did": batches.describe_change(change)}
    if change.kind == people_actions.KIND:
        return {"kind": _("被守护人"), "did": people_actions.STEPS[change.after["step"]]}
    return {
        "kind": context.type.one if context else change.kind,
        "did": what_was_done(change),
        "differences": describe(change, context),
    }
