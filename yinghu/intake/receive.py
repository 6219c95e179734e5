"""Intake of all messages from outside: stored as received, each becomes exactly one appeal.

Message and appeal are written in one transaction. (channel, external id) is unique in the database,
so a retry, a replayed form or a file imported twice finds the appeal of the first time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import Error, transaction

from yinghu.appeals.filing import FILE, Filing, bulk_cursor, file_many
from yinghu.appeals.verb import Verb
from yinghu.common.privacy.sealing import seal
from yinghu.intake.acceptance import acceptance
from yinghu.intake.models import Message
from yinghu.people import disclosure
from yinghu.people.access import Actor

MAX_ERROR = 300


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message: the sender's id for it, its raw bytes, and the appeal to file."""

    external_id: str
    raw: bytes
    filing: Filing


@dataclass(frozen=True, slots=True)
class Received:
    """The appeal of a message; `new` is False if the message was received before."""

    appeal_id: int
    new: bool


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """What a message of a channel has become: its appeal, with title and body."""

    appeal_id: int
    title: str
    body: str

    def says(self, title: str, body: str) -> bool:
        """Is this the same text? Blanks do not count, nor a title that only one of them has."""
        same_title = not (self.title and title) or _solid(self.title) == _solid(title)
        return same_title and _solid(self.body) == _solid(body)


def _solid(text: str) -> str:
    return "".join(text.split())


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that could not be parsed, and why."""

    external_id: str
    raw: bytes
    error: str


# If an unread message is understood later, its row gets the appeal.
_KEEP_SQL = """
INSERT INTO intake_message (channel, external_id, raw, error, appeal_id)
SELECT channel, external_id, raw, '', nextval('appeals_appeal_id_seq')
FROM unnest(%b::text[], %b::text[], %b::bytea[]) AS given(channel, external_id, raw)
ON CONFLICT (channel, external_id) DO UPDATE
SET raw = excluded.raw, error = '', appeal_id = excluded.appeal_id
WHERE intake_message.appeal_id IS NULL
RETURNING channel, external_id, appeal_id
"""

_KEEP_UNREAD_SQL = """
INSERT INTO intake_message (channel, external_id, raw, error)
SELECT %s::text, external_id, raw, error
FROM unnest(%b::text[], %b::bytea[], %b::text[]) AS given(external_id, raw, error)
ON CONFLICT (channel, external_id) DO UPDATE SET raw = excluded.raw, error = excluded.error
WHERE intake_message.appeal_id IS NULL
"""

_KNOWN_SQL = """
SELECT message.external_id, appeal.id, appeal.title, appeal.body
FROM intake_message AS message JOIN appeals_appeal AS appeal ON appeal.id = message.appeal_id
WHERE message.channel = %s AND message.external_id = ANY(%b::text[])
"""


def receive_many(
    incoming: Sequence[Incoming], actor: Actor, verb: Verb = FILE, *, imported: bool = False
) -> list[Received]:
    """Store the messages and file their appeals; return a `Received` for each, in order.

    All or none: raises Django's IntegrityError or DataError if one of them cannot be stored.
    """
    if not incoming:
        return []
    try:
        received = _receive_all(incoming, actor, verb, imported=imported)
    except Error as error:
        acceptance.note_error(error)
        raise
    acceptance.note_filed()
    return received


def _receive_all(
    incoming: Sequence[Incoming], actor: Actor, verb: Verb, *, imported: bool
) -> list[Received]:
    # The same message twice in one call is one message.
    once: dict[tuple[str, str], Incoming] = {}
    for item in incoming:
        once.setdefault((item.filing.channel, item.external_id), item)
    with transaction.atomic():
        with bulk_cursor() as cursor:
            cursor.execute(
                _KEEP_SQL,
                [
                    [channel for channel, _id in once],
                    [external_id for _channel, external_id in once],
                    [seal(item.raw) for item in once.values()],
                ],
            )
            found = {(channel, key): appeal_id for channel, key, appeal_id in cursor.fetchall()}
        again = once.keys() - found.keys()
        fresh: list[Filing] = []
        for key, item in once.items():
            if key in found:
                item.filing.id = found[key]
                fresh.append(item.filing)
        file_many(fresh, actor, verb, imported=imported)
        for channel in {channel for channel, _id in again}:
            known = known_messages(channel, [key for each, key in again if each == channel])
            found |= {(channel, key): message.appeal_id for key, message in known.items()}
    new = {id(filing) for filing in fresh}
    return [
        Received(found[(item.filing.channel, item.external_id)], id(item.filing) in new)
        for item in incoming
    ]


def receive(item: Incoming, actor: Actor) -> Received:
    """Receive one message; see `receive_many`."""
    return receive_many([item], actor)[0]


def keep_unread(channel: str, unread: Sequence[Unread]) -> None:
    """Store messages that could not be parsed; one that has become an appeal stays unchanged."""
    once = {item.external_id: item for item in unread}
    if once:
        with bulk_cursor() as cursor:
            cursor.execute(
                _KEEP_UNREAD_SQL,
                [
                    channel,
                    list(once),
                    [seal(item.raw) for item in once.values()],
                    [item.error[:MAX_ERROR] for item in once.values()],
                ],
            )


def known_messages(channel: str, external_ids: Sequence[str]) -> dict[str, KnownMessage]:
    """Return those messages of the channel that have become appeals, by external id."""
    with bulk_cursor() as cursor:
        cursor.execute(_KNOWN_SQL, [channel, list(external_ids)])
        return {key: KnownMessage(*found) for key, *found in cursor.fetchall()}


def raw_of(channel: str, external_id: str) -> bytes:
    """Return the message as received; b"" if there is none. Raises Unreadable."""
    rows = Message.objects.filter(channel=channel, external_id=external_id)
    sealed = rows.values_list("raw", flat=True).first()
    return disclosure.open_message(sealed) if sealed is not None else b""
