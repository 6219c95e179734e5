"""Requester's list of own cases, opened by verifying a phone number."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from yinghu.appeals.models import Appeal
from yinghu.common import sms
from yinghu.common.privacy.masking import mask_phone
from yinghu.common.privacy.sealing import blind
from yinghu.common.text import whole_number
from yinghu.intake.one_time_codes import Purpose
from yinghu.web.citizen import phone_code

OPEN_FOR = 30 * 60
"""Seconds for which the list stays open in a browser after verification."""
PAGE = 20
_SESSION_KEY = "mine"
_PHONE_TEMPLATE = "citizen/mine_door.html"
phone_code.drop_at_login(_SESSION_KEY)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show_my_cases(request: HttpRequest) -> HttpResponse:
    """Show the list if it is open, else the phone verification."""
    if request.method != "POST":
        if opened := _open_list(request):
            return _show_list(request, *opened)
        return phone_code.PhoneStep().show(request, _PHONE_TEMPLATE)
    if not sms.reaches_people():
        return phone_code.PhoneStep(status=404).show(request, _PHONE_TEMPLATE)
    step = phone_code.handle_phone_form(request, Purpose.CASES)
    if not step.verified_phone:
        return step.show(request, _PHONE_TEMPLATE)
    request.session[_SESSION_KEY] = {
        "caller": (blind(step.verified_phone) or b"").hex(),
        "phone": mask_phone(step.verified_phone),
        "until": time.time() + OPEN_FOR,
    }
    return step.remember(redirect("mine"), request)


def _open_list(request: HttpRequest) -> tuple[bytes, str, int] | None:
    """Caller of the open list, masked phone and minutes left; None if none is open."""
    kept: dict[str, Any] = request.session.get(_SESSION_KEY) or {}
    left = float(kept.get("until", 0)) - time.time()
    if not kept or left <= 0:
        return None
    return bytes.fromhex(kept["caller"]), str(kept["phone"]), int(left // 60) + 1


def _show_list(request: HttpRequest, caller: bytes, phone: str, minutes: int) -> HttpResponse:
    """Render a page of the caller's cases, newest first; `?after=` is the last id shown."""
    found = Appeal.objects.filter(caller=caller).select_related("category", "unit").order_by("-id")
    after = request.GET.get("after", "")
    if (last := whole_number(after)) is not None:
        found = found.filter(pk__lt=last)
    appeals = list(found[: PAGE + 1])
    more = str(appeals[PAGE - 1].pk) if len(appeals) > PAGE else ""
    context = {"appeals": appeals[:PAGE], "more": more, "first": not after}
    context |= {"phone": phone, "minutes": minutes}
    return render(request, "citizen/mine.html", context)


@require_POST
def close_my_cases(request: HttpRequest) -> HttpResponse:
    """Close the list in this browser."""
    request.session.pop(_SESSION_KEY, None)
    return redirect("start")
