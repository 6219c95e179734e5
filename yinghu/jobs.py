"""Housekeeping that the worker does by the clock."""

from __future__ import annotations

import structlog
from procrastinate import JobContext
from procrastinate.contrib.django import app

_log = structlog.get_logger(__name__)

KEEP_FAILED_HOURS = 30 * 24


@app.periodic(cron="* * * * *", periodic_id="rescue")
@app.task(name="yinghu.rescue", queueing_lock="yinghu.rescue", pass_context=True)
async def rescue(context: JobContext, timestamp: int) -> None:
    """Queue again the jobs whose worker died in the middle of them."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        _log.warning("job of a dead worker queued again", job=job.id, task=job.task_name)
        await manager.retry_job(job)


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
