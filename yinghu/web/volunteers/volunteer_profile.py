"""A volunteer's profile: when and where they can be asked, their service, leaving the squad."""

from collections.abc import Callable
from datetime import date, timedelta
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
from django.views.decorators.http import require_GET

from yinghu.common import rate_limit
from yinghu.common.privacy.sealing import derived_key
from yinghu.common.text import whole_number
from yinghu.errands import membership
from yinghu.people import disclosure, volunteers
from yinghu.people.access import Actor
from yinghu.people.models import Shift, Volunteer
from yinghu.places import locate
from yinghu.places.area_fields import AreaField, AreaInput
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.maps import point_in
from yinghu.ui.qr import qr_inline
from yinghu.ui.requests import absolute, login_of
from yinghu.web.volunteers.service_form import Names, ServiceForm
from yinghu.web.volunteers.service_hours import done_legs, hours_said, month_began, served_by
from yinghu.web.volunteers.views import availability

READY_FOR: Final = (1, 2, 4, 8)
"""Hours for which a volunteer can say that they are available now."""
AWAY_FOR: Final[dict[str, Any]] = {
    "8": gettext_lazy("8 小时"),
    "72": gettext_lazy("3 天"),
    "336": gettext_lazy("两周"),
}
"""Hours for which a volunteer can say that they are not available."""
PARTS: Final[dict[int, Any]] = {
    0: gettext_lazy("夜里"),
    6: gettext_lazy("上午"),
    12: gettext_lazy("下午"),
    18: gettext_lazy("晚上"),
}
"""Parts of a day, of six hours each, by their first hour."""
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


def first_steps(actor: Actor) -> dict[str, Any]:
    """What an active volunteer has not said yet and is therefore not asked: hours, place.

    Empty if nothing is missing.
    """
    me = Volunteer.objects.filter(user=actor.user_id, state=Volunteer.State.ACTIVE).first()
    if me is None:
        return {}
    now = timezone.now()
    said = me.hours or (me.ready_until or now) > now or (me.away_until or now) > now
    has_hours = said or Shift.objects.filter(user=me.pk, ends_at__gt=now).exists()
    missing = {"hours": not has_hours, "place": me.lon is None}
    return missing | {"ready_for": READY_FOR} if any(missing.values()) else {}


def _me(request: HttpRequest) -> Volunteer | None:
    found = Volunteer.objects.filter(user=login_of(request)).exclude(state=Volunteer.State.LEFT)
    return found.select_related("user", "squad").first()


@staff_page("field")
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
    user = login_of(request)
    done = done_legs([user.pk]).select_related("area").defer("area__outline")
    context: dict[str, Any] = {
        "desk": "field",
        "me": me,
        "month": served_by(user, month_began()),
        "all": served_by(user),
        "done": done.order_by("-done_at")[:50],
        "problem": problem,
    }
    if me is not None:
        names, here = Names(), {"class": "form-control", "id": "me-area", "dir": "auto"}
        duty = Shift.objects.filter(user=user, ends_at__gt=timezone.now()).order_by("starts_at")
        context |= availability(me, names) | {
            "ready_for": READY_FOR,
            "away_for": AWAY_FOR.items(),
            "shifts": duty[:5],
            "parts": [(label, f"{first}–{first + 6}") for first, label in PARTS.items()],
            "week": _week(me.hours),
            "form": form or ServiceForm(me, coordinator=False),
            "zones": names.zones(me.zones),
            "near": locate.by_point(me.lon, me.lat) if me.lon and me.lat else None,
            "where": AreaInput().render("area", "", here),
            "wrong_where": wrong_where,
            "open": request.GET.get("open", ""),
            "busy": membership.has_in_hand(user),
        }
    return render(request, "volunteers/me.html", context, status=status)


def _week(hours: list[int]) -> list[tuple[Any, list[tuple[str, bool, str]]]]:
    """Each day with its parts: value, whether all its hours are chosen, label."""
    there = set(hours)
    return [
        (
            day,
            [
                (f"{n}-{first}", there.issuperset(_hours(n, first)), f"{day} {label}")
                for first, label in PARTS.items()
            ],
        )
        for n, day in enumerate(DAYS)
    ]


def _hours(day: int, first: int) -> range:
    start = day * 24 + first
    return range(start, start + 6)


@staff_action("field")
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
    hours = whole_number(request.POST.get("hours", ""))
    if hours not in READY_FOR:
        raise Http404
    volunteers.set_ready(me, timezone.now() + timedelta(hours=hours))
    said = ngettext(
        "谢谢您！%d 小时里有合适的任务就来问您", "谢谢您！%d 小时里有合适的任务就来问您", hours
    )
    return _back(request, said % hours)


def _away(request: HttpRequest, me: Volunteer) -> HttpResponse:
    if (choice := request.POST.get("for", "")) not in AWAY_FOR:
        raise Http404
    volunteers.set_away(me, timezone.now() + timedelta(hours=int(choice)))
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
        for first in PARTS
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


@staff_page("field")
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
    # The first task or the admission, whichever was earlier.
    began = timezone.localtime(min(each for each in (all_done.first, me.decided_at) if each))
    said = {
        "name": disclosure.masked(me).name,
        "squad": me.squad.name,
        "tasks": all_done.tasks,
        "minutes": all_done.minutes,
        "from": began.date().isoformat(),
        "on": today.isoformat(),
    }
    # Nothing is stored: the address of the check page has its signed contents.
    token = signing.dumps(said, key=derived_key("certificate").hex(), salt=_SALT, compress=True)
    link = absolute(reverse("certificate_check", args=[token]))
    context = {
        "desk": "field",
        "name": disclosure.own_name(me),
        "squad": me.squad,
        "all": all_done,
        "first": began.date(),
        "today": today,
        "qr": qr_inline(link),
        "link": link,
    }
    return render(request, "volunteers/certificate.html", context)


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
        key = derived_key("certificate").hex()
        said: dict[str, Any] = signing.loads(token, key=key, salt=_SALT)
    except signing.BadSignature:
        return render(request, "volunteers/certificate_check.html", status=404)
    context = {
        "said": said,
        "hours": hours_said(said["minutes"]),
        "first": date.fromisoformat(said["from"]),
        "on": date.fromisoformat(said["on"]),
    }
    return render(request, "volunteers/certificate_check.html", context)
