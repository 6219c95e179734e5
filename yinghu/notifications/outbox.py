"""The outbox: writes each notification once and queues its deliveries, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from django.db import connection, transaction

from yinghu.appeals.models import Event
from yinghu.appeals.notify import tell_users
from yinghu.appeals.states import ALARM_CLOCKS
from yinghu.common.privacy.sealing import blind, seal
from yinghu.notifications.audience import find_audience
from yinghu.notifications.delivery import queue_deliveries
from yinghu.notifications.models import Notification, Reason, SubjectKind
from yinghu.notifications.recipients import Recipient, RecipientKind
from yinghu.verbs import NOTIFYING, verb_of


@dataclass(frozen=True, slots=True)
class NotificationSubject:
    """An event, or the scan, search, signal or change with the id `key`, with its case if any."""

    kind: SubjectKind
    key: int
    appeal_id: int | None = None

    @classmethod
    def event(cls, event: Event) -> Self:
        return cls(SubjectKind.EVENT, event.pk, event.appeal_id)

    @classmethod
    def scan(cls, scan_id: int) -> Self:
        return cls(SubjectKind.SCAN, scan_id)


class NewNotification(NamedTuple):
    """One notification to write."""

    subject: NotificationSubject
    recipient: Recipient
    reason: Reason
    urgent: bool = False
    """Delivered before others; for one subject it is the same for all recipients."""


_WRITE = """
INSERT INTO notifications_notification (subject_kind, event_id, subject_id, appeal_id,
    recipient_kind, user_id, reference, address, address_index, reason)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::text[], %s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[], %s::text[])
ON CONFLICT DO NOTHING
RETURNING id, subject_kind, coalesce(event_id, subject_id), recipient_kind,
    coalesce(user_id, reference, appeal_id), address_index
"""


def notify_audience(events: Sequence[Event]) -> int:
    """Tell the logins whom these events concern; return how many are new.

    All or none. An event that was notified is finished: a second run adds nothing, even if the case
    has another holder or the unit other people by then.
    """
    events = [event for event in events if event.verb in NOTIFYING]
    done = set(Notification.objects.filter(event__in=events).values_list("event", flat=True))
    found = find_audience([event for event in events if event.pk not in done])
    return notify(
        (
            NewNotification(
                NotificationSubject.event(event),
                Recipient.login(user_id),
                reason,
                _is_urgent(event),
            )
            for event, user_id, reason in found
        ),
    )


def _is_urgent(event: Event) -> bool:
    """Is it about an alarm, which somebody has to look at within minutes?"""
    return verb_of(event).at_alarm or event.facts.get("clock") in ALARM_CLOCKS


def notify(notifications: Iterable[NewNotification]) -> int:
    """Write the new ones, with deliveries, and return how many: once per recipient and subject, of
    a scan once per reason.
    """
    # Sorted, so that two runs of the same events cannot deadlock.
    told = sorted(notifications, key=lambda each: (each.subject.key, each.recipient.key))
    if not told:
        return 0
    columns = [list(column) for column in zip(*map(_row, told), strict=True)]
    recipients = {each.recipient for each in told}
    known = {(each.kind, _index(each) or each.key): each for each in recipients}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, columns)
            rows = cursor.fetchall()
        made = [
            (pk, known[RecipientKind(kind), bytes(index) if index else key])
            for pk, _kind, _subject, kind, key, index in rows
        ]
        urgent = {(each.subject.kind.value, each.subject.key) for each in told if each.urgent}
        first = {pk for pk, kind, subject, *_rest in rows if (kind, subject) in urgent}
        queue_deliveries(made, first)
        logins = {one.key for _pk, one in made if one.kind is RecipientKind.LOGIN}
        tell_users(sorted(logins))
    return len(made)


def _index(recipient: Recipient) -> bytes | None:
    """The blind index of a bare address, case-insensitive."""
    return blind(recipient.uri.casefold())


def _row(told: NewNotification) -> tuple[Any, ...]:
    subject, recipient, reason, _urgent = told
    of_event = subject.kind is SubjectKind.EVENT
    requested = recipient.kind is RecipientKind.REQUESTER
    referred = recipient.kind in (RecipientKind.GUARDIAN, RecipientKind.PARTNER)
    return (
        subject.kind.value,
        subject.key if of_event else None,
        None if of_event else subject.key,
        recipient.key if requested else subject.appeal_id,
        recipient.kind.value,
        recipient.key if recipient.kind is RecipientKind.LOGIN else None,
        recipient.key if referred else None,
        seal(recipient.uri) or None,
        _index(recipient),
        reason.value,
    )
