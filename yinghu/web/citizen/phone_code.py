"""A phone, a code that is sent to it, and the code read back: how somebody shows that they hold it.

`mine` opens the list of one's cases by it, `joining` takes volunteers in and lets them come back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.common import rate_limit, sms, text_cleaning
from yinghu.common.phones import normal_phone
from yinghu.common.sealing import blind
from yinghu.common.text import digits_in
from yinghu.intake import one_time_codes
from yinghu.intake.one_time_codes import Purpose

_DEMO_KEY = "by_phone_demo"
"""The code that the demo showed to this browser, with its caller and its purpose."""


@dataclass(slots=True)
class Step:
    """What a page asks for: first the phone, then the code; with what is wrong at its field.

    `proved` is the phone (E.164) once its code has been read back; then there is nothing to show.
    """

    phone: str = ""
    asks_code: bool = False
    demo_code: str = ""
    problem: str = ""
    wrong_phone: str = ""
    wrong_code: str = ""
    status: int = 200
    wait: int = 0
    proved: str = ""

    def show(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        """The page; with Retry-After where some seconds are to pass."""
        given = {"step": self, "offered": sms.reaches_people(), "digits": one_time_codes.DIGITS}
        page = render(request, template, given | context, status=self.status)
        if self.wait:
            page.headers["Retry-After"] = str(self.wait)
        return page


def turn(request: HttpRequest, purpose: Purpose, *, paid_by: str = "") -> Step:
    """What follows on the form that was sent: a code, or that the phone is proved.

    Until the code is read back the answer is the same for every phone, known or not. `paid_by`
    names whose measure of codes for strangers this is taken from.
    """
    if not sms.reaches_people():
        raise Http404
    typed = text_cleaning.line(request.POST.get("phone", "")[:40])
    phone = normal_phone(typed)
    if not phone:
        return Step(typed, wrong_phone=_("请写完整的手机号码"), status=422)
    if "code" in request.POST:
        return _read_back(request, purpose, typed, phone)
    return _send(request, purpose, typed, phone, paid_by)


def _send(request: HttpRequest, purpose: Purpose, typed: str, phone: str, paid_by: str) -> Step:
    """Have a code sent."""
    wait = rate_limit.too_many("code", request.META.get("REMOTE_ADDR", ""))
    wait = wait or rate_limit.too_many("coded", _caller(phone))
    if paid_by:
        wait = wait or rate_limit.too_many("join", paid_by)
    code = ""
    if not wait:
        try:
            code = one_time_codes.make(phone, purpose)
        except one_time_codes.TooManyCodes as enough:
            wait = enough.seconds
    if wait:
        # Whoever has a code already may still use it.
        return Step(
            typed,
            asks_code=True,
            demo_code=_demo_code(request, purpose, phone),
            problem=_("验证码发得太多了，请 %s后再发") % in_words(wait),
            status=429,
            wait=wait,
        )
    if settings.DEMO:
        shown = {"caller": _caller(phone), "purpose": purpose.value, "code": code}
        request.session[_DEMO_KEY] = shown
    return Step(typed, asks_code=True, demo_code=_demo_code(request, purpose, phone))


def _demo_code(request: HttpRequest, purpose: Purpose, phone: str) -> str:
    """The last code that this browser had sent to the phone, in the demo; else ""."""
    kept: dict[str, str] = request.session.get(_DEMO_KEY) or {}
    ours = (kept.get("caller"), kept.get("purpose")) == (_caller(phone), purpose)
    return kept["code"] if settings.DEMO and ours else ""


def _read_back(request: HttpRequest, purpose: Purpose, typed: str, phone: str) -> Step:
    """Whether the code is right."""
    step = Step(typed, asks_code=True, demo_code=_demo_code(request, purpose, phone))
    if wait := rate_limit.too_many("guess", request.META.get("REMOTE_ADDR", "")):
        step.problem = _("试得太多了，请 %d 秒后再试") % wait
        step.status, step.wait = 429, wait
        return step
    # Full-width digits, blanks and dashes are no mistake.
    code = digits_in(request.POST["code"][:40])
    step.status = 422
    if not re.fullmatch(rf"[0-9]{{{one_time_codes.DIGITS}}}", code):
        step.wrong_code = _("验证码是 %d 位数字") % one_time_codes.DIGITS
        return step
    if not one_time_codes.check(phone, code, purpose):
        step.wrong_code = _("验证码不对，或者已经过期。请核对最新的一条短信，或重新发送。")
        return step
    # A session that somebody else may have laid into this browser must not be opened by its owner.
    request.session.cycle_key()
    request.session.pop(_DEMO_KEY, None)
    return Step(typed, proved=phone)


@receiver((user_logged_in, user_logged_out))
def forget_code(request: HttpRequest | None = None, **_signal: Any) -> None:
    """Whoever logs in or out here need not be the one to whom the demo showed a code."""
    if request is not None:
        request.session.pop(_DEMO_KEY, None)


def _caller(phone: str) -> str:
    return (blind(phone) or b"").hex()


def in_words(seconds: int) -> str:
    """A wait as people say it: seconds, minutes or hours."""
    if seconds < 120:
        return ngettext("%d 秒", "%d 秒", seconds) % seconds
    if seconds < 7200:
        minutes = -(-seconds // 60)
        return ngettext("%d 分钟", "%d 分钟", minutes) % minutes
    hours = -(-seconds // 3600)
    return ngettext("%d 小时", "%d 小时", hours) % hours
