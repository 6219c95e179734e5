"""Text messages (SMS), sent through a configured gateway or written to the log.

A gateway is one address that takes `POST` with JSON `{"phone": "+86…", "text": "…"}` and answers
2xx once the message is on its way (docs/channels.md).
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Protocol

import structlog
from django.conf import settings

from yinghu.common.privacy.masking import mask_phone

_log = structlog.get_logger(__name__)

PATIENCE = 15.0
"""Timeout of the gateway in seconds."""


class Undelivered(Exception):
    """The message was not sent; a retry may help. Contains neither phone nor text."""


class Provider(Protocol):
    """A way to send text messages."""

    def send(self, phone: str, text: str) -> None:
        """Send a message. `phone` is in E.164. Raises Undelivered."""


class Log:
    """Logs that a message was due; with its text only in the demo city, which has no secrets."""

    def send(self, phone: str, text: str) -> None:
        said = {"text": text} if settings.DEMO else {}
        _log.info("text message, and no gateway to send it", phone=mask_phone(phone), **said)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Do not follow redirects."""

    def redirect_request(self, *_given: Any) -> None:
        return None


class Gateway:
    """One HTTP address, with an optional bearer token."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url, token

    def send(self, phone: str, text: str) -> None:
        body = json.dumps({"phone": phone, "text": text}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "yinghu"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        # The configuration accepts only http and https.
        request = urllib.request.Request(self.url, body, headers)  # noqa: S310  # the gateway that the environment names
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=PATIENCE):
                pass
        except urllib.error.HTTPError as answer:
            answer.close()
            raise Undelivered(f"the SMS gateway answered {answer.code}") from None
        except OSError as error:
            raise Undelivered(
                f"the SMS gateway cannot be reached: {type(error).__name__}"
            ) from None


def provider() -> Provider:
    """Return the provider chosen by the environment."""
    if settings.SMS_URL:
        return Gateway(settings.SMS_URL, settings.SMS_TOKEN)
    return Log()


def reaches_people() -> bool:
    """Can messages reach their recipients, or does the demo display them?"""
    return bool(settings.SMS_URL) or settings.DEMO
