"""Who changed what: of everything, and of one row; each change in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from yinghu.people import shifts, volunteers
from yinghu.people.models import Change, User
from yinghu.web.admin.decorators import door, kind_of, row_of
from yinghu.web.admin.kinds import Around
from yinghu.web.admin.registry import KINDS
from yinghu.web.admin.services import Difference, differences
from yinghu.web.volunteers.service_form import Names
from yinghu.web.volunteers.views import tell as tell_of_volunteer

PAGE = 40


@dataclass(frozen=True, slots=True)
class Told:
    """One change in words."""

    change: Change
    kind: str
    did: str
    href: str
    differences: list[Difference]


@door("GET")
def everything(request: HttpRequest) -> HttpResponse:
    """All changes, newest first, by kind, person and date."""
    given = {name: request.GET.get(name, "").replace("\x00", "") for name in _FILTERS}
    found = Change.objects.all()
    if given["kind"]:
        found = found.filter(kind=given["kind"][:40])
    if given["who"]:
        found = found.filter(user__username=given["who"][:150])
    first, last = _day(given["from"]), _day(given["to"])
    if first:
        found = found.filter(at__gte=first)
    if last:
        found = found.filter(at__lt=last + timedelta(days=1))
    used = set(Change.objects.values_list("kind", flat=True).distinct())
    context = _page(request, found) | {
        "given": given,
        "kinds": [(name, kind.title) for name, kind in KINDS.items() if name in used],
        "people": User.objects.filter(pk__in=Change.objects.values("user")).order_by("username"),
    }
    return render(request, "admin/history.html", context)


_FILTERS = ("kind", "who", "from", "to")


def _day(text: str) -> datetime | None:
    """The beginning of a day in the zone of the city."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    # Far off, other zones have no such day.
    if day is None or not 1970 <= day.year < 9000:
        return None
    return timezone.make_aware(datetime.combine(day, time()))


@door("GET")
def of_row(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """All changes of one row."""
    kind = kind_of(name)
    thing = row_of(kind, key)
    found = Change.objects.filter(kind=name, key=key)
    context = _page(request, found) | {
        "kind": kind,
        "key": key,
        "called": kind.label(thing),
        "active": kind.state(thing).get("active", True),
    }
    return render(request, "admin/row_history.html", context)


def _page(request: HttpRequest, found: QuerySet[Change]) -> dict[str, Any]:
    """One page of changes, by keyset."""
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    changes = list(found.select_related("user").order_by("-id")[: PAGE + 1])
    more = changes[PAGE - 1].pk if len(changes) > PAGE else None
    query = request.GET.copy()
    query.pop("before", None)
    arounds = {name: kind.around(kind) for name, kind in KINDS.items()}
    links = _links(changes[:PAGE])
    return {
        "told": [
            tell(change, arounds.get(change.kind), links.get((change.kind, change.key), ""))
            for change in changes[:PAGE]
        ],
        "more": more,
        "others": query.urlencode(),
        "desk": "setup",
    }


def _links(changes: Iterable[Change]) -> dict[tuple[str, str], str]:
    """Where the rows are that still are, by kind and key."""
    keys: dict[str, set[str]] = {}
    for change in changes:
        if change.kind in KINDS and change.key:
            keys.setdefault(change.kind, set()).add(change.key)
    return {
        (name, key): reverse("setup_row", args=[name, key])
        for name, some in keys.items()
        for key in KINDS[name].there(some)
    }


def tell(change: Change, around: Around | None, href: str) -> Told:
    """A change in words; of a kind that has no page here, field by field as it is.

    What became of a volunteer has words of its own, and where it can be told a page elsewhere.
    """
    if change.kind == volunteers.KIND:
        words = tell_of_volunteer(change, Names()).words
        return Told(change, _("志愿者"), _("；").join(words) or _("修改"), href, [])
    if change.kind == shifts.KIND:
        return Told(change, _("值班"), _("排班") if change.after else _("去掉排班"), href, [])
    kind = around.kind if around else None
    title = str(kind.one if kind else change.kind)
    if _of_login(change):
        found = []
    elif around:
        found = differences(change.before, change.after, around)
    else:
        names = {**change.before, **change.after}
        found = [
            Difference(name, _plain(change.before.get(name)), _plain(change.after.get(name)))
            for name in names
        ]
    return Told(change, title, _did(change), href, found)


def _plain(value: Any) -> str:
    return _("（空）") if value in (None, "") else str(value)


def _of_login(change: Change) -> str:
    """What was done about logging in, which is no part of the login's form; "" for all else."""
    names = {*change.before, *change.after}
    if len(names) != 1:
        return ""
    if names == {"invited"}:
        return _("发了邀请链接") if change.after else _("作废了邀请链接")
    if names == {"password"}:
        return _("用邀请链接设了密码")
    return _("去掉了动态码") if names == {"second_factor"} else ""


def _did(change: Change) -> str:
    if done := _of_login(change):
        return done
    if not change.before:
        return _("新增")
    if not change.after:
        return _("去掉")
    if set(change.after) == {"active"}:
        return _("恢复") if change.after["active"] else _("停用")
    return _("修改")
