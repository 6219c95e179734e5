"""A volunteer's profile: when and where they can be asked, their service, leaving the squad."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth import logout
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from yinghu.common import rate_limit
from yinghu.common.language import name_of
from yinghu.common.privacy.sealing import derived_key
from yinghu.errands import membership
from yinghu.people import disclosure, shifts, volunteers
from yinghu.people.models import Shift, Volunteer
from yinghu.places import locate
from yinghu.places.area_fields import AreaField, AreaInput
from yinghu.ui.decorators import staff
from yinghu.ui.maps import point_in
from yinghu.ui.qr import qr_inline
from yinghu.ui.requests import absolute, login_of
from yinghu.web.volunteers.service_form import Names, ServiceForm
from yinghu.web.volunteers.service_hours import (
    Served,
    done_legs,
    hours_said,
    month_began,
    served_by,
)

SHOWN = 50
READY_FOR: Final = (1, 2, 4, 8)
"""Hours for which a volunteer can say that they are available now."""
AWAY_FOR: Final[dict[str, tuple[timedelta, Any]]] = {
    "8": (timedelta(hours=8), gettext_lazy("8 小时")),
    "72": (timedelta(days=3), gettext_lazy("3 天")),
    "336": (timedelta(days=14), gettext_lazy("两周")),
}
PARTS: Final[tuple[tuple[int, Any, str], ...]] = (
    (0, gettext_lazy("夜里"), "0–6"),
    (6, gettext_lazy("上午"), "6–12"),
    (12, gettext_lazy("下午"), "12–18"),
    (18, gettext_lazy("晚上"), "18–24"),
)
"""Parts of a day of `_PART_HOURS` each: first hour, name, clock."""
_PART_HOURS: Final = 6
DAYS: Final = (
    gettext_lazy("周一"),
    gettext_lazy("周二"),
    gettext_lazy("周三"),
    gettext_lazy("周四"),
    gettext_lazy("周五"),
    gettext_lazy("周六"),
    gettext_lazy("周日"),
)
_SALT: Final = "yinghu.certificate"


def _me(request: HttpRequest) -> Volunteer | None:
    found = Volunteer.objects.filter(user=login_of(request)).exclude(state=Volunteer.State.LEFT)
    return found.select_related("user", "squad").first()


@never_cache
@require_GET
@staff("field")
def profile_page(request: HttpRequest) -> HttpResponse:
    """Show the profile; staff who are no volunteers see their service only."""
    return _show(request, _me(request))


def _show(
    request: HttpRequest,
    me: Volunteer | None,
    *,
    form: ServiceForm | None = None,
    wrong_where: str = "",
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    user, now = login_of(request), timezone.now()
    context: dict[str, Any] = {
        "desk": "field",
        "me": me,
        "month": served_by(user, month_began()),
        "all": served_by(user),
        "done": done_legs([user.pk])
        .select_related("area")
        .defer("area__outline")
        .order_by("-done_at")[:SHOWN],
        "problem": problem,
    }
    if me is not None:
        names = Names()
        duty = Shift.objects.filter(user=user, ends_at__gt=now).order_by("starts_at")
        context |= {
            "ready": volunteers.can_be_asked(
                me, now, on_duty=user.pk in shifts.on_duty([user.pk], now)
            ),
            "ready_until": me.ready_until if (me.ready_until or now) > now else None,
            "away_until": me.away_until if (me.away_until or now) > now else None,
            "ready_for": READY_FOR,
            "away_for": [(key, label) for key, (_span, label) in AWAY_FOR.items()],
            "shifts": duty[:5],
            "parts": [(label, clock) for _first, label, clock in PARTS],
            "week": _week(me.hours),
            "form": form or ServiceForm(me, coordinator=False),
            "zones": names.zones(me.zones),
            "inside": names.zones([me.inside] if me.inside else []),
            "near": _near(me),
            "where": AreaInput().render("area", "", {"class": "form-control", "id": "me-area"}),
            "wrong_where": wrong_where,
            "busy": membership.has_in_hand(user),
        }
    return render(request, "volunteers/me.html", context, status=status)


def _near(me: Volunteer) -> str:
    """The area of their last position."""
    found = locate.by_point(me.lon, me.lat) if me.lon is not None and me.lat is not None else None
    return name_of(found) if found else ""


def _week(hours: list[int]) -> list[tuple[Any, list[tuple[str, bool, str]]]]:
    """Each day with its parts: value, whether all its hours are chosen, label."""
    there = set(hours)
    return [
        (
            day,
            [
                (f"{n}-{first}", there.issuperset(_hours(n, first)), f"{day} {label}")
                for first, label, _clock in PARTS
            ],
        )
        for n, day in enumerate(DAYS)
    ]


def _hours(day: int, first: int) -> range:
    start = day * 24 + first
    return range(start, start + _PART_HOURS)


@never_cache
@require_POST
@staff("field")
def profile_act(request: HttpRequest, verb: str) -> HttpResponse:
    """Do one of `ACTS` for a volunteer."""
    me = _me(request)
    if me is None or verb not in ACTS:
        raise Http404
    try:
        return ACTS[verb](request, me)
    except volunteers.VolunteerRefused as refused:
        return _show(request, me, problem=str(refused), status=409)


def _back(request: HttpRequest, said: str) -> HttpResponse:
    messages.success(request, said)
    return redirect("field_me")


def _ready(request: HttpRequest, me: Volunteer) -> HttpResponse:
    hours = request.POST.get("hours", "")
    if hours not in {str(each) for each in READY_FOR}:
        raise Http404
    volunteers.set_ready(me, timezone.now() + timedelta(hours=int(hours)))
    said = ngettext(
        "谢谢您！%d 小时里有合适的任务就来问您", "谢谢您！%d 小时里有合适的任务就来问您", int(hours)
    )
    return _back(request, said % int(hours))


def _away(request: HttpRequest, me: Volunteer) -> HttpResponse:
    span = AWAY_FOR.get(request.POST.get("for", ""))
    if span is None:
        raise Http404
    volunteers.set_away(me, timezone.now() + span[0])
    return _back(request, _("好的，这段时间不来问您"))


def _here(request: HttpRequest, me: Volunteer) -> HttpResponse:
    """Set the position from the phone, or from the centre of an area."""
    point = point_in(request.POST)
    if point is None:
        try:
            code = AreaField(max_length=120).clean(request.POST.get("area", ""))
        except ValidationError as wrong:
            return _show(request, me, wrong_where=" ".join(wrong.messages), status=422)
        area = locate.known_areas().get(code)
        if area is None or area.lon is None or area.lat is None:
            why = _("还不知道这个地方在地图上的哪里，请写大一点的范围")
            return _show(request, me, wrong_where=why, status=422)
        point = area.lon, area.lat
    volunteers.locate(me, *point)
    return _back(request, _("记下了，先问您近处的任务"))


def _put_hours(request: HttpRequest, me: Volunteer) -> HttpResponse:
    chosen = set(request.POST.getlist("part"))
    hours = [
        hour
        for n in range(len(DAYS))
        for first, _label, _clock in PARTS
        if f"{n}-{first}" in chosen
        for hour in _hours(n, first)
    ]
    volunteers.change(me, me.user, hours=hours)
    return _back(request, _("有空的时间已保存"))


def _service(request: HttpRequest, me: Volunteer) -> HttpResponse:
    form = ServiceForm(me, request.POST, coordinator=False)
    if not form.is_valid():
        return _show(request, me, form=form, status=422)
    volunteers.change(me, me.user, **form.values())
    return _back(request, _("已保存"))


def _leave(request: HttpRequest, me: Volunteer) -> HttpResponse:
    if not request.POST.get("sure"):
        return _show(request, me, problem=_("真的要退出，请先勾上那一格"), status=422)
    left = membership.leave_squad(me)
    logout(request)
    return render(request, "volunteers/volunteer_told.html", {"volunteer": left})


ACTS: Final[dict[str, Callable[[HttpRequest, Volunteer], HttpResponse]]] = {
    "ready": _ready,
    "away": _away,
    "here": _here,
    "hours": _put_hours,
    "service": _service,
    "leave": _leave,
}


@never_cache
@require_GET
@staff("field")
def certificate_page(request: HttpRequest) -> HttpResponse:
    """Show a certificate of service to print, with a code by which anybody can check it."""
    me = _me(request)
    if me is None:
        raise Http404
    all_done = served_by(me.user)
    if not all_done.tasks:
        messages.info(request, _("办完第一件，就能打印服务证明了"))
        return redirect("field_me")
    today = timezone.localdate()
    link = absolute(reverse("certificate_check", args=[_token(me, all_done, today)]))
    context = {
        "desk": "field",
        "name": disclosure.own_name(me),
        "squad": me.squad,
        "all": all_done,
        "first": _first(me, all_done),
        "today": today,
        "qr": qr_inline(link),
        "link": link,
    }
    return render(request, "volunteers/certificate.html", context)


def _first(me: Volunteer, done: Served) -> date:
    """The first day of service: the first task or the admission, whichever was earlier."""
    moments: list[datetime] = [each for each in (done.first, me.decided_at) if each]
    return timezone.localtime(min(moments)).date()


def _token(me: Volunteer, done: Served, today: date) -> str:
    """Signed contents of the check page, with the name masked; nothing is stored."""
    said = {
        "name": disclosure.masked(me).name,
        "squad": me.squad.name,
        "tasks": done.tasks,
        "minutes": done.minutes,
        "from": _first(me, done).isoformat(),
        "on": today.isoformat(),
    }
    return signing.dumps(said, key=_key(), salt=_SALT, compress=True)


def _key() -> str:
    return derived_key("certificate").hex()


@never_cache
@require_GET
def certificate_check(request: HttpRequest, token: str) -> HttpResponse:
    """Tell anybody whether a certificate is genuine."""
    if wait := rate_limit.too_many("ask", request.META.get("REMOTE_ADDR", "")):
        slowed = {"problem": _("试得太多了，请 %d 秒后再试") % wait}
        answer = render(request, "volunteers/certificate_check.html", slowed, status=429)
        answer.headers["Retry-After"] = str(wait)
        return answer
    try:
        said: dict[str, Any] = signing.loads(token, key=_key(), salt=_SALT)
    except signing.BadSignature:
        return render(request, "volunteers/certificate_check.html", status=404)
    context = {
        "said": said,
        "hours": hours_said(said["minutes"]),
        "first": date.fromisoformat(said["from"]),
        "on": date.fromisoformat(said["on"]),
    }
    return render(request, "volunteers/certificate_check.html", context)
