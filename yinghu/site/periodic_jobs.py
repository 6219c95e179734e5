"""Housekeeping that the worker does by the clock."""

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
    """Queue again the jobs whose worker gave no sign of life for `dead_seconds`; how many.

    One of a kind that may wait only once (a queueing lock), and waits already, is dropped instead:
    left as it is, its lock would keep all later ones of its kind from ever being done.
    """
    manager = jobs.job_manager
    stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=dead_seconds))
    for job in stalled:
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            await manager.finish_job(job, Status.FAILED, delete_job=True)
            _log.warning("job of a dead worker dropped, another of its kind waits", **_named(job))
        else:
            _log.warning("job of a dead worker queued again", **_named(job))
    return len(stalled)


def _named(job: Job) -> dict[str, Any]:
    return {"job": job.id, "task": job.task_name}


@app.periodic(cron="17 * * * *", periodic_id="sweep")
@app.task(name="yinghu.sweep", queueing_lock="yinghu.sweep", pass_context=True)
async def sweep(context: JobContext, timestamp: int) -> None:
    """Remove failed jobs after 30 days (finished ones go at once), sessions that ended, and codes
    that are long past.
    """
    from asgiref.sync import sync_to_async

    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_FAILED_HOURS, include_failed=True, include_cancelled=True
    )
    await sync_to_async(_forget_what_ended)()


def _forget_what_ended() -> None:
    from django.core.management import call_command
    from django.db import close_old_connections

    from yinghu.intake import one_time_codes

    close_old_connections()
    call_command("clearsessions")
    one_time_codes.forget_old()
    close_old_connections()
