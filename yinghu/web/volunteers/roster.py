"""Roster page: a squad's shifts of a week, with gaps when nobody is on duty."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.common.form_fields import PickerSelect
from yinghu.people import shifts
from yinghu.people.access import squads_of
from yinghu.people.models import Shift, Unit, Volunteer
from yinghu.people.volunteers import VolunteerRefused
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.requests import login_of, read_day, who
from yinghu.web.volunteers.views import of_coordinator

_DAY = timedelta(days=1)


class ShiftForm(forms.Form):
    """Person, day, start and end of a shift; an end before the start is on the next day."""

    person = forms.ChoiceField(label=gettext_lazy("谁"), widget=PickerSelect)
    day = forms.DateField(
        label=gettext_lazy("哪一天"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    starts = forms.TimeField(
        label=gettext_lazy("几点上班"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    ends = forms.TimeField(
        label=gettext_lazy("几点下班"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )

    def __init__(self, people: list[Volunteer], monday: date, data: Any = None) -> None:
        first = {"day": max(monday, timezone.localdate()), "starts": "08:00", "ends": "20:00"}
        super().__init__(data, initial=first, auto_id="r-%s")
        person: Any = self.fields["person"]
        person.choices = [
            ("", _("请选择")),
            *((one.user.username, str(one.user)) for one in people),
        ]

    def span(self) -> tuple[datetime, datetime]:
        """Start and end in local time."""
        day, starts, ends = (self.cleaned_data[name] for name in ("day", "starts", "ends"))
        last = day if ends > starts else day + _DAY
        return _local_moment(day, starts), _local_moment(last, ends)


def _local_moment(day: date, at: time = time()) -> datetime:
    return timezone.make_aware(datetime.combine(day, at))


def _squad(request: HttpRequest) -> tuple[Unit, list[Unit]]:
    """The requested squad (default: the first with a roster) and all squads of the user."""
    squads = list(squads_of(who(request)).filter(active=True).order_by("name"))
    code = request.GET.get("squad", "")
    chosen = next((unit for unit in squads if unit.code == code), None)
    if not squads or (code and chosen is None):
        raise Http404
    if chosen is None:
        rostered = set(Shift.objects.filter(unit__in=squads).values_list("unit_id", flat=True))
        chosen = next((unit for unit in squads if unit.pk in rostered), squads[0])
    return chosen, squads


def _monday(request: HttpRequest) -> date:
    day = read_day(request.GET.get("week", ""))
    if day is None or not 2000 <= day.year < 9000:
        day = timezone.localdate()
    return day - timedelta(days=day.weekday())


@staff_page("volunteers", methods=("GET", "HEAD", "POST"))
def show_roster(request: HttpRequest) -> HttpResponse:
    """Show a week of the roster; add a shift on POST."""
    squad, squads = _squad(request)
    monday = _monday(request)
    active = of_coordinator(request).filter(squad=squad, state=Volunteer.State.ACTIVE)
    people = list(active.order_by("user__display_name"))
    form, problem, status = ShiftForm(people, monday), "", 200
    if request.method == "POST":
        form, status = ShiftForm(people, monday, request.POST), 422
        if form.is_valid():
            one = next(p for p in people if p.user.username == form.cleaned_data["person"])
            try:
                shifts.add_shift(squad, one, *form.span(), login_of(request))
            except VolunteerRefused as refused:
                problem, status = str(refused), 409
            else:
                messages.success(request, _("已排上"))
                return redirect(_address(squad, form.cleaned_data["day"]))
    context = {
        "desk": "volunteers",
        "squad": squad,
        "squads": squads,
        "days": _days(squad, monday),
        "monday": monday,
        "last": monday + 6 * _DAY,
        "before": (monday - 7 * _DAY).isoformat(),
        "after": (monday + 7 * _DAY).isoformat(),
        "form": form,
        "people": people,
        "problem": problem,
    }
    return render(request, "volunteers/roster.html", context, status=status)


def _address(squad: Unit, day: date) -> str:
    return f"{reverse('roster')}?squad={squad.code}&week={day.isoformat()}"


def _days(squad: Unit, monday: date) -> list[dict[str, Any]]:
    """Each day with its shifts, and the times when nobody is on duty."""
    first, last = _local_moment(monday), _local_moment(monday + 7 * _DAY)
    overlapping = Shift.objects.filter(unit=squad, starts_at__lt=last, ends_at__gt=first)
    found = list(overlapping.select_related("user").order_by("starts_at", "pk"))
    days = []
    for n in range(7):
        day = monday + n * _DAY
        begins, ends = _local_moment(day), _local_moment(day + _DAY)
        here = [each for each in found if each.starts_at < ends and each.ends_at > begins]
        days.append(
            {
                "day": day,
                "today": day == timezone.localdate(),
                # A shift that does not begin here continues from the day before.
                "spans": [(each, _shift_text(each), each.starts_at >= begins) for each in here],
                "gaps": _gaps(here, begins, ends) if found else [],
            }
        )
    return days


def _shift_text(shift: Shift) -> str:
    starts, ends = timezone.localtime(shift.starts_at), timezone.localtime(shift.ends_at)
    next_day = _("次日 ") if ends.date() > starts.date() else ""
    return f"{_clock(starts)}–{next_day}{_clock(ends)}"


def _gaps(found: list[Shift], begins: datetime, ends: datetime) -> list[str]:
    gaps, at = [], begins
    for shift in found:
        if shift.starts_at > at:
            gaps.append((at, shift.starts_at))
        at = max(at, shift.ends_at)
    if at < ends:
        gaps.append((at, ends))
    if gaps == [(begins, ends)]:
        return [_("整天")]
    return [f"{_clock(start)}–{'24:00' if end == ends else _clock(end)}" for start, end in gaps]


def _clock(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%H:%M}"


@staff_action("volunteers")
def remove_shift(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a shift of one of the user's squads."""
    own = Shift.objects.filter(unit__in=squads_of(who(request))).select_related("unit", "user")
    shift = get_object_or_404(own, pk=pk)
    shifts.remove(shift, login_of(request))
    messages.success(request, _("已去掉"))
    return redirect(_address(shift.unit, timezone.localtime(shift.starts_at).date()))
