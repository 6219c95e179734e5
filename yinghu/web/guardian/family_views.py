"""Guardians' own door: by a code to their phone they apply, and see their own people and who
looked at them. They need no account.
"""

from __future__ import annotations

import base64
import time
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from yinghu.appeals.moving import Refused
from yinghu.common.privacy.masking import mask_phone
from yinghu.common.privacy.sealing import blind, seal
from yinghu.guardian import people_actions
from yinghu.guardian.models import ProtectedPerson
from yinghu.guardian.registration import Invalid, PersonDetails
from yinghu.intake.one_time_codes import Purpose
from yinghu.people import disclosure, protected_disclosure
from yinghu.ui.photo_response import jpeg_response
from yinghu.ui.requests import sender_of
from yinghu.web.citizen import phone_code
from yinghu.web.guardian.person_form import SEXES, PersonForm, today_initial

_SESSION_KEY: Final = "family"
phone_code.drop_at_login(_SESSION_KEY)
_LASTS: Final = 30 * 60
"""Seconds that a verified phone opens the door in this browser."""


def _verified_phone(request: HttpRequest) -> str:
    """The phone (E.164) verified in this browser, else ""."""
    kept: dict[str, Any] = request.session.get(_SESSION_KEY) or {}
    if float(kept.get("until", 0)) < time.time():
        return ""
    return disclosure.own_contact(base64.b64decode(kept["phone"]))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def family_page(request: HttpRequest) -> HttpResponse:
    """Verify a phone, then list the people whose guardian has it."""
    if request.method == "POST":
        step = phone_code.handle_phone_form(request, Purpose.GUARDIAN, quota_key="family")
        if not step.verified_phone:
            return step.show(request, "guardian/family_door.html")
        request.session[_SESSION_KEY] = {
            "phone": base64.b64encode(seal(step.verified_phone)).decode(),
            "until": time.time() + _LASTS,
        }
        return step.remember(redirect("family"), request)
    phone = _verified_phone(request)
    if not phone:
        return phone_code.PhoneStep().show(request, "guardian/family_door.html")
    context = {"people": people_actions.people_of_guardian(phone), "phone": mask_phone(phone)}
    return render(request, "guardian/family.html", context)


@require_POST
def family_leave(request: HttpRequest) -> HttpResponse:
    """Forget the phone that was verified in this browser."""
    request.session.pop(_SESSION_KEY, None)
    return redirect("family")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def family_apply(request: HttpRequest) -> HttpResponse:
    """Apply for a person; staff of their area decide."""
    phone = _verified_phone(request)
    if not phone:
        return redirect("family")
    if request.method != "POST":
        own = {"phone": phone, "order": 1}
        return _form_page(request, PersonForm(initial=today_initial(""), guardians=[own]))
    form, status = PersonForm(request.POST, request.FILES), 422
    if form.is_valid():
        try:
            person = people_actions.apply(form.registration(), phone, sender=sender_of(request))
        except Invalid as wrong:
            form.add_faults(wrong.faults)
        except Refused as refused:
            status = refused.status
            form.add_error(refused.field if refused.field in form.fields else None, refused.message)
        else:
            messages.success(request, _("申请收到了。网格员会打电话或上门核对"))
            return redirect("family_person", person.pk)
    return _form_page(request, form, status)


def _form_page(request: HttpRequest, form: PersonForm, status: int = 200) -> HttpResponse:
    return render(request, "guardian/family_apply.html", {"form": form}, status=status)


def _own(request: HttpRequest, pk: int) -> ProtectedPerson:
    """The person of a URL if the verified phone is a guardian's of theirs; else 404."""
    phone = _verified_phone(request)
    if not phone:
        raise Http404
    return get_object_or_404(people_actions.people_of_guardian(phone), pk=pk)


@never_cache
@require_GET
def family_person(request: HttpRequest, pk: int) -> HttpResponse:
    """Show guardians their own person, with who looked and when. The others' phones are masked."""
    phone = _verified_phone(request)
    if not phone:
        return redirect("family")
    person = get_object_or_404(people_actions.people_of_guardian(phone), pk=pk)
    guardians = list(person.guardians.filter(active=True))
    shown = protected_disclosure.own_protected(person, guardians)
    own = blind(phone)
    details = PersonDetails.of(shown.details)
    looks = protected_disclosure.looks_at(person.pk)
    context = {
        "one": person,
        "details": details,
        "sex": SEXES.get(details.sex, ""),
        "age": timezone.localdate().year - details.birth_year if details.birth_year else 0,
        "consent": shown.consent,
        "guardians": [
            (contact, contact.phone if mine else mask_phone(contact.phone), mine)
            for guardian, contact in zip(guardians, shown.guardians, strict=True)
            for mine in [guardian.caller is not None and bytes(guardian.caller) == own]
        ],
        "has_photo": bool(person.photo),
        "looks": protected_disclosure.units_of_looks(looks),
    }
    return render(request, "guardian/family_person.html", context)


@never_cache
@require_GET
def family_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Show guardians the photo of their own person; it is not cached."""
    return jpeg_response(protected_disclosure.own_protected_photo(_own(request, pk)))
