"""One-time codes of six digits: entering the code proves that one holds the phone.

Only a keyed digest of each code is stored. A code is valid for ten minutes and one use. The form
that asked for it has five tries of its own, so nobody else can use them up or replace it by a newer
code. Without that form, as on another device, the phone's newest code has three more tries.

The number of codes per phone is limited in the database, so that neither several web processes nor
a restart help an attacker (at most 16 codes and so 128 guesses in a million a day). It has two
shares, so that strangers cannot lock the owner out: `MOST` for anybody, of which one sender gets
`MOST_OF_SENDER`, and `MOST_OF_KNOWN` for devices on which a code of this phone was once entered.
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import structlog
from django.core.signing import BadSignature, Signer
from django.db import connection, transaction
from django.db.models import QuerySet
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
TRIES_ELSEWHERE = 3
DIGITS = 6
MOST = ((timedelta(hours=1), 5), (timedelta(days=1), 10))
MOST_OF_SENDER = ((timedelta(hours=1), 3), (timedelta(days=1), 6))
MOST_OF_KNOWN = ((timedelta(hours=1), 3), (timedelta(days=1), 6))
"""Maximum number of codes per phone: (period, number)."""
KEPT = timedelta(days=2)
"""How long rows are kept: longer than the longest limit."""


class Purpose(StrEnum):
    """The purpose of a code; it is valid for this purpose only."""

    CASES = "cases"
    JOIN = "join"
    VOLUNTEER = "volunteer"
    GUARDIAN = "guardian"


REACHES: Final[Mapping[Purpose, Callable[[bytes], bool]]] = {
    Purpose.CASES: lambda caller: Appeal.objects.filter(caller=caller).exists(),
    # Someone who joins is not known yet.
    Purpose.JOIN: lambda caller: True,
    Purpose.VOLUNTEER: lambda caller: Volunteer.objects.filter(caller=caller).exists(),
    # A family that applies is not known yet.
    Purpose.GUARDIAN: lambda caller: True,
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
    Purpose.GUARDIAN: gettext_lazy(
        "【%(name)s】监护人验证码 %(code)s，10 分钟内有效。不要告诉别人。"
    ),
}


class TooManyCodes(Exception):
    """This phone has been sent too many codes; `seconds` until the next is possible."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"no more codes for {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class MadeCode:
    """A code, and the signed id by which the form that asked for it is known again."""

    code: str
    form: str


def make_code(
    phone: str, purpose: Purpose = Purpose.CASES, *, sender: str = "", known: bool = False
) -> MadeCode:
    """Make a code for a phone (E.164) and queue its sending. Raises TooManyCodes.

    `sender` is the key of the address that asks, `known` says that it proved the phone before
    (`known_device`). The job checks whether the phone is known, so that answer and response time
    reveal nothing.
    """
    caller = _caller(phone)
    by = _keyed("sender", f"{caller.hex()} {sender}")[:16] if sender else b""
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    with transaction.atomic():
        _lock(caller)
        _check_limits(caller, by, known=known)
        row = Code.objects.create(caller=caller, digest=b"", sender=by, known=known)
        Code.objects.filter(pk=row.pk).update(digest=_digest(row.pk, code, purpose))
        language = translation.get_language() or "zh-hans"
        sealed = seal(f"{row.pk} {language} {phone} {code} {purpose}")
        queue(send_code.name, message=base64.b64encode(sealed).decode())
    return MadeCode(code, _FORMS.sign(str(row.pk)))


def check_code(phone: str, code: str, purpose: Purpose = Purpose.CASES, form: str = "") -> bool:
    """Check the code of this form, and the phone's newest one. A match uses it up."""
    caller = _caller(phone)
    now = timezone.now()
    with transaction.atomic():
        # The lock serializes simultaneous guesses, so that all are counted.
        _lock(caller)
        alive = list(Code.objects.filter(caller=caller, made_at__gte=now - LIVES).order_by("-id"))
        asked = _row_of(form)
        own = next((row for row in alive if row.pk == asked), None)
        if own is not None and own.tries < TRIES and not own.used_at:
            own.tries += 1
            if _try(own, code, purpose):
                return True
            if own is alive[0]:
                return False
        # People write the newest code into the form that they have open.
        newest = alive[0] if alive else None
        if newest is not None and newest.tries_elsewhere < TRIES_ELSEWHERE and not newest.used_at:
            newest.tries_elsewhere += 1
            return _try(newest, code, purpose)
    return False


def _try(row: Code, code: str, purpose: Purpose) -> bool:
    right = hmac.compare_digest(bytes(row.digest), _digest(row.pk, code, purpose))
    row.used_at = timezone.now() if right else None
    row.save(update_fields=("tries", "tries_elsewhere", "used_at"))
    return right


def known_device(phone: str) -> str:
    """Return the mark of a device on which a code of this phone was entered. It opens nothing; it
    has a share of the phone's codes.
    """
    return _keyed("device", _caller(phone).hex()).hex()[:32]


def forget_old() -> None:
    """Delete codes that no limit considers any more."""
    Code.objects.filter(made_at__lt=timezone.now() - KEPT).delete()


def _caller(phone: str) -> bytes:
    return blind(phone) or b""


def _keyed(purpose: str, text: str) -> bytes:
    return hmac.digest(derived_key(f"code {purpose}"), text.encode(), "sha256")


_FORMS = Signer(salt="yinghu.intake.one_time_codes")


def _row_of(form: str) -> int | None:
    try:
        return int(_FORMS.unsign(form))
    except BadSignature:
        return None


def _lock(caller: bytes) -> None:
    """Let codes of one phone be made and checked one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [caller.hex()])


def _digest(row: int, code: str, purpose: Purpose) -> bytes:
    return hmac.digest(derived_key("code"), f"{purpose}:{row}:{code}".encode(), "sha256")


def _check_limits(caller: bytes, sender: bytes, *, known: bool) -> None:
    """Raises TooManyCodes."""
    made = Code.objects.filter(caller=caller, known=known)
    if known:
        _check_limit(made, MOST_OF_KNOWN)
        return
    if sender:
        _check_limit(made.filter(sender=sender), MOST_OF_SENDER)
    _check_limit(made, MOST)


def _check_limit(codes: QuerySet[Code], limits: Iterable[tuple[timedelta, int]]) -> None:
    now = timezone.now()
    for span, most in limits:
        made = codes.filter(made_at__gt=now - span).order_by("-id")
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
