"""I have asked before: all cases of a phone, for whoever shows by a code that they hold it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from yinghu.appeals import visible
from yinghu.appeals.models import Appeal
from yinghu.channels import codes, flood, sms
from yinghu.parsing import digits_in
from yinghu.people.privacy import blind, mask_phone, normal_phone

OPEN_FOR = 30 * 60
"""Seconds for which a code opens the list in the browser where it was read back."""
PAGE = 20
_KEY = "mine"
_DEMO_KEY = "mine_demo"
"""The code that the demo showed to this browser, with its caller."""


@dataclass(slots=True)
class Step:
    """What the page asks for: first the phone, then the code; with what is wrong at its field."""

    phone: str = ""
    asks_code: bool = False
    demo_code: str = ""
    problem: str = ""
    wrong_phone: str = ""
    wrong_code: str = ""

    def show(self, request: HttpRequest, status: int = 200, wait: int = 0) -> HttpResponse:
        """The page; with Retry-After where `wait` seconds are to pass."""
        context = {"step": self, "offered": sms.reaches_people(), "digits": codes.DIGITS}
        page = render(request, "web/citizen/mine_door.html", context, status=status)
        if wait:
            page.headers["Retry-After"] = str(wait)
        return page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The list where it is open, else the way to it: phone, code, list."""
    if request.method != "POST":
        opened = _opened(request)
        return show_list(request, *opened) if opened else Step().show(request)
    if not sms.reaches_people():
        return Step().show(request, 404)
    typed = visible.line(request.POST.get("phone", "")[:40])
    phone = normal_phone(typed)
    if not phone:
        return Step(typed, wrong_phone=_("请写完整的手机号码")).show(request, 422)
    if "code" in request.POST:
        return _read_back(request, typed, phone)
    return _send(request, typed, phone)


def _send(request: HttpRequest, typed: str, phone: str) -> HttpResponse:
    """Have a code sent. What is answered is the same for every phone, known or not."""
    wait = flood.too_many("code", request.META.get("REMOTE_ADDR", ""))
    wait = wait or flood.too_many("coded", (blind(phone) or b"").hex())
    code = ""
    if not wait:
        try:
            code = codes.make(phone)
        except codes.TooManyCodes as enough:
            wait = enough.seconds
    if wait:
        # Whoever has a code already may still use it.
        step = Step(
            typed,
            asks_code=True,
            demo_code=_demo_code(request, phone),
            problem=_("验证码发得太多了，请 %s后再发") % in_words(wait),
        )
        return step.show(request, 429, wait)
    if settings.DEMO:
        request.session[_DEMO_KEY] = {"caller": (blind(phone) or b"").hex(), "code": code}
    return Step(typed, asks_code=True, demo_code=_demo_code(request, phone)).show(request)


def _demo_code(request: HttpRequest, phone: str) -> str:
    """The last code that this browser had sent to the phone, in the demo; else ""."""
    kept: dict[str, str] = request.session.get(_DEMO_KEY) or {}
    ours = settings.DEMO and kept.get("caller") == (blind(phone) or b"").hex()
    return kept["code"] if ours else ""


def _read_back(request: HttpRequest, typed: str, phone: str) -> HttpResponse:
    """Open the list for whoever reads the code back."""
    step = Step(typed, asks_code=True, demo_code=_demo_code(request, phone))
    if wait := flood.too_many("guess", request.META.get("REMOTE_ADDR", "")):
        step.problem = _("试得太多了，请 %d 秒后再试") % wait
        return step.show(request, 429, wait)
    # Full-width digits, blanks and dashes are no mistake.
    code = digits_in(request.POST["code"][:40])
    if not re.fullmatch(rf"[0-9]{{{codes.DIGITS}}}", code):
        step.wrong_code = _("验证码是 %d 位数字") % codes.DIGITS
        return step.show(request, 422)
    if not codes.check(phone, code):
        step.wrong_code = _("验证码不对，或者已经过期。请核对最新的一条短信，或重新发送。")
        return step.show(request, 422)
    # A session that somebody else may have laid into this browser must not be opened by its owner.
    request.session.cycle_key()
    request.session.pop(_DEMO_KEY, None)
    caller = (blind(phone) or b"").hex()
    request.session[_KEY] = {
        "caller": caller,
        "phone": mask_phone(phone),
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
    return render(request, "web/citizen/mine.html", context)


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
        request.session.pop(_DEMO_KEY, None)


def in_words(seconds: int) -> str:
    """A wait as people say it: seconds, minutes or hours."""
    if seconds < 120:
        return ngettext("%d 秒", "%d 秒", seconds) % seconds
    if seconds < 7200:
        minutes = -(-seconds // 60)
        return ngettext("%d 分钟", "%d 分钟", minutes) % minutes
    hours = -(-seconds // 3600)
    return ngettext("%d 小时", "%d 小时", hours) % hours
