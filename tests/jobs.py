"""Queued jobs, done in the test's own transaction."""

from __future__ import annotations

from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob


def do_queued(*tasks: str) -> int:
    """Do the jobs of these tasks that were queued so far, in order; return how many."""
    waiting = ProcrastinateJob.objects.filter(task_name__in=tasks, status="todo")
    found = list(waiting.order_by("id").values_list("task_name", "args"))
    for name, given in found:
        app.tasks[name].func(**given)
    return len(found)
