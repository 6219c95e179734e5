"""The queue of what goes out by providers: sent once, tried again, and what failed is kept.

A delivery is claimed by a conditional UPDATE that counts the attempt and moves `due_at` on by
`LEASE`; then it is sent, and marked. What a provider refuses, or cannot be asked, is tried again
after growing waits, `ATTEMPTS` times in all. A worker killed before the provider has taken it
loses nothing: it falls due again after the lease. Killed after that and before the mark, it is sent
twice. Nobody can know: no mail server can be asked whether it has taken a mail. So that a reader or
a rule at the mail server can tell, both carry the same number (`Message.number`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone, translation
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from yinghu.common.job_queue import queue
from yinghu.notices import providers, words
from yinghu.notices.models import Delivery, Notice
from yinghu.notices.providers import Message, Provider

log = structlog.get_logger(__name__)

TASK = "yinghu.deliver"
WAITS = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 480))
"""After the first, second … refusal."""
ATTEMPTS = len(WAITS) + 1
LEASE = timedelta(minutes=10)
"""Longer than the longest that a provider takes for what it is given at once."""
TURN = 10.0
"""Seconds after which a job leaves the rest to the next one: a worker has to be able to stop."""
KEPT = timedelta(days=180)
"""For how long notices are kept; what happened itself stays with the case for ever."""


def queue_deliveries(told: Sequence[tuple[int, int]]) -> None:
    """Queue notices, as (id, user id), with each provider in use that reaches their people."""
    users = {user_id for _id, user_id in told}
    rows = []
    for provider in providers.in_use():
        reached = provider.reached(users)
        rows += [
            Delivery(notice_id=notice_id, provider=provider.name)
            for notice_id, user_id in told
            if user_id in reached
        ]
    if rows:
        Delivery.objects.bulk_create(rows, ignore_conflicts=True)
        # After the commit, for nobody is to wait for another's; if we die before, the clock comes.
        transaction.on_commit(soon)


def soon() -> None:
    """Have what is due sent as soon as a worker is free."""
    with contextlib.suppress(AlreadyEnqueued):
        queue(TASK, timestamp=0)


@jobs.periodic(cron="* * * * * */10", periodic_id="deliver")
@jobs.task(
    name=TASK,
    queue="deliver",
    queueing_lock="yinghu.deliver",
    # One at a time: a mail server that hangs must not hold all of a worker's hands.
    lock="yinghu.deliver",
)
def deliver(timestamp: int) -> None:
    """Send what is due; every ten seconds, and as soon as something is queued."""
    end = time.monotonic() + TURN
    for provider in providers.in_use():
        while send_some(provider):
            if time.monotonic() > end:
                soon()
                return


# Materialized, or PostgreSQL may look for the due ones again for each row, and lock others.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM notices_delivery
    WHERE provider = %s AND state = 'queued' AND due_at <= statement_timestamp()
    ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE notices_delivery AS delivery SET attempts = attempts + 1,
    tried_at = statement_timestamp(), due_at = statement_timestamp() + %s::interval
FROM due WHERE delivery.id = due.id
RETURNING delivery.id
"""


def claim(provider: Provider) -> list[Delivery]:
    """As many as the provider takes at once of those that are due: nobody else's for `LEASE`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM, [provider.name, provider.at_once, f"{LEASE.total_seconds()} seconds"]
        )
        claimed = [row[0] for row in cursor.fetchall()]
    found = Delivery.objects.filter(pk__in=claimed).order_by("pk")
    return list(
        found.select_related(
            "notice__user", "notice__appeal", "notice__event__unit", "notice__event__user"
        )
    )


def send_some(provider: Provider) -> int:
    """Claim, send and mark what the provider takes at once; how many that were."""
    claimed = claim(provider)
    if not claimed:
        return 0
    refused = _send(provider, claimed)
    now = timezone.now()
    taken = [each.pk for each in claimed if each.pk not in refused]
    Delivery.objects.filter(pk__in=taken, state=Delivery.State.QUEUED).update(
        state=Delivery.State.SENT, sent_at=now, error=""
    )
    for each in claimed:
        if each.pk not in refused:
            continue
        # Whoever took it over after our lease has counted another attempt, and will see to it.
        own = Delivery.objects.filter(
            pk=each.pk, state=Delivery.State.QUEUED, attempts=each.attempts
        )
        error = refused[each.pk][:300]
        if each.attempts >= ATTEMPTS:
            own.update(state=Delivery.State.FAILED, error=error)
            log.error("notice not delivered", delivery=each.pk, provider=provider.name)
        else:
            own.update(due_at=now + WAITS[each.attempts - 1], error=error)
    return len(claimed)


def _send(provider: Provider, claimed: Sequence[Delivery]) -> dict[int, str]:
    """What was refused: {delivery id: why}."""
    # A login has no language of its own yet.
    with translation.override(settings.LANGUAGE_CODE):
        units = words.units_of(each.notice for each in claimed)
        messages = [
            Message(
                number=each.pk,
                user=each.notice.user,
                text=words.sentence(each.notice, units),
                appeal=each.notice.appeal.number if each.notice.appeal else "",
                link=f"{settings.SITE_URL}/desk/notices/{each.notice_id}",
                verb=each.notice.event.verb if each.notice.event else "",
                reason=each.notice.reason,
            )
            for each in claimed
        ]
        try:
            return provider.send(messages)
        except Exception as error:
            # It may have taken some of them: which, only it could have said.
            log.exception("a provider failed", provider=provider.name)
            why = f"{type(error).__name__}: {error}"
            return {each.pk: why for each in claimed}


def try_again(only: Sequence[int] | None = None) -> int:
    """Queue again what has failed, all of it or these; how many."""
    which = Q() if only is None else Q(pk__in=only)
    queued = Delivery.objects.filter(which, state=Delivery.State.FAILED).update(
        state=Delivery.State.QUEUED, attempts=0, due_at=timezone.now()
    )
    if queued:
        transaction.on_commit(soon)
    return queued


@jobs.periodic(cron="41 4 * * *", periodic_id="forget_notices")
@jobs.task(name="yinghu.forget_notices", queueing_lock="yinghu.forget_notices")
def forget_old(timestamp: int = 0) -> None:
    """Remove notices that are long past, with their deliveries."""
    gone, _of_each = Notice.objects.filter(at__lt=timezone.now() - KEPT).delete()
    if gone:
        log.info("old notices removed", rows=gone)
