"""I have asked before: all cases of a phone, for whoever shows by a code that they hold it."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from yinghu.appeals.models import Appeal
from yinghu.common import sms
from yinghu.common.masking import mask_phone
from yinghu.common.sealing import blind
from yinghu.intake.one_time_codes import Purpose
from yinghu.web.citizen import phone_code

OPEN_FOR = 30 * 60
"""Seconds for which a code opens the list in the browser where it was read back."""
PAGE = 20
_KEY = "mine"
_DOOR = "citizen/mine_door.html"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The list where it is open, else the way to it: phone, code, list."""
    if request.method != "POST":
        opened = _opened(request)
        return show_list(request, *opened) if opened else phone_code.Step().show(request, _DOOR)
    if not sms.reaches_people():
        return phone_code.Step(status=404).show(request, _DOOR)
    step = phone_code.turn(request, Purpose.CASES)
    if not step.proved:
        return step.show(request, _DOOR)
    request.session[_KEY] = {
        "caller": (blind(step.proved) or b"").hex(),
        "phone": mask_phone(step.proved),
        "until": time.time() + OPEN_FOR,
    }
    return redirect("mine")


def _opened(request: HttpRequest) -> tuple[bytes, str, int] | None:
    """The caller whose list is open here, their masked phone, and for how many minutes more."""
    kept: dict[str, Any] = request.session.get(_KEY) or {}
    left = float(kept.get("until", 0)) - time.time()
    if not kept or left <= 0:
        return None
    return bytes.fromhex(kept["caller"]), str(kept["phone"]), int(left // 60) + 1


def show_list(request: HttpRequest, caller: bytes, phone: str, minutes: int) -> HttpResponse:
    """All cases of one caller, the newest first, PAGE on a page (?after= the last one's id)."""
    found = Appeal.objects.filter(caller=caller).select_related("category", "unit").order_by("-id")
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 19:
        found = found.filter(pk__lt=int(after))
    appeals = list(found[: PAGE + 1])
    more = str(appeals[PAGE - 1].pk) if len(appeals) > PAGE else ""
    context = {
        "appeals": appeals[:PAGE],
        "more": more,
        "first": not after,
        "phone": phone,
        "minutes": minutes,
    }
    return render(request, "citizen/mine.html", context)


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Close the list in this browser."""
    request.session.pop(_KEY, None)
    return redirect("start")


@receiver((user_logged_in, user_logged_out))
def close_list(request: HttpRequest | None = None, **_signal: Any) -> None:
    """Whoever logs in or out here need not be the one whose list was open."""
    if request is not None:
        request.session.pop(_KEY, None)
