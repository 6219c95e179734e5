"""Periodic housekeeping jobs of the worker."""

import structlog
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import close_old_connections
from procrastinate import App, JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from yinghu.intake import one_time_codes

_log = structlog.get_logger(__name__)


async def rescue(jobs: App, dead_seconds: float) -> int:
    """Requeue the jobs of workers without a heartbeat for `dead_seconds`; returns how many.

    A job with a queueing lock is dropped if another of its kind waits, or it would block them all.
    """
    manager = jobs.job_manager
    stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=dead_seconds))
    for job in stalled:
        log = _log.bind(job=job.id, task=job.task_name)
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            await manager.finish_job(job, Status.FAILED, delete_job=True)
            log.warning("job of a dead worker dropped, another of its kind waits")
        else:
            log.warning("job of a dead worker queued again")
    return len(stalled)


@app.periodic(cron="17 * * * *", periodic_id="sweep")
@app.task(name="yinghu.sweep", queueing_lock="yinghu.sweep", pass_context=True)
async def clean_up(context: JobContext, timestamp: int) -> None:
    """Delete jobs that failed 30 days ago, expired sessions and old one-time codes."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=30 * 24, include_failed=True, include_cancelled=True
    )
    await sync_to_async(_delete_expired)()


def _delete_expired() -> None:
    close_old_connections()
    call_command("clearsessions")
    one_time_codes.forget_old()
    close_old_connections()
