"""Registry of transports, and those in use."""

from django.conf import settings

from yinghu.notifications.transports.base import Transport
from yinghu.notifications.transports.email.transport import EmailTransport
from yinghu.notifications.transports.log.transport import LogTransport
from yinghu.notifications.transports.sms.transport import SmsTransport

TRANSPORTS: dict[str, type[Transport]] = {
    "log": LogTransport,
    "email": EmailTransport,
    "sms": SmsTransport,
}


def in_use() -> dict[str, Transport]:
    """Return the transports chosen by this city (`YINGHU_NOTICE_PROVIDERS`), by name."""
    return {name: TRANSPORTS[name]() for name in settings.NOTIFICATION_TRANSPORTS}
