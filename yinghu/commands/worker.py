"""`yinghu worker`: runs queued jobs."""

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

HELP = "do queued jobs: reactions to events, housekeeping"

HEARTBEAT_SECONDS = 3.0
DEAD_SECONDS = 15.0
PAUSE_SECONDS = 1.0
ALARMS_AT_ONCE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add `--concurrency`, and `--parent`, which only the supervisor uses."""
    parser.add_argument("--concurrency", type=int, default=4, help="jobs at once (default 4)")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C; finishes running jobs first."""
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
            worker = asyncio.create_task(_work_on_queues(jobs, concurrency))
            _stop_on_signals(worker)
            try:
                await worker
            except asyncio.CancelledError:
                if not worker.cancelled():
                    raise
            finally:
                rescuer.cancel()


async def _work_on_queues(jobs: "App", concurrency: int) -> None:
    """Work on all queues, and with further slots on alarms and deliveries alone, so that these wait
    for no other jobs.
    """
    from yinghu.appeals.filing import ALARM_QUEUE

    jobs.perform_import_paths()
    live: set[Worker] = set()
    asyncio.get_running_loop().set_exception_handler(partial(_restart_workers, live))
    async with asyncio.TaskGroup() as group:
        group.create_task(_keep_working(jobs, concurrency, None, live))
        group.create_task(_keep_working(jobs, ALARMS_AT_ONCE, [ALARM_QUEUE, "deliver"], live))


async def _keep_working(
    jobs: "App", concurrency: int, queues: list[str] | None, live: "set[Worker]"
) -> None:
    """Work until cancelled; after a database failure continue as a new worker. `live` are the
    workers at work.

    Otherwise a job that was done but could not be marked so would stay "doing", and block its lock,
    for as long as this process lives. As the old worker is dead, such a job is queued again.
    """
    from procrastinate.exceptions import ConnectorException
    from procrastinate.worker import Worker

    log = structlog.get_logger(__name__)
    while True:
        worker = Worker(
            jobs,
            name="worker",
            queues=queues,
            concurrency=concurrency,
            delete_jobs="successful",
            shutdown_graceful_timeout=15,
            fetch_job_polling_interval=2,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=DEAD_SECONDS,
            task_middleware=[_with_fresh_connections],
        )
        live.add(worker)
        try:
            await worker.run()
        except ConnectorException:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            log.exception("the database failed the worker")
        finally:
            live.discard(worker)
        await asyncio.sleep(PAUSE_SECONDS)
        log.warning("the worker begins anew")


def _with_fresh_connections(do: Callable[[], Any], context: "JobContext", worker: "Worker") -> Any:
    """Task middleware that drops broken connections, as Django does around a request."""
    from django.db import close_old_connections

    close_old_connections()
    try:
        return do()
    finally:
        close_old_connections()


def _restart_workers(
    live: "set[Worker]", loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    """Stop the workers after an error outside a job: most likely a result could not be saved."""
    loop.default_exception_handler(context)
    for worker in live:
        worker.stop()


def _stop_on_signals(worker: asyncio.Task[None]) -> None:
    """Stop the worker on the first SIGTERM or SIGINT and ignore further ones.

    The kernel sends one for each thread of a killed supervisor; with procrastinate's handlers the
    second would end this process before it has left the database.
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


async def _rescue(jobs: "App") -> None:
    """Requeue the jobs of dead workers every few seconds."""
    from yinghu.site.periodic_jobs import rescue

    log = structlog.get_logger(__name__)
    while True:
        try:
            await rescue(jobs, DEAD_SECONDS)
        except Exception:
            # For example no database, or the job was done after all: try again later.
            log.exception("jobs of dead workers could not be queued again")
        await asyncio.sleep(HEARTBEAT_SECONDS)
