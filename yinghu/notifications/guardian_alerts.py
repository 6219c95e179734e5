"""Telling people of scans: guardians by every channel they have, staff in the bell and by mail."""

from procrastinate.contrib.django import app as jobs

from yinghu.appeals.filing import ALARM_QUEUE
from yinghu.guardian.alerts import TELL_TASK, desk_on_duty
from yinghu.guardian.models import AlertStep, Guardian, Scan
from yinghu.notifications.models import Reason
from yinghu.notifications.outbox import NewNotification, NotificationSubject, notify
from yinghu.notifications.recipients import Recipient

Told = list[tuple[Recipient, Reason]]


@jobs.task(name=TELL_TASK, queue=ALARM_QUEUE)
def tell_scan(scan: int, step: int) -> None:
    """Tell the people of one step of a scan; step 0 is "scanned at …", for all guardians."""
    found = Scan.objects.select_related("person", "tag__batch").get(pk=scan)
    told = _of_step(found, step) if step else _of_opened_page(found)
    subject = NotificationSubject.scan(scan)
    notify(NewNotification(subject, who, why, urgent=True) for who, why in told)


def _of_opened_page(scan: Scan) -> Told:
    guardians = Guardian.objects.filter(person=scan.person_id, active=True)
    ids = guardians.values_list("pk", flat=True)
    return [(Recipient.guardian(pk), Reason.SCANNED) for pk in ids]


def _of_step(scan: Scan, n: int) -> Told:
    told: Told = []
    for step in scan.steps.filter(n=n):
        if step.guardian_id is not None:
            told.append((Recipient.guardian(step.guardian_id), Reason.FOUND))
        elif step.user_id is not None:
            told.append((Recipient.login(step.user_id), Reason.ON_DUTY))
        elif step.kind == AlertStep.Kind.DESK:
            told += [(Recipient.login(pk), Reason.ON_DUTY) for pk in desk_on_duty(_area_of(scan))]
    return told


def _area_of(scan: Scan) -> str:
    """The person's area, else the town that the tag is for, else "" for everywhere."""
    if scan.person is not None:
        return scan.person.area_id
    return (scan.tag.batch.area_id or "") if scan.tag is not None else ""
