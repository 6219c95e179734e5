"""Delivery queue: each message is sent once, refused ones are retried, and failures are kept.

A delivery is claimed by a conditional UPDATE that counts the attempt and moves `due_at` on by
`LEASE`; then it is sent, and marked. If a transport refuses it or fails, it is retried after
growing waits, `ATTEMPTS` times in all. If a worker is killed before the transport has taken a
message, the delivery falls due again after the lease. If it is killed after that and before the
mark, the message is sent twice, since a mail server cannot be asked whether it has accepted a mail.
Both carry the same number (`OutgoingMessage.number`), so that a reader or a mail filter can tell.
"""

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone, translation
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from yinghu.appeals.numbers import track_token
from yinghu.common.job_queue import queue
from yinghu.guardian.models import Guardian
from yinghu.guardian.tag_codes import guardian_token
from yinghu.notifications import texts, transports
from yinghu.notifications.models import Delivery, Notification, SubjectKind
from yinghu.notifications.recipients import Recipient, RecipientKind
from yinghu.notifications.transports.base import OutgoingMessage, Transport

log = structlog.get_logger(__name__)

TASK = "yinghu.deliver"
URGENT_TASK = "yinghu.deliver_urgent"
WAITS = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 480))
"""Waits after the first, second … refusal."""
ATTEMPTS = len(WAITS) + 1
LEASE = timedelta(minutes=10)
"""Longer than any transport needs for one batch."""
TURN = 10.0
"""Seconds after which a job leaves the rest to the next one, so that a worker can stop."""
KEPT = timedelta(days=180)
"""How long notifications are kept; the events stay with the case permanently."""


def queue_deliveries(
    made: Sequence[tuple[int, Recipient]], urgent: Collection[int] = frozenset()
) -> None:
    """Queue notifications, as (id, recipient), with each transport in use that reaches them; those
    with an `urgent` id are sent before others.
    """
    recipients = {recipient for _id, recipient in made}
    rows = []
    for name, transport in transports.in_use().items():
        reached = transport.find_addresses(recipients)
        rows += [
            Delivery(notification_id=pk, transport=name, priority=int(pk in urgent))
            for pk, recipient in made
            if recipient in reached
        ]
    if rows:
        Delivery.objects.bulk_create(rows, ignore_conflicts=True)
        # After the commit, so that no two transactions wait for each other's job; if the process
        # dies before, the periodic run sends them.
        if any(row.priority for row in rows):
            transaction.on_commit(soon_urgent)
        transaction.on_commit(soon)


def soon() -> None:
    """Send due deliveries as soon as a worker is free."""
    with contextlib.suppress(AlreadyEnqueued):
        queue(TASK, timestamp=0)


def soon_urgent() -> None:
    """Send urgent deliveries at once, beside a run that sends others."""
    with contextlib.suppress(AlreadyEnqueued):
        queue(URGENT_TASK, priority=1)


@jobs.periodic(cron="* * * * * */10", periodic_id="deliver")
# Locked, so that a mail server that hangs does not block all slots of a worker.
@jobs.task(name=TASK, queue="deliver", queueing_lock="yinghu.deliver", lock="yinghu.deliver")
def deliver(timestamp: int) -> None:
    """Send due deliveries, every ten seconds and when something is queued."""
    end = time.monotonic() + TURN
    left = transports.in_use()
    # In turns, so that no transport waits until another has sent all of its own.
    while left:
        for name, transport in list(left.items()):
            if not send_some(name, transport):
                del left[name]
        if left and time.monotonic() > end:
            soon()
            return


@jobs.task(name=URGENT_TASK, queue="deliver", queueing_lock=URGENT_TASK, lock=URGENT_TASK)
def deliver_urgent() -> None:
    """Send what is urgent, in a job of its own: it never waits for a batch of other messages."""
    for name, transport in transports.in_use().items():
        while send_some(name, transport, least=1):
            pass


# Materialized, or PostgreSQL may look for the due ones again for each row, and lock others.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM notifications_delivery
    WHERE transport = %s AND state = 'queued' AND priority >= %s
      AND due_at <= statement_timestamp()
    ORDER BY priority DESC, due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE notifications_delivery AS delivery SET attempts = attempts + 1,
    tried_at = statement_timestamp(), due_at = statement_timestamp() + %s::interval
FROM due WHERE delivery.id = due.id
RETURNING delivery.id
"""


def claim(name: str, at_once: int, least: int = 0) -> list[Delivery]:
    """Claim up to `at_once` due deliveries of the transport `name` for `LEASE`, of the priority
    `least` or higher.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [name, least, at_once, f"{LEASE.total_seconds()} seconds"])
        claimed = [row[0] for row in cursor.fetchall()]
    related = ("appeal", "event__unit", "event__user")
    found = Delivery.objects.filter(pk__in=claimed).order_by("pk")
    return list(found.select_related(*(f"notification__{name}" for name in related)))


def send_some(name: str, transport: Transport, least: int = 0) -> int:
    """Claim, send and mark one batch of the transport; return its size."""
    claimed = claim(name, transport.at_once, least)
    if not claimed:
        return 0
    refused = _send(name, transport, claimed)
    now = timezone.now()
    queued = Delivery.objects.filter(state=Delivery.State.QUEUED)
    taken = [each.pk for each in claimed if each.pk not in refused]
    queued.filter(pk__in=taken).update(state=Delivery.State.SENT, sent_at=now, error="")
    for each in claimed:
        if each.pk not in refused:
            continue
        # A worker that took it over after our lease has counted another attempt and handles it.
        own = queued.filter(pk=each.pk, attempts=each.attempts)
        error = refused[each.pk][:300]
        if each.attempts >= ATTEMPTS:
            own.update(state=Delivery.State.FAILED, error=error)
            log.error("notification not delivered", delivery=each.pk, transport=name)
        else:
            own.update(due_at=now + WAITS[each.attempts - 1], error=error)
    return len(claimed)


def _send(name: str, transport: Transport, claimed: Sequence[Delivery]) -> dict[int, str]:
    """Send the batch; return {delivery id: reason} of refusals, without the recipient's address."""
    recipients = {each.pk: each.notification.recipient for each in claimed}
    addresses = transport.find_addresses(set(recipients.values()))
    units = texts.units_of(each.notification for each in claimed)
    guardians = {one.key for one in addresses if one.kind is RecipientKind.GUARDIAN}
    spoken = Guardian.objects.filter(pk__in=guardians).values_list("pk", "language")
    languages = dict(spoken) if guardians else {}
    messages, refused = [], {}
    for each in claimed:
        recipient = recipients[each.pk]
        if recipient in addresses:
            messages.append(_message(each, recipient, addresses[recipient], units, languages))
        else:
            refused[each.pk] = "the recipient has no address any more"
    try:
        with translation.override(settings.LANGUAGE_CODE):
            refused |= transport.send(messages)
    except Exception as error:
        # Some may have been sent; the transport did not say which.
        log.exception("transport failed", transport=name)
        why = f"{type(error).__name__}: {error}"
        refused |= {message.number: why for message in messages}
    for message in messages:
        # Servers repeat the address in their answers; it must not be stored with the failures.
        if message.address and message.number in refused:
            refused[message.number] = refused[message.number].replace(message.address, "…")
    return refused


def _message(
    delivery: Delivery,
    recipient: Recipient,
    address: str,
    units: texts.UnitNames,
    languages: Mapping[int, str],
) -> OutgoingMessage:
    """`languages` are those of guardians, by id."""
    notification = delivery.notification
    event, appeal = notification.event, notification.appeal
    link, language = settings.SITE_URL, settings.LANGUAGE_CODE
    if recipient.kind is RecipientKind.LOGIN:
        # Logins have no language setting yet.
        link = f"{link}/desk/notices/{notification.pk}"
    elif recipient.kind is RecipientKind.REQUESTER and appeal:
        link, language = f"{link}/t/{track_token(appeal.pk)}", appeal.language
    elif recipient.kind is RecipientKind.GUARDIAN and notification.subject_kind == SubjectKind.SCAN:
        token = guardian_token(notification.subject_id or 0, recipient.key)
        link, language = f"{link}/g/w/{token}", languages.get(recipient.key, language)
    with translation.override(language):
        text = texts.notification_text(notification, units)
    return OutgoingMessage(
        number=delivery.pk,
        recipient=recipient,
        address=address,
        text=text,
        link=link,
        appeal_id=appeal.pk if appeal else 0,
        appeal=appeal.number if appeal else "",
        verb=event.verb if event else "",
        reason=notification.reason,
    )


def try_again(only: Sequence[int] | None = None) -> int:
    """Queue failed deliveries again, all or `only` these; return how many."""
    failed = Delivery.objects.filter(state=Delivery.State.FAILED)
    failed = failed if only is None else failed.filter(pk__in=only)
    queued = failed.update(state=Delivery.State.QUEUED, attempts=0, due_at=timezone.now())
    if queued:
        transaction.on_commit(soon)
    return queued


@jobs.periodic(cron="41 4 * * *", periodic_id="delete_old_notifications")
@jobs.task(name="yinghu.delete_old_notifications", queueing_lock="yinghu.delete_old_notifications")
def delete_old_notifications(timestamp: int = 0) -> None:
    """Delete notifications older than `KEPT`, with their deliveries."""
    gone, _of_each = Notification.objects.filter(at__lt=timezone.now() - KEPT).delete()
    if gone:
        log.info("old notifications deleted", rows=gone)
