"""A changed limit or calendar asks whether the clocks that run follow it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, TestCase
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.cast import Cast, dispatched, file_one, requester
from tests.history import new_changes
from tests.oversight.clock import pass_time
from tests.web.admin.conftest import form_of, text_of
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.clocks import begin
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import ClockKind
from yinghu.oversight import clock_changes
from yinghu.oversight.models import CalendarMove
from yinghu.oversight.sweep import recompute_spans
from yinghu.places.calendar import lay_out
from yinghu.places.models import WorkDay

pytestmark = pytest.mark.django_db

GENERAL = "/setup/limit/:1"


def do_queued() -> int:
    """Do the jobs that the pages queued to move running clocks; return how many."""
    jobs = ProcrastinateJob.objects.filter(task_name__startswith="yinghu.follow_", status="todo")
    done = 0
    for job in jobs.order_by("id"):
        getattr(clock_changes, job.task_name.removeprefix("yinghu."))(**job.args)
        done += 1
    jobs.delete()
    return done


def shift(moment: datetime, minutes: float) -> datetime:
    """The moment so many working minutes later."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT places_shift(%s, %s, true)", [moment, minutes])
        shifted: datetime = cursor.fetchone()[0]
        return shifted


def solve_of(appeal: Appeal) -> Clock:
    return Clock.objects.get(appeal=appeal.pk, kind=ClockKind.SOLVE)


def test_limit_asks_and_keeps_or_moves_the_running_clocks(admin: Client, city: Cast) -> None:
    waits, milk = file_one("路灯坏了"), dispatched(file_one(), city)
    own = {"category": "milk", "urgency": "1", "solve": "3 天", "running": "keep"}
    admin.post("/setup/limit/-/new", own)
    before = solve_of(waits).due_at
    typed = form_of(admin.get(GENERAL)) | {"solve": "5 天"}

    asked = admin.post(GENERAL, typed)
    assert asked.status_code == 422
    # The case of milk has a limit of its own.
    assert "有 1 个计时正在走" in text_of(asked)
    assert 'value="5 天"' in text_of(asked)
    assert not new_changes().filter(key=":1").exists()

    assert admin.post(GENERAL, typed | {"running": "keep"}).status_code == 302
    assert do_queued() == 0
    assert solve_of(waits).due_at == before

    typed = form_of(admin.get(GENERAL)) | {"solve": "4 天"}
    assert admin.post(GENERAL, typed | {"running": "move"}).status_code == 302
    assert do_queued() == 1
    clock = solve_of(waits)
    assert clock.due_at - clock.started_at == timedelta(days=4)
    waits.refresh_from_db()
    assert waits.due_at == Clock.objects.filter(appeal=waits.pk).earliest("due_at").due_at
    milk_clock = solve_of(milk)
    assert milk_clock.due_at - milk_clock.started_at == timedelta(days=7)


def test_moved_clocks_keep_their_pauses(admin: Client, city: Cast) -> None:
    appeal = file_one("路灯坏了")
    handling_actions.ask(appeal.pk, city.clerk, words="在哪里")
    pass_time(6, appeal)
    handling_actions.supply(appeal.pk, requester(appeal), words="西门")
    typed = form_of(admin.get(GENERAL)) | {"solve": "6 天", "running": "move"}
    assert admin.post(GENERAL, typed).status_code == 302
    assert do_queued() == 1
    clock = solve_of(appeal)
    assert (clock.due_at - clock.started_at).total_seconds() / 3600 == pytest.approx(150, abs=0.1)


def test_nothing_is_asked_without_running_clocks(admin: Client) -> None:
    typed = form_of(admin.get(GENERAL)) | {"solve": "5 天"}
    assert admin.post(GENERAL, typed).status_code == 302


def test_calendar_moves_working_clocks_by_their_working_minutes(admin: Client, city: Cast) -> None:
    appeal = file_one("路灯坏了")
    start = Appeal.objects.get(pk=appeal.pk).filed_at
    assert begin(appeal.pk, ClockKind.HELP, start, 10 * 450, working=True, unit=1)
    working = Clock.objects.get(appeal=appeal.pk, kind=ClockKind.HELP)
    monday = "/setup/workday/1"
    typed = form_of(admin.get(monday)) | {"hours": "休息"}
    asked = admin.post(monday, typed)
    assert "有 1 个计时正在走" in text_of(asked)
    assert admin.post(monday, typed | {"running": "move"}).status_code == 302
    assert WorkDay.objects.get(pk="1").hours == ""
    # The nightly job leaves the new calendar to the one that moves the clocks.
    recompute_spans()
    assert do_queued() == 1
    moved = Clock.objects.get(pk=working.pk)
    assert shift(start, 10 * 450) == moved.due_at
    # Ten working days of a week with one day less end later.
    assert moved.due_at >= working.due_at + timedelta(days=1)
    assert solve_of(appeal).due_at - start == timedelta(days=7)
    assert not CalendarMove.objects.exists()


def test_kept_and_stopped_clocks_do_not_follow_another_limit(admin: Client, city: Cast) -> None:
    appeal = dispatched(file_one("路灯坏了"), city, category="urban", unit="milk")
    of_case = Clock.objects.filter(appeal=appeal.pk)
    stopped = of_case.exclude(stopped_at=None)
    before = dict(stopped.values_list("kind", "due_at"))
    respond = of_case.get(kind=ClockKind.RESPOND, stopped_at=None).due_at
    assert before
    typed = form_of(admin.get(GENERAL)) | {"respond": "3 天", "receive": "3 天"}
    assert admin.post(GENERAL, typed | {"running": "keep"}).status_code == 302
    typed = form_of(admin.get(GENERAL)) | {"solve": "4 天"}
    assert admin.post(GENERAL, typed | {"running": "move"}).status_code == 302
    assert do_queued() == 1
    clock = solve_of(appeal)
    assert clock.due_at - clock.started_at == timedelta(days=4)
    assert of_case.get(kind=ClockKind.RESPOND, stopped_at=None).due_at == respond
    assert dict(stopped.values_list("kind", "due_at")) == before
    # Nor do they when the case is corrected without another category or urgency.
    actions.correct(appeal.pk, city.clerk, area="330782008001", why="地址")
    assert of_case.get(kind=ClockKind.RESPOND, stopped_at=None).due_at == respond


def test_interrupted_move_to_a_new_calendar_is_continued(admin: Client, city: Cast) -> None:
    appeal = file_one("路灯坏了")
    start = Appeal.objects.get(pk=appeal.pk).filed_at
    assert begin(appeal.pk, ClockKind.HELP, start, 10 * 450, working=True, unit=1)
    working = Clock.objects.get(appeal=appeal.pk, kind=ClockKind.HELP)
    # As a run leaves it that was killed after it had laid out the calendar without Mondays.
    CalendarMove.objects.create(clock=working, due_at=working.due_at, beyond=0)
    WorkDay.objects.filter(pk="1").update(hours="")
    lay_out()
    clock_changes.follow_calendar()
    assert Clock.objects.get(pk=working.pk).due_at == shift(start, 10 * 450)


def imported(admin: Client, kind: str, table: str, **given: str) -> Any:
    """Preview a file, and confirm it if an answer is given."""
    page = f"/setup/{kind}/-/import"
    shown = admin.post(page, {"file": SimpleUploadedFile("table.csv", table.encode())})
    assert shown.status_code == 200
    if not given:
        return shown
    hidden = re.findall(r'name="(sealed|digest)" value="([^"]*)"', text_of(shown))
    return admin.post(page, dict(hidden) | given)


def test_file_of_limits_asks_whether_running_clocks_follow(admin: Client, city: Cast) -> None:
    waits, milk = file_one("路灯坏了"), dispatched(file_one(), city)
    before = solve_of(waits).due_at, solve_of(milk).due_at
    table = "category,urgency,solve\n,1,5 天\nmilk,1,3 天\n"
    shown = text_of(imported(admin, "limit", table))
    assert "有 2 个计时正在走，要不要也照新的算？" in shown
    assert "导入，正在走的照旧" in shown

    asked = imported(admin, "limit", table, running="")
    assert asked.status_code == 409
    assert "有计时正在走，请选要不要也照新的算" in text_of(asked)
    assert not new_changes().filter(kind="limit").exists()

    assert imported(admin, "limit", table, running="keep").status_code == 302
    assert do_queued() == 0
    assert (solve_of(waits).due_at, solve_of(milk).due_at) == before
    again = table.replace("5 天", "4 天").replace("3 天", "2 天")
    assert imported(admin, "limit", again, running="move").status_code == 302
    assert do_queued() == 2
    assert solve_of(waits).due_at - solve_of(waits).started_at == timedelta(days=4)
    assert solve_of(milk).due_at - solve_of(milk).started_at == timedelta(days=2)


def test_file_of_the_calendar_asks_once_and_queues_one_job(admin: Client, city: Cast) -> None:
    appeal = file_one("路灯坏了")
    start = Appeal.objects.get(pk=appeal.pk).filed_at
    assert begin(appeal.pk, ClockKind.HELP, start, 10 * 450, working=True, unit=1)
    head, *lines = text_of(admin.get("/setup/workday/-/export")).lstrip("\ufeff").splitlines()
    monday, *rest = lines
    code, hours = head.split(",").index("day"), head.split(",").index("hours")
    cells = monday.split(",")
    cells[hours] = "休息"
    table = "\n".join([head, ",".join(cells), *rest])
    assert cells[code]
    assert "有 1 个计时正在走" in text_of(imported(admin, "workday", table))
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert imported(admin, "workday", table, running="move").status_code == 302
    names = ProcrastinateJob.objects.values_list("task_name", flat=True)
    # Laying the calendar out before the clocks were measured would lose their pauses.
    ours = {clock_changes.follow_calendar.name, recompute_spans.name}
    assert [name for name in names if name in ours] == [clock_changes.follow_calendar.name]
