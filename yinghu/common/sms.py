"""Text messages: how they leave, chosen by configuration. Without a gateway they go to the log.

A city's provider stands behind a gateway of its own, one address that takes `POST` with JSON
`{"phone": "+86…", "text": "…"}` and answers 2xx once the message is on its way (docs/channels.md).
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Protocol

import structlog
from django.conf import settings

from yinghu.common.masking import mask_phone

_log = structlog.get_logger(__name__)

PATIENCE = 15.0
"""Seconds for which a gateway is waited for."""


class Undelivered(Exception):
    """The message did not leave; trying again may help. Says nothing of whom or what it was for."""


class Provider(Protocol):
    """A way for text messages."""

    def send(self, phone: str, text: str) -> None:
        """Hand the message over. `phone` is in E.164. Raises Undelivered."""


class Log:
    """Writes that a message was due; what it says only in the demo city, which has no secrets."""

    def send(self, phone: str, text: str) -> None:
        said = {"text": text} if settings.DEMO else {}
        _log.info("text message, and no gateway to send it", phone=mask_phone(phone), **said)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Whoever was configured gets the phone and the words, and nobody they name."""

    def redirect_request(self, *_given: Any) -> None:
        return None


class Gateway:
    """One HTTP address, with a bearer token where one is given."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url, token

    def send(self, phone: str, text: str) -> None:
        body = json.dumps({"phone": phone, "text": text}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "yinghu"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        # The address is the configuration's, where only http and https pass.
        request = urllib.request.Request(self.url, body, headers)  # noqa: S310  # the gateway that the environment names
        try:
            with urllib.request.build_opener(_Stay).open(request, timeout=PATIENCE):
                pass
        except urllib.error.HTTPError as answer:
            answer.close()
            raise Undelivered(f"the SMS gateway answered {answer.code}") from None
        except OSError as error:
            raise Undelivered(
                f"the SMS gateway cannot be reached: {type(error).__name__}"
            ) from None


def provider() -> Provider:
    """The one that the environment names."""
    if settings.SMS_URL:
        return Gateway(settings.SMS_URL, settings.SMS_TOKEN)
    return Log()


def reaches_people() -> bool:
    """Whether a message has a way to its phone, or the demo's page shows it instead."""
    return bool(settings.SMS_URL) or settings.DEMO
