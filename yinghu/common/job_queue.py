"""Queueing a job in the transaction of what it belongs to."""

from __future__ import annotations

from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager
from procrastinate.types import JSONValue

_ON_DJANGOS_CONNECTION = JobManager(DjangoConnector())


def queue(task: str, **given: JSONValue) -> None:
    """Queue the task of this name with these arguments: with the transaction that is open, or not
    at all; AlreadyEnqueued where only one may wait and one does.

    The library's own `defer` is enough in a request. In a worker, where its app has a connection
    of its own, that would queue at once: the job could begin before there is anything to find, or
    remain after its transaction was rolled back.
    """
    job = app.configure_task(task).job
    JobDeferrer(_ON_DJANGOS_CONNECTION, job).defer(**given)
