"""What every transport is: the protocol, and the message that it is given to send."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from yinghu.notifications.recipients import Recipient


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send: a sentence without a private word, and the link that opens the case.

    `number` is the same each time that this message is sent. `appeal_id`, `appeal` (the case's
    number) and `verb` are 0 and "" where it is about no case, as the weekly digest is.
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
    """One way to reach recipients. `at_once` is how many messages it takes in one `send`, which may
    last as long as `delivery.LEASE` at most.
    """

    at_once: int

    def find_addresses(self, recipients: Collection[Recipient]) -> dict[Recipient, str]:
        """The address of each recipient that it reaches; the others are left out."""

    def send(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        """Send them; what was not accepted, as {number: why}."""
