"""The queue: a job whose worker died is done by another; the sweep clears what is over."""

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
    """A sweep as a worker leaves it that died a minute ago in the middle of it."""
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


def test_a_job_of_a_worker_that_died_is_done_after_all(live: Live) -> None:
    leave_half_done()
    until(lambda: not ProcrastinateJob.objects.exists(), "the job to be done")
    live.forgive()


def test_a_job_of_a_dead_worker_keeps_no_later_one_waiting(live: Live) -> None:
    leave_half_done("only one")
    app.configure_task("yinghu.sweep", lock="only one", queueing_lock="only one").defer(timestamp=1)
    until(lambda: not ProcrastinateJob.objects.exists(), "the one that waits to be done")
    leave_half_done()
    until(lambda: not ProcrastinateJob.objects.exists(), "the next dead worker's job to be done")
    live.forgive()


def test_a_worker_that_is_killed_and_started_again_goes_on(live: Live) -> None:
    os.killpg(live.processes["worker"].pid, signal.SIGKILL)
    live.processes["worker"].wait()
    app.configure_task("yinghu.sweep").defer(timestamp=0)
    assert ProcrastinateJob.objects.count() == 1
    live.launch("worker")
    until(lambda: not ProcrastinateJob.objects.exists(), "the job to be done")


def test_a_worker_whose_database_goes_away_again_and_again_does_every_job(live: Live) -> None:
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
    live.forgive()


def test_the_sweep_clears_sessions_that_ended(live: Live) -> None:
    Session.objects.create(session_key="over", session_data="", expire_date=timezone.now())
    app.configure_task("yinghu.sweep").defer(timestamp=0)
    until(lambda: not Session.objects.exists(), "the session to go")


def test_what_a_job_queues_belongs_to_its_transaction(live: Live) -> None:
    """In a worker the app has another connection than the rest of Django."""

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
