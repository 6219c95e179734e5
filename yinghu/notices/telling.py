"""Writes who has been told, once for each event, and sets going all that follows from it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from yinghu.appeals.models import Event
from yinghu.appeals.notify import tell_users
from yinghu.notices import sending
from yinghu.notices.deciding import NOTICES, audience
from yinghu.notices.models import Notice

_WRITE = """
INSERT INTO notices_notice (event_id, user_id, appeal_id, reason)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[])
ON CONFLICT DO NOTHING
RETURNING id, user_id
"""


def tell_people(events: Sequence[Event]) -> int:
    """Tell whom these events concern (`NOTICES`); how many notices that made. All or none.

    An event of which somebody has been told is done with: a second run adds nothing, though the
    case or the posts may be others by then.
    """
    events = [event for event in events if event.act in NOTICES]
    if not events:
        return 0
    done = set(Notice.objects.filter(event__in=events).values_list("event", flat=True))
    found = audience([event for event in events if event.pk not in done])
    if not found:
        return 0
    # In one order, so that two runs of the same events wait for each other at most.
    found.sort(key=lambda told: (told[0].pk, told[1]))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE,
                [
                    [event.pk for event, _user, _reason in found],
                    [user_id for _event, user_id, _reason in found],
                    [event.appeal_id for event, _user, _reason in found],
                    [reason.value for _event, _user, reason in found],
                ],
            )
            told: list[tuple[int, int]] = cursor.fetchall()
        sending.queue_deliveries(told)
        tell_users(sorted({user_id for _id, user_id in told}))
    return len(told)
