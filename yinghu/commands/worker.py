"""`yinghu worker`: does the jobs that events leave behind."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procrastinate import App

NAME = "worker"
HELP = "do queued jobs: reactions to events, housekeeping"

HEARTBEAT_SECONDS = 3.0
DEAD_SECONDS = 15.0


def configure(parser: argparse.ArgumentParser) -> None:
    """How many jobs at once; `--parent` is the supervisor's own."""
    parser.add_argument("--concurrency", type=int, default=4, help="jobs at once (default 4)")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C; jobs under way are finished first."""
    from yinghu import serve

    if args.parent is not None:
        serve.die_with(args.parent)
    asyncio.run(_work(args.concurrency))
    return 0


async def _work(concurrency: int) -> None:
    from procrastinate.contrib.django import app
    from procrastinate.contrib.django.django_connector import DjangoConnector

    assert isinstance(app.connector, DjangoConnector)  # noqa: S101 - narrows the type
    connector = app.connector.get_worker_connector()
    with app.replace_connector(connector) as jobs:
        async with jobs.open_async():
            rescuer = asyncio.create_task(_rescue(jobs))
            try:
                await jobs.run_worker_async(
                    name="worker",
                    concurrency=concurrency,
                    delete_jobs="successful",
                    shutdown_graceful_timeout=15,
                    fetch_job_polling_interval=2,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=DEAD_SECONDS,
                )
            finally:
                rescuer.cancel()


async def _rescue(jobs: App) -> None:
    """Queue again, every few seconds, the jobs whose worker died in the middle of them."""
    from yinghu.jobs import rescue

    while True:
        await rescue(jobs, DEAD_SECONDS)
        await asyncio.sleep(HEARTBEAT_SECONDS)
