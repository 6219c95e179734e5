"""By what notices go out: a protocol, the providers there are, and those in use.

A new one is a class here (or in a module of its own) and its name in `parsing.PROVIDERS`; nothing
that decides or queues knows any of them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from yinghu.people.models import User


@dataclass(frozen=True, slots=True)
class Message:
    """What a provider sends: a sentence without a private word, the case's number and the verb
    (both "" for the weekly digest), and the link to open it. `number` is the same each time that
    this message is sent.
    """

    number: int
    user: User = field(repr=False)
    text: str = field(repr=False)
    appeal: str
    link: str
    verb: str
    reason: str


class Provider(Protocol):
    """One way out. `at_once` is how many messages it takes in one `send`, which may last as long
    as `sending.LEASE` at most.
    """

    name: str
    at_once: int

    def reached(self, users: Collection[int]) -> set[int]:
        """Those of these logins that it reaches at all."""

    def send(self, messages: Sequence[Message]) -> dict[int, str]:
        """Send them; what was not taken, as {number: why}."""


class Log:
    """A line in the log for each, which says that somebody was told, and no word of it."""

    name = "log"
    at_once = 500

    def reached(self, users: Collection[int]) -> set[int]:
        return set(users)

    def send(self, messages: Sequence[Message]) -> dict[int, str]:
        log = structlog.get_logger("yinghu.notices")
        for each in messages:
            log.info(
                "notice",
                user=each.user.pk,
                appeal=each.appeal,
                verb=each.verb,
                reason=each.reason,
                number=each.number,
            )
        return {}


class Email:
    """Mail, by apprise, over the server that the environment names for all mail."""

    name = "email"
    at_once = 1

    def reached(self, users: Collection[int]) -> set[int]:
        found = User.objects.filter(pk__in=users, is_active=True).exclude(email="")
        return set(found.values_list("pk", flat=True))

    def send(self, messages: Sequence[Message]) -> dict[int, str]:
        return {each.number: why for each in messages if (why := self._send(each))}

    def _send(self, message: Message) -> str:
        """What was wrong, or "" where the server has taken it."""
        # Imported here: it brings a hundred services, and takes its time.
        from apprise import Apprise, LogCapture

        if not message.user.email or not message.user.is_active:
            return "the login has no address any more"
        mode = "ssl" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else ""
        target = Apprise.instantiate(
            {
                "schema": "mailtos" if mode else "mailto",
                "host": settings.EMAIL_HOST,
                "port": settings.EMAIL_PORT,
                "user": settings.EMAIL_HOST_USER or None,
                "password": settings.EMAIL_HOST_PASSWORD or None,
                "smtp_host": settings.EMAIL_HOST,
                "secure_mode": mode or "insecure",
                "from_addr": settings.DEFAULT_FROM_EMAIL,
                "targets": [message.user.email],
                "headers": {"X-Yinghu-Notice": str(message.number)},
                "format": "text",
            }
        )
        if target is None:
            return "apprise makes no mail of this address or of YINGHU_EMAIL_FROM"
        title = message.text
        if message.appeal:
            title = _("%(what)s（诉求 %(number)s）") % {"what": title, "number": message.appeal}
        with LogCapture(level=logging.DEBUG, fmt="%(message)s") as said:
            taken = target.notify(title=title, body=message.link)
            lines = said.getvalue().splitlines()
        return "" if taken else "; ".join(lines[-3:]) or "not sent"


PROVIDERS: dict[str, type[Log] | type[Email]] = {"log": Log, "email": Email}


def in_use() -> list[Provider]:
    """The providers that this city has chosen (`YINGHU_NOTICE_PROVIDERS`)."""
    return [PROVIDERS[name]() for name in settings.NOTICE_PROVIDERS]
