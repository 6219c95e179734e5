"""Jobs that failed for good: what they are, and a second chance.

Jobs repeat themselves where a retry is expected to help; what still fails is usually a longer
outage or an error of ours. Each is tried again every few minutes for some days, since every task
may be repeated (a dead worker's jobs are, too). So an outage that is over leaves nothing behind.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

RETRIED_FOR = timedelta(days=3)
"""How long after it was queued a failed job is tried again by itself."""

_FAILED_SQL = """
SELECT job.id, job.task_name, event.queued_at, event.failed_at
FROM procrastinate_jobs job
JOIN LATERAL (
    SELECT min(at) AS queued_at, max(at) FILTER (WHERE type = 'failed') AS failed_at
    FROM procrastinate_events WHERE job_id = job.id
) event ON true
WHERE job.status = 'failed'
ORDER BY job.id
"""


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed for good; the times are None where the queue has forgotten them."""

    id: int
    task: str
    queued_at: datetime | None
    failed_at: datetime | None


def failed_jobs() -> list[FailedJob]:
    """All failed jobs, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILED_SQL)
        return [FailedJob(*row) for row in cursor.fetchall()]


def retry_jobs(jobs: Collection[FailedJob]) -> int:
    """Queue failed jobs again; returns how many. One whose like waits already is dropped."""
    manager = JobManager(DjangoConnector())
    queued = 0
    for job in jobs:
        try:
            with transaction.atomic():
                manager.retry_job_by_id(job.id, timezone.now())
        except UniqueViolation:
            drop_jobs([job])
        else:
            queued += 1
    return queued


def drop_jobs(jobs: Collection[FailedJob]) -> int:
    """Delete failed jobs, which are then not done; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE id = ANY(%s) AND status = %s",
            [[job.id for job in jobs], Status.FAILED.value],
        )
        return int(cursor.rowcount)


@app.periodic(cron="*/10 * * * *", periodic_id="retry_failed")
@app.task(name="yinghu.retry_failed", queueing_lock="yinghu.retry_failed")
def retry_failed(timestamp: int) -> None:
    """Give the failed jobs of the last days another chance."""
    since = timezone.now() - RETRIED_FOR
    retry_jobs([job for job in failed_jobs() if job.queued_at and job.queued_at > since])
