"""Text messages (SMS), sent through a configured gateway or written to the log.

A gateway is one address that takes `POST` with JSON `{"phone": "+86…", "text": "…"}` and answers
2xx once the message is on its way (docs/channels.md).
"""

import json
import urllib.error
import urllib.request
from typing import Any

import structlog
from django.conf import settings

from yinghu.common.privacy.masking import mask_phone

_log = structlog.get_logger(__name__)

PATIENCE = 15.0
"""Timeout of the gateway in seconds."""


class Undelivered(Exception):
    """The message was not sent; a retry may help. Contains neither phone nor text."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_given: Any) -> None:
        return None


def send_text(phone: str, text: str) -> None:
    """Send a message to a phone in E.164. Raises Undelivered."""
    if not settings.SMS_URL:
        # The demo city has no secrets.
        said = {"text": text} if settings.DEMO else {}
        _log.info("text message, and no gateway to send it", phone=mask_phone(phone), **said)
        return
    body = json.dumps({"phone": phone, "text": text}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "yinghu"}
    if settings.SMS_TOKEN:
        headers["Authorization"] = f"Bearer {settings.SMS_TOKEN}"
    # The configuration accepts only http and https.
    request = urllib.request.Request(settings.SMS_URL, body, headers)  # noqa: S310  # see above
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=PATIENCE):
            pass
    except urllib.error.HTTPError as answer:
        answer.close()
        raise Undelivered(f"the SMS gateway answered {answer.code}") from None
    except OSError as error:
        raise Undelivered(f"the SMS gateway cannot be reached: {type(error).__name__}") from None


def reaches_people() -> bool:
    """Can messages reach their recipients, or does the demo display them?"""
    return bool(settings.SMS_URL) or settings.DEMO
