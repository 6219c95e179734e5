"""Weekly digest: tells each login once a week how many cases they hold and have resolved.

Weekday and hour are policies. Each login gets one digest per day (`notification_weekly`), in its
own transaction: a second run, or a second worker, continues where the first one stopped.
"""

from datetime import date, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from procrastinate.contrib.django import app as jobs

from yinghu.appeals.actions import ANSWER
from yinghu.appeals.handling_actions import RESOLVE
from yinghu.appeals.models import Event
from yinghu.appeals.notify import tell_users
from yinghu.appeals.policies import policy
from yinghu.notifications.delivery import queue_deliveries
from yinghu.notifications.models import Notification, Reason, SubjectKind
from yinghu.notifications.recipients import Recipient
from yinghu.oversight import worklists
from yinghu.people.access import Actor, actor_of
from yinghu.people.models import Role, User

log = structlog.get_logger(__name__)


def is_time(now: datetime | None = None) -> bool:
    """Is `now` on the day of the digest, in its hour or later, in local time?"""
    here = timezone.localtime(now)
    return here.isoweekday() == policy("digest_day") and here.hour >= policy("digest_hour")


def digest_counts(actor: Actor, done: int = 0) -> dict[str, int]:
    """Return the counts of a digest by name, without zeros; `done` counts resolved cases."""
    found = {"done": done}
    found |= {name: own.order_by().count() for name, own in worklists.own(actor).items()}
    if actor.has(Role.SUPERVISOR, Role.COMMANDER):
        seen = worklists.overseen(actor)
        listed = ("rulings", "nobody", "silent", "raised")
        found |= {name: seen[name].order_by().count() for name in listed}
    return {name: n for name, n in found.items() if n}


def tell_weekly(day: date) -> int:
    """Send the digest of this day to logins with counts that lack it; return how many."""
    resolved = Event.objects.filter(
        verb__in=(RESOLVE.name, ANSWER.name),
        at__gte=timezone.now() - timedelta(days=7),
        user__isnull=False,
    )
    done: dict[int, int] = dict(resolved.values_list("user").annotate(Count("pk")).order_by())
    told = Notification.objects.filter(week=day).values("user")
    waiting = User.objects.filter(is_active=True, posts__active=True).exclude(pk__in=told)
    sent = 0
    for user in waiting.distinct().order_by("pk"):
        try:
            found = digest_counts(actor_of(user), done.get(user.pk, 0))
            if found:
                _tell(user, day, found)
                sent += 1
        except Exception:
            # Retried an hour later; one failure must not hold up the others.
            log.exception("no digest", user=user.pk)
    return sent


@transaction.atomic
def _tell(user: User, day: date, found: dict[str, int]) -> None:
    row = Notification(
        user=user, subject_kind=SubjectKind.DIGEST, week=day, counts=found, reason=Reason.DIGEST
    )
    # Another worker may have written it already.
    Notification.objects.bulk_create([row], ignore_conflicts=True)
    made = Notification.objects.filter(user=user, week=day).values_list("pk", flat=True).get()
    queue_deliveries([(made, Recipient.login(user.pk))])
    tell_users([user.pk])


@jobs.periodic(cron="0 * * * *", periodic_id="digest")
@jobs.task(name="yinghu.digest", queueing_lock="yinghu.digest", lock="yinghu.digest")
def send_weekly(timestamp: int) -> None:
    """Send missing digests, every hour from the chosen hour on."""
    if is_time() and (sent := tell_weekly(timezone.localdate())):
        log.info("weekly digest", people=sent)
