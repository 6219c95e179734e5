"""Housekeeping that the worker does by the clock."""

from __future__ import annotations

import structlog
from procrastinate import App, JobContext
from procrastinate.contrib.django import app

_log = structlog.get_logger(__name__)

KEEP_FAILED_HOURS = 30 * 24


async def rescue(jobs: App, dead_seconds: float) -> int:
    """Queue again the jobs whose worker gave no sign of life for `dead_seconds`; how many."""
    manager = jobs.job_manager
    stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=dead_seconds))
    for job in stalled:
        _log.warning("job of a dead worker queued again", job=job.id, task=job.task_name)
        await manager.retry_job(job)
    return len(stalled)


@app.periodic(cron="17 * * * *", periodic_id="sweep")
@app.task(name="yinghu.sweep", queueing_lock="yinghu.sweep", pass_context=True)
async def sweep(context: JobContext, timestamp: int) -> None:
    """Remove failed jobs after 30 days (finished ones go at once) and sessions that ended."""
    from asgiref.sync import sync_to_async
    from django.core.management import call_command

    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_FAILED_HOURS, include_failed=True, include_cancelled=True
    )
    await sync_to_async(call_command)("clearsessions")
