"""Log transport: one line per notification, without its content."""

from collections.abc import Collection, Sequence

import structlog

from yinghu.notifications.recipients import Recipient
from yinghu.notifications.transports.base import OutgoingMessage


class LogTransport:
    """Writes to the process's log; reaches every recipient, without an address."""

    at_once = 500

    def find_addresses(self, recipients: Collection[Recipient]) -> dict[Recipient, str]:
        return dict.fromkeys(recipients, "")

    def send(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        log = structlog.get_logger("yinghu.notifications")
        for each in messages:
            log.info(
                "notification",
                recipient=str(each.recipient),
                appeal=each.appeal,
                verb=each.verb,
                reason=each.reason,
                number=each.number,
            )
        return {}
