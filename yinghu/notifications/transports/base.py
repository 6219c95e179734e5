"""The protocol of transports, and the message they send."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from yinghu.notifications.recipients import Recipient


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send: a sentence without private data, and the link to the case.

    `number` is the same each time that this message is sent. `appeal_id`, `appeal` (the case's
    number) and `verb` are 0 and "" if it is about no case, as in the weekly digest.
    """

    number: int
    recipient: Recipient
    address: str = field(repr=False)
    text: str = field(repr=False)
    link: str = field(repr=False)
    appeal_id: int
    appeal: str
    verb: str
    reason: str


class Transport(Protocol):
    """A way to reach recipients, `at_once` per `send`, which may last up to `delivery.LEASE`."""

    at_once: int

    def find_addresses(self, recipients: Collection[Recipient]) -> dict[Recipient, str]:
        """Return the address of each recipient that it reaches; the others are left out."""

    def send(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        """Send them; return {number: reason} of refusals."""
