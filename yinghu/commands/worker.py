"""`yinghu worker`: does the jobs that events leave behind."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from procrastinate import App, JobContext
    from procrastinate.worker import Worker

NAME = "worker"
HELP = "do queued jobs: reactions to events, housekeeping"

HEARTBEAT_SECONDS = 3.0
DEAD_SECONDS = 15.0
PAUSE_SECONDS = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    """How many jobs at once; `--parent` is the supervisor's own."""
    parser.add_argument("--concurrency", type=int, default=4, help="jobs at once (default 4)")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C; jobs under way are finished first."""
    from yinghu.site import supervisor

    if args.parent is not None:
        supervisor.die_with(args.parent)
    asyncio.run(_work(args.concurrency))
    return 0


async def _work(concurrency: int) -> None:
    from procrastinate.contrib.django import app
    from procrastinate.contrib.django.django_connector import DjangoConnector

    assert isinstance(app.connector, DjangoConnector)  # noqa: S101  # narrows the type
    connector = app.connector.get_worker_connector()
    with app.replace_connector(connector) as jobs:
        async with jobs.open_async():
            rescuer = asyncio.create_task(_rescue(jobs))
            worker = asyncio.create_task(_keep_working(jobs, concurrency))
            _stop_on_signals(worker)
            try:
                await worker
            except asyncio.CancelledError:
                if not worker.cancelled():
                    raise
            finally:
                rescuer.cancel()


async def _keep_working(jobs: App, concurrency: int) -> None:
    """Work until cancelled; after a failure of the database begin anew, as a new worker.

    A job that was done but could not be marked so would else stay "doing" for as long as this
    process lives, and keep all that wait for its lock from ever being done. The new worker finds it
    without an owner, and does it again.
    """
    from procrastinate.exceptions import ConnectorException
    from procrastinate.worker import Worker

    jobs.perform_import_paths()
    loop = asyncio.get_running_loop()
    log = structlog.get_logger(__name__)
    while True:
        worker = Worker(
            jobs,
            name="worker",
            concurrency=concurrency,
            delete_jobs="successful",
            shutdown_graceful_timeout=15,
            fetch_job_polling_interval=2,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=DEAD_SECONDS,
            task_middleware=[_with_a_sound_connection],
        )
        loop.set_exception_handler(partial(_begin_anew, worker))
        try:
            await worker.run()
        except ConnectorException:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            log.exception("the database failed the worker")
        await asyncio.sleep(PAUSE_SECONDS)
        log.warning("the worker begins anew")


def _with_a_sound_connection(do: Callable[[], Any], context: JobContext, worker: Worker) -> Any:
    """As around a request: what broke under one job must not fail all later ones of its thread."""
    from django.db import close_old_connections

    close_old_connections()
    try:
        return do()
    finally:
        close_old_connections()


def _begin_anew(worker: Worker, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What became of a job could not be written down, most likely."""
    loop.default_exception_handler(context)
    worker.stop()


def _stop_on_signals(worker: asyncio.Task[None]) -> None:
    """Let the first SIGTERM or SIGINT stop the worker, and the next ones do nothing.

    The kernel sends one for each thread of a supervisor that was killed; the second must not end
    this process before it has left the database, as procrastinate's own handlers would let it.
    """
    loop = asyncio.get_running_loop()
    asked = False

    def stop(number: int, frame: object) -> None:
        nonlocal asked
        if not asked:
            asked = True
            loop.call_soon_threadsafe(worker.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


async def _rescue(jobs: App) -> None:
    """Queue again, every few seconds, the jobs whose worker died in the middle of them."""
    from yinghu.site.periodic_jobs import rescue

    log = structlog.get_logger(__name__)
    while True:
        try:
            await rescue(jobs, DEAD_SECONDS)
        except Exception:
            # The database was away, say, or the job was done after all: look again later.
            log.exception("jobs of dead workers could not be queued again")
        await asyncio.sleep(HEARTBEAT_SECONDS)
