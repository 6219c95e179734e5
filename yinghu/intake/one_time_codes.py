"""One-time codes of six digits: entering the code proves that one holds the phone.

Only a keyed digest of each code is stored. The newest code of a phone is valid for ten minutes,
five tries and one use. The number of codes per phone is limited in the database, so that neither
several web processes nor a restart help an attacker (at most 50 guesses in a million a day).
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import structlog
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from yinghu.appeals import city_texts
from yinghu.appeals.models import Appeal
from yinghu.common import sms
from yinghu.common.job_queue import queue
from yinghu.common.privacy.opening import unseal
from yinghu.common.privacy.sealing import blind, derived_key, seal
from yinghu.intake.models import Code
from yinghu.people.models import Volunteer

_log = structlog.get_logger(__name__)

LIVES = timedelta(minutes=10)
TRIES = 5
DIGITS = 6
MOST = ((timedelta(hours=1), 5), (timedelta(days=1), 10))
"""Maximum number of codes per phone: (period, number)."""
KEPT = timedelta(days=2)
"""How long rows are kept: longer than the longest limit."""


class Purpose(StrEnum):
    """The purpose of a code; it is valid for this purpose only."""

    CASES = "cases"
    JOIN = "join"
    VOLUNTEER = "volunteer"


REACHES: Final[Mapping[Purpose, Callable[[bytes], bool]]] = {
    Purpose.CASES: lambda caller: Appeal.objects.filter(caller=caller).exists(),
    # Someone who joins is not known yet.
    Purpose.JOIN: lambda caller: True,
    Purpose.VOLUNTEER: lambda caller: Volunteer.objects.filter(caller=caller).exists(),
}
"""Phones, by blind index, that a code may be sent to: no messages to strangers."""

WORDS: Final[Mapping[Purpose, Any]] = {
    Purpose.CASES: gettext_lazy("【%(name)s】验证码 %(code)s，10 分钟内有效。不要告诉别人。"),
    Purpose.JOIN: gettext_lazy(
        "【%(name)s】志愿者报名验证码 %(code)s，10 分钟内有效。不要告诉别人。"
    ),
    Purpose.VOLUNTEER: gettext_lazy(
        "【%(name)s】志愿者登录验证码 %(code)s，10 分钟内有效。不要告诉别人。"
    ),
}


class TooManyCodes(Exception):
    """This phone has been sent too many codes; `seconds` until the next is possible."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"no more codes for {seconds} s")
        self.seconds = seconds


def make_code(phone: str, purpose: Purpose = Purpose.CASES) -> str:
    """Make a code for a phone (E.164), queue its sending and return it. Raises TooManyCodes.

    The job checks whether the phone is known, so that answer and response time reveal nothing.
    """
    caller = _caller(phone)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    with transaction.atomic():
        _check_limits(caller)
        row = Code.objects.create(caller=caller, digest=b"")
        Code.objects.filter(pk=row.pk).update(digest=_digest(row.pk, code, purpose))
        language = translation.get_language() or "zh-hans"
        sealed = seal(f"{row.pk} {language} {phone} {code} {purpose}")
        queue(send_code.name, message=base64.b64encode(sealed).decode())
    return code


def check_code(phone: str, code: str, purpose: Purpose = Purpose.CASES) -> bool:
    """Check the phone's newest code for this purpose. A match uses it up, and so do five tries."""
    now = timezone.now()
    with transaction.atomic():
        # The lock serializes simultaneous guesses, so that all are counted.
        newest = Code.objects.filter(caller=_caller(phone)).order_by("-id").select_for_update()
        row = newest.first()
        if row is None or row.used_at or row.tries >= TRIES or now - row.made_at > LIVES:
            return False
        right = hmac.compare_digest(bytes(row.digest), _digest(row.pk, code, purpose))
        row.tries += 1
        row.used_at = now if right else None
        row.save(update_fields=("tries", "used_at"))
    return right


def forget_old() -> None:
    """Delete codes that no limit considers any more."""
    Code.objects.filter(made_at__lt=timezone.now() - KEPT).delete()


def _caller(phone: str) -> bytes:
    return blind(phone) or b""


def _digest(row: int, code: str, purpose: Purpose) -> bytes:
    return hmac.digest(derived_key("code"), f"{purpose}:{row}:{code}".encode(), "sha256")


def _check_limits(caller: bytes) -> None:
    now = timezone.now()
    for span, most in MOST:
        made = Code.objects.filter(caller=caller, made_at__gt=now - span).order_by("-id")
        times = list(made.values_list("made_at", flat=True)[:most])
        if len(times) == most:
            raise TooManyCodes(int((times[-1] + span - now).total_seconds()) + 1)


@app.task(
    name="yinghu.code",
    # After 2, 4, 8 … seconds, within the ten minutes that the code is valid.
    retry=RetryStrategy(max_attempts=8, exponential_wait=2),
)
def send_code(message: str) -> None:
    """Send a code to its phone, if its purpose allows that, and it is still valid."""
    number, language, phone, code, purpose = unseal(base64.b64decode(message)).split(" ")
    row = Code.objects.filter(pk=int(number)).first()
    if row is None or row.used_at or timezone.now() - row.made_at > LIVES:
        return
    if not REACHES[Purpose(purpose)](bytes(row.caller)):
        return
    with translation.override(language):
        text = str(WORDS[Purpose(purpose)]) % {"name": city_texts.text("name"), "code": code}
    sms.send_text(phone, text)
    _log.info("code sent", code_id=row.pk)
