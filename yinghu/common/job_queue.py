"""Queue jobs in the open transaction."""

from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager
from procrastinate.types import JSONValue

_ON_DJANGOS_CONNECTION = JobManager(DjangoConnector())


def queue(task: str, **given: JSONValue) -> None:
    """Queue a task in the open transaction. Raises AlreadyEnqueued if the only one already waits.

    The library's own `defer` does this in a request only. In a worker its app has a connection of
    its own, so the job could start before its data is committed, or survive a rollback.
    """
    job = app.configure_task(task).job
    JobDeferrer(_ON_DJANGOS_CONNECTION, job).defer(**given)
