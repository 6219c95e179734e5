"""A coordinator's desk: the volunteers of their squads, from application to leaving."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.common import rate_limit
from yinghu.common.form_fields import LineField
from yinghu.common.language import name_of
from yinghu.common.privacy.phones import certain_phone, normal_phone
from yinghu.common.privacy.sealing import blind
from yinghu.common.text import digits_in
from yinghu.errands import membership
from yinghu.errands.models import Leg
from yinghu.people import disclosure, shifts, volunteers
from yinghu.people.access import squads_of
from yinghu.people.models import Change, Unit, Volunteer
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.requests import login_of, who
from yinghu.ui.verb_views import VerbView
from yinghu.web.volunteers.service_form import Names, ServiceForm
from yinghu.web.volunteers.service_hours import Served, month_began, served, served_by

State = Volunteer.State

LOOKS: dict[str, tuple[str, str]] = {
    State.APPLIED: ("orange", "hourglass"),
    State.ACTIVE: ("green", "circle-check"),
    State.SUSPENDED: ("red", "player-pause"),
    State.LEFT: ("secondary", "logout"),
}
"""Colour and icon of each state."""


class AddForm(forms.Form):
    """Adds a volunteer whom the coordinator knows, without an application."""

    squad = forms.ChoiceField(label=gettext_lazy("哪个队"))
    name = LineField(label=gettext_lazy("姓名"), max_length=60)
    phone = LineField(
        label=gettext_lazy("手机号码"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel"}),
    )
    agreed = forms.BooleanField(
        label=gettext_lazy("本人同意平台记下姓名、手机号和服务情况，退出时删掉手机号"),
        error_messages={"required": gettext_lazy("先问过本人，同意了再加")},
    )

    def __init__(self, squads: list[Unit], data: Any = None) -> None:
        super().__init__(data, auto_id="a-%s")
        squad: Any = self.fields["squad"]
        squad.choices = [(unit.code, name_of(unit)) for unit in squads]
        if len(squads) == 1:
            squad.widget = forms.HiddenInput()
            squad.initial = squads[0].code

    def clean_phone(self) -> str:
        phone = normal_phone(self.cleaned_data["phone"])
        if not phone:
            raise forms.ValidationError(_("请写完整的手机号码"))
        return phone


def _squads(request: HttpRequest) -> list[Unit]:
    return list(squads_of(who(request)).order_by("name"))


def of_coordinator(request: HttpRequest) -> QuerySet[Volunteer]:
    """The volunteers of the reader's squads."""
    found = Volunteer.objects.filter(squad__in=squads_of(who(request)))
    return found.select_related("user", "squad")


def one_of(request: HttpRequest, key: str) -> Volunteer:
    """The volunteer of a URL; 404 for another squad's."""
    if "\x00" in key:
        raise Http404
    return get_object_or_404(of_coordinator(request), user__username=key)


@staff_page("volunteers")
def volunteers_page(request: HttpRequest) -> HttpResponse:
    """List volunteers by state, or search them by name or phone."""
    return _list(request, AddForm(_squads(request)))


def _list(request: HttpRequest, form: AddForm, status: int = 200) -> HttpResponse:
    squads = _squads(request)
    found = of_coordinator(request)
    squad = next((unit for unit in squads if unit.code == request.GET.get("squad")), None)
    if squad is not None:
        found = found.filter(squad=squad)
    counts = dict(found.values_list("state").annotate(n=Count("pk")))
    query = request.GET.get("q", "").replace("\x00", "").strip()[:60]
    found, problem = _fitting(request, found, query) if query else (found, "")
    default = State.APPLIED if counts.get(State.APPLIED) else State.ACTIVE
    state = request.GET.get("state", "" if query else default.value)
    if state in State.values:
        found = found.filter(state=state)
    pages = Paginator(found.order_by("state", "-applied_at", "pk"), 50)
    page = pages.get_page(request.GET.get("page"))
    context = {
        "desk": "volunteers",
        "squads": squads,
        "squad": squad,
        "states": [
            (value, label, counts.get(value, 0), value == state) for value, label in State.choices
        ],
        "state": state,
        "lines": _lines(list(page.object_list)),
        "page": page,
        "total": pages.count,
        "query": query,
        "problem": problem,
        "form": form,
    }
    return render(request, "volunteers/list.html", context, status=status)


def _fitting(
    request: HttpRequest, found: QuerySet[Volunteer], query: str
) -> tuple[QuerySet[Volunteer], str]:
    """Search by name, or by a complete phone number, so that nobody can guess it digit by digit."""
    if len(digits_in(query)) < 5:
        named = Q(user__display_name__icontains=query) | Q(user__username__iexact=query)
        return found.filter(named), ""
    if wait := rate_limit.too_many("phone", f"user {login_of(request).pk}"):
        return found.none(), _("查得太多了，请 %d 秒后再查") % wait
    phone = certain_phone(query)
    if not phone:
        return found.none(), _("按手机号找，请写完整的号码")
    return found.filter(caller=blind(phone)), ""


def _lines(rows: list[Volunteer]) -> list[dict[str, Any]]:
    users = [one.pk for one in rows]
    done = served(users, month_began())
    now, names = timezone.now(), Names()
    duty = shifts.on_duty(users, now)
    return [
        {
            "one": one,
            "look": LOOKS[one.state],
            "phone": disclosure.masked(one).phone,
            "skills": names.skills(one.skills),
            "areas": names.areas(one.areas),
            "inside": names.zones([one.inside] if one.inside else []),
            "ready": volunteers.can_be_asked(one, now, on_duty=one.pk in duty),
            "month": done.get(one.pk, Served()),
        }
        for one in rows
    ]


@staff_action("volunteers")
def volunteer_add(request: HttpRequest) -> HttpResponse:
    """Add a volunteer, who is in the squad at once and logs in by phone."""
    squads = [unit for unit in _squads(request) if unit.active]
    form = AddForm(squads, request.POST)
    if not form.is_valid():
        return _list(request, form, status=422)
    given = form.cleaned_data
    squad = next(unit for unit in squads if unit.code == given["squad"])
    try:
        one = volunteers.add_volunteer(squad, given["name"], given["phone"], login_of(request))
    except volunteers.VolunteerRefused as refused:
        form.add_error("phone", str(refused))
        return _list(request, form, status=409)
    messages.success(request, _("已加进来。请告诉本人：用手机号在“志愿者登录”就能登录"))
    return redirect("volunteer_one", one.user.username)


@staff_page("volunteers", methods=("GET", "HEAD", "POST"))
def volunteer_page(request: HttpRequest, key: str) -> HttpResponse:
    """Show one volunteer: skills, service, history. POST changes skills, areas and passes."""
    volunteer = one_of(request, key)
    if request.method != "POST":
        return _show(request, volunteer)
    form = ServiceForm(volunteer, request.POST, coordinator=True)

    def change() -> str:
        changed = volunteers.change(volunteer, login_of(request), **form.values())
        return _("已保存，马上生效") if changed else _("没有改动")

    return VerbView(request, volunteer, form, _show).answer(
        change, reload=lambda: volunteer, follow=lambda: redirect("volunteer_one", key)
    )


def _show(
    request: HttpRequest,
    volunteer: Volunteer,
    *,
    bound: ServiceForm | None = None,
    problem: str = "",
    phone: str = "",
    status: int = 200,
) -> HttpResponse:
    user, names = volunteer.user, Names()
    legs = Leg.objects.filter(holder=user).exclude(state=Leg.State.DROPPED)
    legs = legs.select_related("area").defer("area__outline").order_by("-done_at", "-taken_at")
    changes = Change.objects.filter(kind=volunteers.KIND, key=user.username)
    # Earlier memberships of the same phone in the reader's squads.
    before = of_coordinator(request).filter(caller=volunteer.caller, state=State.LEFT)
    before = before.exclude(pk=volunteer.pk).order_by("-applied_at")
    context = {
        "desk": "volunteers",
        "one": volunteer,
        "look": LOOKS[volunteer.state],
        "phone": phone or disclosure.masked(volunteer).phone,
        "shown": bool(phone),
        **availability(volunteer, names),
        "before": before[:5] if volunteer.caller else [],
        "month": served_by(user, month_began()),
        "all": served_by(user),
        "legs": legs[:30],
        "form": bound or ServiceForm(volunteer, coordinator=True),
        "verbs": [verb for verb, act in ACTS.items() if volunteer.state in act.states],
        "told": [
            (each, change_words(each, names))
            for each in changes.select_related("user").order_by("-id")[:50]
        ],
        "problem": problem,
    }
    return render(request, "volunteers/one.html", context, status=status)


def availability(volunteer: Volunteer, names: Names) -> dict[str, Any]:
    """Template context: whether and until when they can be asked, and the zone they live in."""
    now = timezone.now()
    on_duty = bool(shifts.on_duty([volunteer.user_id], now))
    return {
        "on_duty": on_duty,
        "ready": volunteers.can_be_asked(volunteer, now, on_duty=on_duty),
        "ready_until": volunteer.ready_until if (volunteer.ready_until or now) > now else None,
        "away_until": volunteer.away_until if (volunteer.away_until or now) > now else None,
        "inside": names.zones([volunteer.inside] if volunteer.inside else []),
    }


@dataclass(frozen=True, slots=True)
class VolunteerAct:
    """A button: its states, success message and function; `why`: the function takes a reason."""

    states: tuple[State, ...]
    done: Any
    act: Callable[..., object]
    why: bool = False


ACTS: dict[str, VolunteerAct] = {
    "approve": VolunteerAct(
        (State.APPLIED,), gettext_lazy("已通过，可以登录接任务了"), volunteers.approve
    ),
    "resume": VolunteerAct((State.SUSPENDED,), gettext_lazy("已恢复"), volunteers.resume_volunteer),
    "trained": VolunteerAct(
        (State.APPLIED, State.ACTIVE, State.SUSPENDED),
        gettext_lazy("已记下培训"),
        volunteers.record_training,
    ),
    "reject": VolunteerAct((State.APPLIED,), gettext_lazy("已婉拒"), volunteers.reject, why=True),
    "suspend": VolunteerAct(
        (State.ACTIVE,),
        gettext_lazy("已暂停，马上退出登录；手上的已放回"),
        membership.suspend_volunteer,
        why=True,
    ),
    "let-go": VolunteerAct(
        (State.ACTIVE, State.SUSPENDED), gettext_lazy("已退队"), membership.let_go, why=True
    ),
}


@staff_action("volunteers")
def volunteer_act(request: HttpRequest, key: str, verb: str) -> HttpResponse:
    """Do one of `ACTS`, or show the phone, which is logged."""
    volunteer, by = one_of(request, key), login_of(request)
    if verb == "phone":
        phone = disclosure.show_volunteer_phone(who(request), volunteer)
        return _show(request, volunteer, phone=phone)
    row = ACTS.get(verb)
    if row is None:
        raise Http404
    try:
        why = LineField(max_length=200, required=False).clean(request.POST.get("why", "")[:200])
    except forms.ValidationError as wrong:
        return _show(request, volunteer, problem=" ".join(wrong.messages), status=422)
    if row.why and not why:
        return _show(request, volunteer, problem=_("请写原因：本人会看到"), status=422)

    def act() -> str:
        row.act(volunteer, by, *([why] if row.why else []))
        return str(row.done)

    return VerbView(request, volunteer, None, _show).answer(
        act, reload=lambda: one_of(request, key), follow=lambda: redirect("volunteer_one", key)
    )


_FIELDS: dict[str, tuple[Any, Callable[[Names, list[str]], list[str]]]] = {
    "skills": (gettext_lazy("会什么"), Names.skills),
    "areas": (gettext_lazy("服务区域"), Names.areas),
    "zones": (gettext_lazy("通行证"), Names.zones),
}


def change_words(change: Change, names: Names) -> list[str]:
    """Describe a row of the history of volunteers, field by field."""
    return [said for name in change.after if (said := _field_words(name, change, names))]


def _field_words(name: str, change: Change, names: Names) -> str:
    """Describe one field of a change; "" if another field's text covers it."""
    value = change.after[name]
    if name in _FIELDS:
        label, named = _FIELDS[name]
        if not value and not change.before:
            return ""
        return f"{label}{_('：')}{_('、').join(named(names, value)) or _('（空）')}"
    match name:
        case "state":
            why = change.after.get("note", "")
            return f"{State(value).label}{_('：') + why if why else ''}"
        case "inside" if value or change.before:
            said = names.zones([value])[0] if value else _("（空）")
            return f"{_('住在管控区')}{_('：')}{said}"
        case "hours" if change.before:
            return _("改了每周有空的时间")
        case "trained":
            return _("培训过了")
        case "phone":
            return _("看了手机号")
    return ""
