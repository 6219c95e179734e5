"""SMS transport, by the gateway of the environment (`YINGHU_SMS_URL`); without one, by the log."""

from collections.abc import Collection, Sequence

from yinghu.appeals import city_texts
from yinghu.common.sms import Undelivered, send_text
from yinghu.notifications.recipients import Recipient, RecipientKind, addresses_of
from yinghu.notifications.transports.base import OutgoingMessage

_PAID_FOR = frozenset({RecipientKind.GUARDIAN})
"""Text messages cost money: requesters are told where they asked."""


class SmsTransport:
    """Sends one message at a time to guardians, so that each is marked once the gateway took it."""

    at_once = 1

    def find_addresses(self, recipients: Collection[Recipient]) -> dict[Recipient, str]:
        return addresses_of([one for one in recipients if one.kind in _PAID_FOR], "tel")

    def send(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        return {each.number: why for each in messages if (why := _send(each))}


def _send(message: OutgoingMessage) -> str:
    try:
        name = city_texts.text("name")
        send_text(message.address, f"【{name}】{message.text} {message.link}")
    except Undelivered as error:
        return str(error)
    return ""
