"""The one door for messages from outside: kept as they came, each exactly one appeal.

Message and appeal are written in one transaction. (channel, external id) is unique in the database,
so a retry, a replayed form or a file imported twice finds the appeal that was made the first time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from yinghu.appeals.filing import Filing
from yinghu.appeals.loop import file_many
from yinghu.channels.models import Message
from yinghu.people.access import Actor
from yinghu.people.privacy import seal


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message: the sender's own id for it, its bytes as they came, and what we understood."""

    external_id: str
    raw: bytes
    filing: Filing


@dataclass(frozen=True, slots=True)
class Received:
    """The appeal of a message; `new` is False where this message had come before."""

    appeal_id: int
    new: bool


_KEEP_SQL = """
INSERT INTO channels_message (channel, external_id, raw, error, appeal_id)
SELECT channel, external_id, raw, '', nextval('appeals_appeal_id_seq')
FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS given(channel, external_id, raw)
ON CONFLICT (channel, external_id) DO NOTHING
RETURNING channel, external_id, appeal_id
"""


def receive_many(incoming: Sequence[Incoming], actor: Actor) -> list[Received]:
    """Keep the messages and file their appeals; a `Received` for each, in order.

    All or none: raises Django's IntegrityError or DataError where one of them cannot be stored.
    """
    if not incoming:
        return []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                _KEEP_SQL,
                [
                    [item.filing.channel for item in incoming],
                    [item.external_id for item in incoming],
                    [seal(item.raw) for item in incoming],
                ],
            )
            kept = {(channel, key): appeal_id for channel, key, appeal_id in cursor.fetchall()}
        fresh: list[Filing] = []
        found: dict[tuple[str, str], int] = {}
        for item in incoming:
            key = (item.filing.channel, item.external_id)
            if key in kept and key not in found:
                item.filing.id = found[key] = kept[key]
                fresh.append(item.filing)
        file_many(fresh, actor)
        again = [item for item in incoming if item.filing.id is None]
        if again:
            found |= _appeals_of(again)
    return [
        Received(found[(item.filing.channel, item.external_id)], item.filing.id is not None)
        for item in incoming
    ]


def receive(item: Incoming, actor: Actor) -> Received:
    """Receive one message; see `receive_many`."""
    return receive_many([item], actor)[0]


def _appeals_of(items: Sequence[Incoming]) -> dict[tuple[str, str], int]:
    """The appeals that earlier messages of these ids became."""
    rows = Message.objects.filter(
        channel__in={item.filing.channel for item in items},
        external_id__in={item.external_id for item in items},
        appeal__isnull=False,
    ).values_list("channel", "external_id", "appeal_id")
    return {(channel, key): appeal_id for channel, key, appeal_id in rows if appeal_id is not None}
