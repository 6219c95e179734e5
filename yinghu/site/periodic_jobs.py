"""Periodic housekeeping jobs of the worker."""

from __future__ import annotations

from typing import Any

import structlog
from procrastinate import App, JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job, Status

_log = structlog.get_logger(__name__)

KEEP_FAILED_HOURS = 30 * 24


async def rescue(jobs: App, dead_seconds: float) -> int:
    """Requeue the jobs of workers without a heartbeat for `dead_seconds`; returns how many.

    A job with a queueing lock is dropped if another of its kind waits: its lock would block all
    later ones.
    """
    manager = jobs.job_manager
    stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=dead_seconds))
    for job in stalled:
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            await manager.finish_job(job, Status.FAILED, delete_job=True)
            _log.warning(
                "job of a dead worker dropped, another of its kind waits", **_job_fields(job)
            )
        else:
            _log.warning("job of a dead worker queued again", **_job_fields(job))
    return len(stalled)


def _job_fields(job: Job) -> dict[str, Any]:
    return {"job": job.id, "task": job.task_name}


@app.periodic(cron="17 * * * *", periodic_id="sweep")
@app.task(name="yinghu.sweep", queueing_lock="yinghu.sweep", pass_context=True)
async def clean_up(context: JobContext, timestamp: int) -> None:
    """Delete jobs that failed 30 days ago, expired sessions and old one-time codes."""
    from asgiref.sync import sync_to_async

    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_FAILED_HOURS, include_failed=True, include_cancelled=True
    )
    await sync_to_async(_delete_expired)()


def _delete_expired() -> None:
    from django.core.management import call_command
    from django.db import close_old_connections

    from yinghu.intake import one_time_codes

    close_old_connections()
    call_command("clearsessions")
    one_time_codes.forget_old()
    close_old_connections()
