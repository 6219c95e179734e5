"""Alerts of scans: guardians are told in their order, then grid workers, then the duty desk.

Each step waits for an answer for so many minutes (`alert_answer_minutes`), then the next is told.
Any number of workers may run: a step is told under the lock of its scan, and only while it is due.
Whom a step tells, and how, is the task of `notifications.guardian_alerts`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from procrastinate.contrib.django import app as jobs

from yinghu.appeals.filing import ALARM_QUEUE
from yinghu.appeals.policies import policy
from yinghu.common.job_queue import queue
from yinghu.guardian.models import AlertStep, ProtectedPerson, Scan, ScanEntry
from yinghu.people.access import active_posts
from yinghu.people.models import Role

TELL_TASK: Final = "yinghu.tell_scan"
BATCH: Final = 200
_FIRST: Final = 100
"""Priority of jobs that tell people, above all others."""
_DESK_ROLES: Final = (Role.OPERATOR, Role.DISPATCHER, Role.COMMANDER)


def window() -> timedelta:
    """Return how long scans of one person count as one."""
    return timedelta(minutes=policy("tag_window_minutes"))


def begin(scan: Scan) -> None:
    """Put a locked scan with a new report in state reported and tell the first step. One that was
    reported or answered already alerts nobody again, and a test alerts nobody.
    """
    now = timezone.now()
    scan.last_at = now
    if scan.state == Scan.State.SEEN:
        scan.state, scan.reported_at, scan.next_at = Scan.State.REPORTED, now, None
        if not scan.is_test:
            AlertStep.objects.bulk_create(_steps_of(scan))
            _tell_next_step(scan, now)
    scan.save(update_fields=["last_at", "state", "reported_at", "next_at"])


@jobs.periodic(cron="* * * * * */10", periodic_id="advance_alerts")
@jobs.task(name="yinghu.advance_alerts", queue=ALARM_QUEUE, queueing_lock="yinghu.advance_alerts")
def advance_alerts(timestamp: int) -> None:
    """Tell what is due, every ten seconds."""
    while advance_due():
        pass


def advance_due(now: datetime | None = None) -> int:
    """Tell the guardians of opened pages, and the next step of scans without an answer; return how
    many scans were advanced.
    """
    now = now or timezone.now()
    with transaction.atomic():
        due = Scan.objects.select_for_update(skip_locked=True, no_key=True).filter(next_at__lte=now)
        return sum(_advance(scan, now) for scan in due.order_by("next_at")[:BATCH])


def answer(scan_id: int, *, guardian_id: int | None = None, user_id: int | None = None) -> bool:
    """Record that a guardian or a login takes care, which stops the steps. Returns False if there
    is nothing to answer (any more).
    """
    with transaction.atomic():
        scan = Scan.objects.select_for_update(no_key=True).get(pk=scan_id)
        if scan.state != Scan.State.REPORTED:
            return False
        now = timezone.now()
        scan.state, scan.answered_at, scan.next_at = Scan.State.ANSWERED, now, None
        scan.answered_by_id = guardian_id
        scan.save(update_fields=["state", "answered_at", "answered_by", "next_at"])
        own = Q(guardian=guardian_id) if guardian_id else Q(user=user_id) | Q(kind="desk")
        scan.steps.filter(own, told_at__isnull=False).update(answered_at=now)
        _record(scan, ScanEntry.Kind.ANSWER, guardian_id, user_id)
    return True


def end(scan_id: int, *, guardian_id: int | None = None, user_id: int | None = None) -> bool:
    """Record that the person was met, which ends the scan. Returns False if it had ended before."""
    with transaction.atomic():
        scan = Scan.objects.select_for_update(no_key=True).get(pk=scan_id)
        if scan.is_over:
            return False
        scan.state, scan.ended_at, scan.next_at = Scan.State.ENDED, timezone.now(), None
        scan.save(update_fields=["state", "ended_at", "next_at"])
        _record(scan, ScanEntry.Kind.END, guardian_id, user_id)
    return True


def desk_on_duty(area_id: str) -> list[int]:
    """Return the logins of the duty desk of an area ("" if unknown), else of all desks."""
    posts = active_posts().filter(role__in=_DESK_ROLES)
    here = posts.filter(Q(area=None) | Q(area__in=_prefixes(area_id)))
    found = here.values_list("user_id", flat=True).distinct()
    return list(found) or list(posts.values_list("user_id", flat=True).distinct())


def _steps_of(scan: Scan) -> Iterable[AlertStep]:
    n = 0
    if scan.person is not None:
        order = None
        for guardian in scan.person.guardians.filter(active=True).order_by("order", "pk"):
            n, order = n + (guardian.order != order), guardian.order
            yield AlertStep(scan=scan, n=n, kind=AlertStep.Kind.GUARDIAN, guardian=guardian)
        workers = _grid_workers(scan.person.area_id)
        n += bool(workers)
        for user_id in workers:
            yield AlertStep(scan=scan, n=n, kind=AlertStep.Kind.GRID_WORKER, user_id=user_id)
    yield AlertStep(scan=scan, n=n + 1, kind=AlertStep.Kind.DESK)


def _grid_workers(area_id: str) -> list[int]:
    """The grid workers whose unit's area is the longest prefix of this one."""
    posts = active_posts().filter(role=Role.GRID_WORKER, unit__area__in=_prefixes(area_id))
    found = list(posts.values_list("user_id", "unit__area_id"))
    nearest = max((len(area or "") for _user, area in found), default=0)
    return sorted({user for user, area in found if len(area or "") == nearest})


def _prefixes(area_id: str) -> list[str]:
    return [area_id[:length] for length in range(1, len(area_id) + 1)]


def _advance(scan: Scan, now: datetime) -> bool:
    if scan.state == Scan.State.SEEN:
        return _tell_seen(scan, now)
    _tell_next_step(scan, now)
    scan.save(update_fields=["next_at"])
    return True


def _tell_seen(scan: Scan, now: datetime) -> bool:
    """Tell the guardians "scanned at …", once for each person in a window."""
    # Never waited for: reports lock first the person, then the scan.
    people = ProtectedPerson.objects.select_for_update(no_key=True, skip_locked=True)
    person = people.only("pk").filter(pk=scan.person_id or 0).first()
    if person is None:
        return False
    scan.next_at = None
    scan.save(update_fields=["next_at"])
    told = ScanEntry.objects.filter(scan__person=person.pk, kind=ScanEntry.Kind.SEEN)
    if not told.filter(at__gt=now - window()).exists():
        _record(scan, ScanEntry.Kind.SEEN)
        queue(TELL_TASK, priority=_FIRST, scan=scan.pk, step=0)
    return True


def _tell_next_step(scan: Scan, now: datetime) -> None:
    """Mark the next step of a locked scan as told and queue its telling; sets `next_at`."""
    waiting = list(scan.steps.filter(told_at=None).values_list("n", flat=True).order_by("n"))
    scan.next_at = None
    if waiting:
        n, due_at = waiting[0], now + timedelta(minutes=policy("alert_answer_minutes"))
        scan.steps.filter(n=n).update(told_at=now, due_at=due_at)
        scan.next_at = due_at if waiting[-1] > n else None
        queue(TELL_TASK, priority=_FIRST, scan=scan.pk, step=n)


def _record(
    scan: Scan, kind: ScanEntry.Kind, guardian_id: int | None = None, user_id: int | None = None
) -> None:
    side = ScanEntry.Side.FAMILY if guardian_id else ScanEntry.Side.DESK
    if not guardian_id and not user_id:
        side = ScanEntry.Side.SYSTEM
    ScanEntry.objects.create(
        scan=scan, kind=kind, side=side, guardian_id=guardian_id, user_id=user_id
    )
