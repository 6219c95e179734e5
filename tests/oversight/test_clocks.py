"""Clocks: limits in calendar and working time, pause, resumption and extension."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tests.cast import Cast, file_one, requester, taken_milk
from tests.oversight.clock import pass_time, sweep_all
from tests.places.worktime import shift, worked
from yinghu.appeals import actions, clocks, handling_actions
from yinghu.appeals.models import NEVER, Appeal, ChaseStep, Clock, ClockLimit
from yinghu.appeals.states import ClockKind
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import rulings
from yinghu.people.access import actor_of
from yinghu.people.models import User
from yinghu.places import calendar

pytestmark = pytest.mark.django_db

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def running(appeal: Appeal, kind: ClockKind) -> Clock:
    return appeal.clocks.get(kind=kind, stopped_at=None)


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        # 450 minutes are one office day.
        ("2026-11-23T08:30", 450, "2026-11-23T17:30"),
        ("2026-11-23T08:30", 451, "2026-11-24T08:31"),
        ("2026-11-23T12:10", 10, "2026-11-23T13:40"),
        # A Friday evening, and the weekend in between.
        ("2026-11-27T17:00", 60, "2026-11-30T09:00"),
        # National Day 2026: 1 to 7 October are off, Saturday the 10th is a make-up day.
        ("2026-09-30T17:00", 60, "2026-10-08T09:00"),
        ("2026-10-09T17:00", 60, "2026-10-10T09:00"),
        # Backwards, as for reminders.
        ("2026-11-30T09:00", -60, "2026-11-27T17:00"),
    ],
)
def test_working_time_with_holidays_and_make_up_days(start: str, minutes: float, due: str) -> None:
    calendar.lay_out(at(start).date())
    assert shift(at(start), minutes, working=True) == at(due)
    assert shift(at(start), minutes, working=False) == at(start) + timedelta(minutes=minutes)


def test_clock_limits_count_in_working_or_calendar_time(city: Cast) -> None:
    ClockLimit.objects.filter(kind="solve", urgency=1, category=None).update(
        minutes=450, working=True
    )
    appeal = file_one()
    solve, receive = (running(appeal, kind) for kind in (ClockKind.SOLVE, ClockKind.RECEIVE))
    assert solve.due_at == shift(solve.started_at, 450, working=True)
    assert receive.due_at == receive.started_at + timedelta(minutes=120)
    assert appeal.due_at == receive.due_at
    assert receive.next_at == receive.started_at + timedelta(minutes=96)
    # A pause does not use up working time.
    pass_time(1, appeal)
    handling_actions.ask(appeal.pk, city.clerk, words="几段？")
    assert Appeal.objects.get(pk=appeal.pk).due_at == NEVER
    pass_time(30, appeal)
    held = running(appeal, ClockKind.SOLVE)
    assert held.paused_at is not None
    left = worked(held.paused_at, held.due_at)
    handling_actions.supply(appeal.pk, requester(appeal), words="一段")
    again = running(appeal, ClockKind.SOLVE)
    assert worked(timezone.now(), again.due_at) == pytest.approx(left, abs=1)
    assert again.next_at is not None


def test_next_chase_step_follows_pause_and_extension(city: Cast) -> None:
    appeal = taken_milk(city)
    solve = running(appeal, ClockKind.SOLVE)
    assert solve.next_at == solve.due_at - timedelta(minutes=0.2 * solve.minutes)
    handling_actions.ask(appeal.pk, city.milk, words="几段？")
    pass_time(5, appeal)
    handling_actions.supply(appeal.pk, requester(appeal), words="一段")
    later = running(appeal, ClockKind.SOLVE)
    assert timedelta() <= later.due_at - solve.due_at < timedelta(minutes=1)
    assert later.next_at == later.due_at - timedelta(minutes=0.2 * solve.minutes)
    until = timezone.now() + timedelta(days=30)
    handling_actions.extend(appeal.pk, city.dispatcher, until=until, why="等货")
    extended = running(appeal, ClockKind.SOLVE)
    assert (extended.due_at, extended.next_at) == (
        until,
        until - timedelta(minutes=0.2 * solve.minutes),
    )


def test_chase_steps_of_a_kind_replace_the_general_ones(city: Cast) -> None:
    ChaseStep.objects.all().delete()
    ChaseStep.objects.create(percent=50, act="remind", tell="holder")
    ChaseStep.objects.create(kind="solve", percent=100, minutes=-1440, act="remind", tell="head")
    appeal = file_one()
    receive, solve = (running(appeal, kind) for kind in (ClockKind.RECEIVE, ClockKind.SOLVE))
    assert receive.next_at == receive.started_at + timedelta(minutes=60)
    assert solve.next_at == solve.due_at - timedelta(days=1)


def test_escalation_restarts_clocks_and_report_restarts_progress(city: Cast) -> None:
    appeal = taken_milk(city)
    old = running(appeal, ClockKind.SOLVE)
    pass_time(100, appeal)
    oversight_actions.escalate(appeal.pk, city.milk, why="全市缺货")
    old.refresh_from_db()
    assert old.stopped_at is not None
    assert {c.kind for c in clocks.running(appeal.pk)} == {"respond", "solve", "progress"}
    new = running(appeal, ClockKind.SOLVE)
    assert new.due_at - new.started_at == timedelta(minutes=old.minutes)
    progress = running(appeal, ClockKind.PROGRESS)
    pass_time(10, appeal)
    bureau = actor_of(User.objects.get(username="bureau-handler"))
    actions.accept(appeal.pk, bureau)
    handling_actions.report(appeal.pk, bureau, words="正在调货")
    after = running(appeal, ClockKind.PROGRESS)
    assert after.pk != progress.pk
    assert after.due_at > timezone.now() + timedelta(hours=47)
    handling_actions.resolve(appeal.pk, bureau, words="送到了")
    assert {c.kind for c in clocks.running(appeal.pk)} == {"feedback"}


def test_return_pauses_the_units_clocks_until_the_ruling(city: Cast) -> None:
    appeal = taken_milk(city)
    arrive = running(appeal, ClockKind.ARRIVE)
    actions.return_(appeal.pk, city.milk, why="不归我们")
    assert running(appeal, ClockKind.ARRIVE).paused_at is not None
    assert running(appeal, ClockKind.RULING).due_at < timezone.now() + timedelta(hours=5)
    pass_time(3, appeal)
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="就是你们的")
    back = running(appeal, ClockKind.ARRIVE)
    assert (back.pk, back.paused_at) == (arrive.pk, None)
    assert timedelta() <= back.due_at - arrive.due_at < timedelta(minutes=1)
    assert {c.kind for c in clocks.running(appeal.pk)} == {"arrive", "solve"}


def test_question_pauses_progress_and_ruling_clocks(city: Cast) -> None:
    appeal = taken_milk(city)
    oversight_actions.escalate(appeal.pk, city.milk, why="全市缺货")
    bureau = actor_of(User.objects.get(username="bureau-handler"))
    actions.accept(appeal.pk, bureau)
    handling_actions.extend(
        appeal.pk, bureau, until=timezone.now() + timedelta(days=40), why="等货"
    )
    kinds = (ClockKind.PROGRESS, ClockKind.RULING)
    before = [running(appeal, kind).due_at for kind in kinds]
    handling_actions.ask(appeal.pk, bureau, words="几段？")
    pass_time(100, appeal)
    assert sweep_all() == 0
    handling_actions.supply(appeal.pk, requester(appeal), words="一段")
    for kind, due in zip(kinds, before, strict=True):
        assert timedelta() <= running(appeal, kind).due_at - due < timedelta(minutes=1)


def test_refused_return_leaves_no_dispatch_clock(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="不归我们")
    actions.sort(appeal.pk, city.dispatcher, category="milk")
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="就是你们的")
    assert {c.kind for c in clocks.running(appeal.pk)} == {"arrive", "solve"}


def test_answer_ends_a_pending_return(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="问政策的")
    actions.answer(appeal.pk, city.dispatcher, words="凭户口本领取")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.returned) == ("resolved", False)
    assert {c.kind for c in clocks.running(appeal.pk)} == {"feedback"}
    assert not rulings.pending(city.dispatcher).exists()


def test_time_beyond_the_calendar_runs_round_the_clock() -> None:
    far = datetime(2099, 1, 1, tzinfo=UTC)
    assert shift(far, 60, working=True) >= far
