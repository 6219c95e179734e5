"""Job queue: jobs of dead workers are done by others, and the sweep removes ended sessions."""

from __future__ import annotations

import asyncio
import os
import signal

from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.cast import file_one
from tests.live import Live, until
from tests.loops import result_of
from yinghu.common.job_queue import queue
from yinghu.triage.models import Suggestion


def leave_half_done(lock: str | None = None) -> None:
    """Insert a sweep job left unfinished by a worker that died a minute ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) "
            "VALUES (now() - interval '1 minute') RETURNING id"
        )
        dead = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO procrastinate_jobs "
            "(queue_name, task_name, status, worker_id, args, lock, queueing_lock) "
            "VALUES ('default', 'yinghu.sweep', 'doing', %s, '{\"timestamp\": 0}', %s, %s)",
            [dead, lock, lock],
        )


def test_job_of_a_dead_worker_is_done_by_another(live: Live) -> None:
    leave_half_done()
    until(lambda: not ProcrastinateJob.objects.exists(), "the job to be done")
    live.forgive()


def test_job_of_a_dead_worker_does_not_block_later_ones(live: Live) -> None:
    leave_half_done("only one")
    app.configure_task("yinghu.sweep", lock="only one", queueing_lock="only one").defer(timestamp=1)
    until(lambda: not ProcrastinateJob.objects.exists(), "the one that waits to be done")
    leave_half_done()
    until(lambda: not ProcrastinateJob.objects.exists(), "the next dead worker's job to be done")
    live.forgive()


def test_restarted_worker_does_the_waiting_job(live: Live) -> None:
    os.killpg(live.processes["worker"].pid, signal.SIGKILL)
    live.processes["worker"].wait()
    app.configure_task("yinghu.sweep").defer(timestamp=0)
    assert ProcrastinateJob.objects.count() == 1
    live.launch("worker")
    until(lambda: not ProcrastinateJob.objects.exists(), "the job to be done")


def test_worker_survives_repeated_loss_of_the_database(live: Live) -> None:
    for number in range(40):
        file_one()
        if number % 4 == 0:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
    suggested = Suggestion.objects.count

    until(lambda: suggested() == 40, "all appeals to have a suggestion", 60)
    live.drain()
    assert live.processes["worker"].poll() is None
    live.renew_worker()


def test_sweep_removes_ended_sessions(live: Live) -> None:
    Session.objects.create(session_key="over", session_data="", expire_date=timezone.now())
    app.configure_task("yinghu.sweep").defer(timestamp=0)
    until(lambda: not Session.objects.filter(pk="over").exists(), "the session to go")


def test_jobs_queued_by_a_job_follow_its_transaction(live: Live) -> None:
    """In a worker, Procrastinate's app uses another connection than the rest of Django."""

    def as_a_job() -> None:
        try:
            with transaction.atomic():
                queue("of nobody")
                assert ProcrastinateJob.objects.filter(task_name="of nobody").count() == 1
                transaction.set_rollback(True)
            assert not ProcrastinateJob.objects.filter(task_name="of nobody").exists()
        finally:
            connection.close()

    async def work() -> None:
        assert isinstance(app.connector, DjangoConnector)
        with app.replace_connector(app.connector.get_worker_connector()) as jobs:
            async with jobs.open_async():
                await asyncio.to_thread(as_a_job)

    result_of(work())
