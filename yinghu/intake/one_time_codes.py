"""A code of six digits, sent to a phone: whoever can read it back holds that phone.

Of each code only a keyed digest is kept. The newest one of a phone counts, for ten minutes, five
tries and one use; how many are made for a phone is limited in the database, so that neither many
web processes nor a restart give a guesser more (at most 50 guesses in a million a day).
"""

from __future__ import annotations

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
from yinghu.common.opening import unseal
from yinghu.common.sealing import blind, derived_key, seal
from yinghu.intake.models import Code
from yinghu.people.models import Volunteer

_log = structlog.get_logger(__name__)

LIVES = timedelta(minutes=10)
TRIES = 5
DIGITS = 6
MOST = ((timedelta(hours=1), 5), (timedelta(days=1), 10))
"""Codes made for one phone at most: (in how long, how many)."""
KEPT = timedelta(days=2)
"""How long rows are kept: longer than any limit looks back."""


class Purpose(StrEnum):
    """What a code opens; one made for another purpose does not."""

    CASES = "cases"
    JOIN = "join"
    VOLUNTEER = "volunteer"


REACHES: Final[Mapping[Purpose, Callable[[bytes], bool]]] = {
    Purpose.CASES: lambda caller: Appeal.objects.filter(caller=caller).exists(),
    # Whoever joins is a stranger yet.
    Purpose.JOIN: lambda caller: True,
    Purpose.VOLUNTEER: lambda caller: Volunteer.objects.filter(caller=caller).exists(),
}
"""To which phones, by their blind index, a code goes out: no cost for the city, and no messages for
strangers whose phone somebody typed.
"""

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
    """This phone has been sent enough; `seconds` until there may be another."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"no more codes for {seconds} s")
        self.seconds = seconds


def make(phone: str, purpose: Purpose = Purpose.CASES) -> str:
    """Make a code for a phone (E.164) and queue its sending; returns it. Raises TooManyCodes.

    Whether the phone is known makes no difference here: that is looked up by the job, so that the
    door's answer and its time say nothing.
    """
    caller = _caller(phone)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    with transaction.atomic():
        _within_limits(caller)
        row = Code.objects.create(caller=caller, digest=b"")
        Code.objects.filter(pk=row.pk).update(digest=_digest(row.pk, code, purpose))
        language = translation.get_language() or "zh-hans"
        sealed = seal(f"{row.pk} {language} {phone} {code} {purpose}")
        queue(send.name, message=base64.b64encode(sealed).decode())
    return code


def check(phone: str, code: str, purpose: Purpose = Purpose.CASES) -> bool:
    """Whether this is the phone's newest code, made for this purpose, and in time; that uses it up,
    and so do five tries.
    """
    now = timezone.now()
    with transaction.atomic():
        # The lock makes guesses that come at once stand in line, and be counted.
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
    """Remove codes that no limit looks at any more."""
    Code.objects.filter(made_at__lt=timezone.now() - KEPT).delete()


def _caller(phone: str) -> bytes:
    return blind(phone) or b""


def _digest(row: int, code: str, purpose: Purpose) -> bytes:
    return hmac.digest(derived_key("code"), f"{purpose}:{row}:{code}".encode(), "sha256")


def _within_limits(caller: bytes) -> None:
    now = timezone.now()
    for span, most in MOST:
        made = Code.objects.filter(caller=caller, made_at__gt=now - span).order_by("-id")
        times = list(made.values_list("made_at", flat=True)[:most])
        if len(times) == most:
            raise TooManyCodes(int((times[-1] + span - now).total_seconds()) + 1)


@app.task(
    name="yinghu.code",
    # After 2, 4, 8 … seconds, within the ten minutes that the code lives.
    retry=RetryStrategy(max_attempts=8, exponential_wait=2),
)
def send(message: str) -> None:
    """Send a code to its phone, if its purpose reaches that, and it is still of use."""
    number, language, phone, code, purpose = unseal(base64.b64decode(message)).split(" ")
    row = Code.objects.filter(pk=int(number)).first()
    if row is None or row.used_at or timezone.now() - row.made_at > LIVES:
        return
    if not REACHES[Purpose(purpose)](bytes(row.caller)):
        return
    with translation.override(language):
        text = str(WORDS[Purpose(purpose)]) % {"name": city_texts.text("name"), "code": code}
    sms.provider().send(phone, text)
    _log.info("code sent", code_id=row.pk)
