"""Failed jobs: `yinghu doctor` names them, and none is left of an outage that is over."""

from __future__ import annotations

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.live import Live, until
from yinghu.cli import parser
from yinghu.commands import doctor


def run(*arguments: object) -> int:
    args = parser().parse_args(["jobs", *map(str, arguments)])
    return int(args.command.run(args))


def fail(task: str, **given: int) -> int:
    """Queue a job that fails in the worker; returns its id."""
    number = int(app.configure_task(task).defer(**given))
    failed = ProcrastinateJob.objects.filter(pk=number, status="failed")
    until(failed.exists, "the job to fail")
    return number


def rename(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")


def findings() -> list[str]:
    return [words for ok, words in doctor.jobs() if not ok]


def test_job_of_an_outage_is_tried_again_when_it_is_over(live: Live) -> None:
    rename("django_session", "django_session_away")
    try:
        first = fail("yinghu.sweep", timestamp=0)
        (said,) = findings()
        assert said.startswith("failed: yinghu.sweep (1), the last at 20")
        assert "`yinghu jobs retry`" in said
        app.configure_task("yinghu.retry_failed").defer(timestamp=0)
        again = ProcrastinateJob.objects.filter(pk=first, status="failed", attempts__gte=2)
        until(again.exists, "it to fail once more")
    finally:
        rename("django_session_away", "django_session")
    app.configure_task("yinghu.retry_failed").defer(timestamp=0)
    until(lambda: not ProcrastinateJob.objects.exists(), "it to be done")
    assert findings() == []
    live.forgive()


def test_failed_jobs_are_listed_and_ended_by_command(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of ours: a task that does not take these arguments."""
    assert run() == 0
    assert capsys.readouterr().out == "no failed jobs\n"
    one, other = fail("yinghu.rezone", wrong=1), fail("yinghu.sweep", wrong=1)
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        [str(one), "yinghu.rezone", "failed"],
        [str(other), "yinghu.sweep", "failed"],
    ]
    assert "yinghu.rezone (1), yinghu.sweep (1)" in findings()[0]
    assert run("retry", one) == 0
    assert capsys.readouterr().out == "1 queued again\n"
    tried = ProcrastinateJob.objects.filter(pk=one, status="failed", attempts__gte=2)
    until(tried.exists, "it to fail again")
    assert run("drop", one) == 0
    assert run("drop", one) == 1
    assert "no failed job" in capsys.readouterr().err
    # One of which another waits already is not needed.
    lock = "yinghu.sweep"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET queueing_lock = %s WHERE id = %s", [lock, other]
        )
    app.configure_task(
        "of nobody", queueing_lock=lock, queue="nobody's", schedule_in={"days": 1}
    ).defer()
    assert run("retry") == 0
    assert capsys.readouterr().out == "0 queued again\n"
    assert not ProcrastinateJob.objects.filter(status="failed").exists()
    live.forgive()
