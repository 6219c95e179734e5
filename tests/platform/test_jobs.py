"""The queue: a job whose worker died is done by another; the sweep clears what is over."""

from __future__ import annotations

import os
import signal

from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.live import Live, until


def test_a_job_of_a_worker_that_died_is_done_after_all(live: Live) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) "
            "VALUES (now() - interval '1 minute') RETURNING id"
        )
        dead = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id, args) "
            "VALUES ('default', 'yinghu.sweep', 'doing', %s, '{\"timestamp\": 0}')",
            [dead],
        )
    until(lambda: not ProcrastinateJob.objects.exists(), "the job to be done")
    live.forgive()


def test_a_worker_that_is_killed_and_started_again_goes_on(live: Live) -> None:
    os.killpg(live.processes["worker"].pid, signal.SIGKILL)
    live.processes["worker"].wait()
    app.configure_task("yinghu.sweep").defer(timestamp=0)
    assert ProcrastinateJob.objects.count() == 1
    live.launch("worker")
    until(lambda: not ProcrastinateJob.objects.exists(), "the job to be done")


def test_the_sweep_clears_sessions_that_ended(live: Live) -> None:
    Session.objects.create(session_key="over", session_data="", expire_date=timezone.now())
    app.configure_task("yinghu.sweep").defer(timestamp=0)
    until(lambda: not Session.objects.exists(), "the session to go")
