"""Queue jobs in the open transaction."""

from typing import Any

from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager
from procrastinate.types import JSONValue

_ON_DJANGOS_CONNECTION = JobManager(DjangoConnector())


def queue(task: str, *, to: str = "", priority: int = 0, **given: JSONValue) -> None:
    """Queue a task in the open transaction, in its own queue or another; those of higher priority
    are done first. Raises AlreadyEnqueued if the only one already waits.

    The library's own `defer` does this in a request only. In a worker its app has a connection of
    its own, so the job could start before its data is committed, or survive a rollback.
    """
    other: dict[str, Any] = {"queue": to} if to else {}
    job = app.configure_task(task, priority=priority, **other).job
    JobDeferrer(_ON_DJANGOS_CONNECTION, job).defer(**given)
