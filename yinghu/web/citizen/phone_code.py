"""Verification of a phone number, of a requester or a volunteer, by a code in a text message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import user_logged_in, user_logged_out
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.common import rate_limit, sms, text_cleaning
from yinghu.common.privacy.phones import certain_phone
from yinghu.common.privacy.sealing import blind
from yinghu.common.text import digits_in
from yinghu.intake import one_time_codes
from yinghu.intake.one_time_codes import Purpose

_SESSION_KEY = "by_phone_demo"
"""Session key of the code shown by the demo, with its caller and purpose."""


@dataclass(slots=True)
class PhoneStep:
    """State of the form: asks for the phone, then for the code; with errors per field.

    `verified_phone` (E.164) is set once the code is right; then there is nothing to show.
    """

    phone: str = ""
    asks_code: bool = False
    demo_code: str = ""
    problem: str = ""
    wrong_phone: str = ""
    wrong_code: str = ""
    status: int = 200
    wait: int = 0
    verified_phone: str = ""

    def show(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        """Render the form, with Retry-After if rate-limited."""
        given = {"step": self, "offered": sms.reaches_people(), "digits": one_time_codes.DIGITS}
        page = render(request, template, given | context, status=self.status)
        if self.wait:
            page.headers["Retry-After"] = str(self.wait)
        return page


def handle_phone_form(request: HttpRequest, purpose: Purpose, *, quota_key: str = "") -> PhoneStep:
    """Send a code or check the one entered; the answer does not reveal whether a phone is known.

    `quota_key` is the key of a further rate limit.
    """
    if not sms.reaches_people():
        raise Http404
    typed = text_cleaning.clean_line(request.POST.get("phone", "")[:40])
    phone = certain_phone(typed)
    if not phone:
        return PhoneStep(typed, wrong_phone=_("请写完整的手机号码"), status=422)
    if "code" in request.POST:
        return _check_code(request, purpose, typed, phone)
    return _send(request, purpose, typed, phone, quota_key)


def _send(
    request: HttpRequest, purpose: Purpose, typed: str, phone: str, quota_key: str
) -> PhoneStep:
    wait = rate_limit.too_many("code", request.META.get("REMOTE_ADDR", ""))
    wait = wait or rate_limit.too_many("coded", _caller(phone))
    if quota_key:
        wait = wait or rate_limit.too_many("join", quota_key)
    if not wait:
        try:
            code = one_time_codes.make_code(phone, purpose)
        except one_time_codes.TooManyCodes as enough:
            wait = enough.seconds
        else:
            if settings.DEMO:
                shown = {"caller": _caller(phone), "purpose": purpose.value, "code": code}
                request.session[_SESSION_KEY] = shown
    # Also if there were too many: a code sent earlier can still be used.
    step = PhoneStep(typed, asks_code=True, demo_code=_demo_code(request, purpose, phone))
    if wait:
        step.problem = _("验证码发得太多了，请 %s后再发") % _describe_wait(wait)
        step.status, step.wait = 429, wait
    return step


def _demo_code(request: HttpRequest, purpose: Purpose, phone: str) -> str:
    """In the demo, the last code sent to the phone from this browser, else ""."""
    kept: dict[str, str] = request.session.get(_SESSION_KEY) or {}
    ours = (kept.get("caller"), kept.get("purpose")) == (_caller(phone), purpose)
    return kept["code"] if settings.DEMO and ours else ""


def _check_code(request: HttpRequest, purpose: Purpose, typed: str, phone: str) -> PhoneStep:
    step = PhoneStep(typed, asks_code=True, demo_code=_demo_code(request, purpose, phone))
    if wait := rate_limit.too_many("guess", request.META.get("REMOTE_ADDR", "")):
        step.problem = _("试得太多了，请 %d 秒后再试") % wait
        step.status, step.wait = 429, wait
        return step
    # Accept full-width digits, spaces and dashes.
    code = digits_in(request.POST["code"][:40])
    step.status = 422
    if not re.fullmatch(rf"[0-9]{{{one_time_codes.DIGITS}}}", code):
        step.wrong_code = _("验证码是 %d 位数字") % one_time_codes.DIGITS
        return step
    if not one_time_codes.check_code(phone, code, purpose):
        step.wrong_code = _("验证码不对，或者已经过期。请核对最新的一条短信，或重新发送。")
        return step
    # Against session fixation.
    request.session.cycle_key()
    request.session.pop(_SESSION_KEY, None)
    return PhoneStep(typed, verified_phone=phone)


def drop_at_login(session_key: str) -> None:
    """Drop a value from the session at each login and logout: the person may be another."""

    def drop(request: HttpRequest | None = None, **_signal: Any) -> None:
        if request is not None:
            request.session.pop(session_key, None)

    for signal in (user_logged_in, user_logged_out):
        signal.connect(drop, weak=False)


drop_at_login(_SESSION_KEY)


def _caller(phone: str) -> str:
    return (blind(phone) or b"").hex()


def _describe_wait(seconds: int) -> str:
    if seconds < 120:
        return ngettext("%d 秒", "%d 秒", seconds) % seconds
    if seconds < 7200:
        minutes = -(-seconds // 60)
        return ngettext("%d 分钟", "%d 分钟", minutes) % minutes
    hours = -(-seconds // 3600)
    return ngettext("%d 小时", "%d 小时", hours) % hours
