"""Joining a squad by its QR code, and volunteers' login by phone."""

import base64
import time
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from yinghu.common.form_fields import LineField
from yinghu.common.language import name_of
from yinghu.common.privacy.masking import mask_phone
from yinghu.common.privacy.sealing import seal
from yinghu.intake.one_time_codes import Purpose
from yinghu.people import disclosure, volunteers
from yinghu.people.access import JOINED, is_only_volunteer, squads_of
from yinghu.people.logins import BY_PHONE, phone_opens
from yinghu.people.models import Skill, Unit, Volunteer
from yinghu.places.area_fields import AreaField, AreaInput
from yinghu.places.models import Zone
from yinghu.ui.decorators import staff_page
from yinghu.ui.departed import remember_helper
from yinghu.ui.qr import qr_image, qr_inline
from yinghu.ui.requests import absolute, who
from yinghu.web.citizen import phone_code
from yinghu.web.volunteers.service_form import offer_choices

_SESSION_KEY = "join"
phone_code.drop_at_login(_SESSION_KEY)
_JOIN_TEMPLATE = "volunteers/join_door.html"
_LOGIN_TEMPLATE = "volunteers/volunteer_door.html"

State = Volunteer.State


class JoinForm(forms.Form):
    """Application to join a squad."""

    name = LineField(
        label=gettext_lazy("怎么称呼您"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": gettext_lazy("请写一个名字，队长好找您")},
    )
    skills = forms.MultipleChoiceField(
        label=gettext_lazy("您会什么"), required=False, widget=forms.CheckboxSelectMultiple
    )
    area = AreaField(
        label=gettext_lazy("愿意在哪一片帮忙"), max_length=120, required=False, widget=AreaInput
    )
    inside = forms.ChoiceField(label=gettext_lazy("您住的小区现在出不来吗"), required=False)
    consent = forms.BooleanField(
        label=gettext_lazy("我看过上面的话，同意"),
        error_messages={"required": gettext_lazy("要您同意，我们才能记下这些")},
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="j-%s")
        self.fields["area"].widget.attrs["data-areas"] = reverse("geo_areas")
        skills = [(skill.code, name_of(skill)) for skill in Skill.objects.filter(active=True)]
        zones = [(zone.code, name_of(zone)) for zone in Zone.objects.filter(active=True)]
        offer_choices(self, "skills", skills)
        offer_choices(self, "inside", [("", _("没有，进出自由")), *zones])


def _squad(code: str) -> Unit:
    """The active squad or group with this code; 404 if it cannot be joined."""
    return get_object_or_404(Unit, code=code, kind__in=JOINED, active=True)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, unit_code: str) -> HttpResponse:
    """Apply to a squad: verify the phone, fill in the form; the coordinator decides later."""
    squad = _squad(unit_code)
    phone = _verified_phone(request, squad)
    if request.method == "POST" and "phone" in request.POST:
        step = phone_code.handle_phone_form(request, Purpose.JOIN, quota_key=squad.code)
        if not step.verified_phone:
            return step.show(request, _JOIN_TEMPLATE, squad=squad)
        request.session[_SESSION_KEY] = {
            "squad": squad.code,
            "phone": base64.b64encode(seal(step.verified_phone)).decode(),
            "until": time.time() + 30 * 60,
        }
        return step.remember(redirect("join", squad.code), request)
    if not phone:
        # Also when the verification has expired: the browser keeps the draft.
        return phone_code.PhoneStep().show(request, _JOIN_TEMPLATE, squad=squad)
    if (known := volunteers.of_phone(phone)) and known.state != State.LEFT:
        return _render_state(request, known)
    form = JoinForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            volunteer = volunteers.create_application(
                squad,
                given["name"],
                phone,
                skills=given.get("skills", ()),
                areas=[given["area"]] if given["area"] else (),
                inside=given.get("inside", ""),
            )
        except volunteers.PhoneInUse:
            # Submitted twice: show the state of the existing application.
            return redirect("join", squad.code)
        return _render_state(request, volunteer, fresh=True)
    context = {"squad": squad, "form": form, "phone": mask_phone(phone)}
    return render(request, "volunteers/join.html", context, status=422 if form.is_bound else 200)


def _verified_phone(request: HttpRequest, squad: Unit) -> str:
    """The phone number verified in this browser for this squad, else ""."""
    kept: dict[str, Any] = request.session.get(_SESSION_KEY) or {}
    if kept.get("squad") != squad.code or float(kept.get("until", 0)) < time.time():
        return ""
    return disclosure.own_contact(base64.b64decode(kept["phone"]))


def _render_state(
    request: HttpRequest, volunteer: Volunteer | None, *, fresh: bool = False, status: int = 200
) -> HttpResponse:
    context = {"volunteer": volunteer, "fresh": fresh}
    return render(request, "volunteers/volunteer_told.html", context, status=status)


@require_GET
def join_qr(request: HttpRequest, unit_code: str) -> HttpResponse:
    """QR code of a squad's page for joining."""
    return qr_image(absolute(reverse("join", args=[_squad(unit_code).code])))


@staff_page("volunteers")
def poster(request: HttpRequest, unit_code: str) -> HttpResponse:
    """Printable A4 poster with the squad's QR code and link."""
    own = squads_of(who(request))
    squad = get_object_or_404(own, code=unit_code, kind__in=JOINED, active=True)
    link = absolute(reverse("join", args=[squad.code]))
    context = {
        "squad": squad,
        "link": link,
        "typed": link.removeprefix("https://"),
        "qr": qr_inline(link),
        "desk": "volunteers",
    }
    return render(request, "volunteers/poster.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def log_in_by_phone(request: HttpRequest) -> HttpResponse:
    """Log in a volunteer by phone and code; others see the state of their application."""
    if request.method != "POST":
        if request.user.is_authenticated and is_only_volunteer(who(request)):
            return redirect("field")
        return phone_code.PhoneStep().show(request, _LOGIN_TEMPLATE)
    step = phone_code.handle_phone_form(request, Purpose.VOLUNTEER)
    if not step.verified_phone:
        return step.show(request, _LOGIN_TEMPLATE)
    return step.remember(_let_in(request, step.verified_phone), request)


def _let_in(request: HttpRequest, phone: str) -> HttpResponse:
    volunteer = volunteers.of_phone(phone)
    if volunteer is not None and volunteer.state in (State.SUSPENDED, State.LEFT):
        told = _render_state(request, volunteer, status=403)
        # Their phone may still have steps to send.
        remember_helper(told, volunteer.user)
        return told
    if volunteer is None or volunteer.state != State.ACTIVE:
        return _render_state(request, volunteer, status=403)
    if not phone_opens(volunteer.user):
        # A phone is not enough for logins with posts at a desk.
        return render(request, "volunteers/volunteer_desk.html", status=403)
    login(request, volunteer.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session[BY_PHONE] = volunteer.user.pk
    return redirect("field")
