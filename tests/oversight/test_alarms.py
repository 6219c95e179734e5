"""Alarms: raised by what is filed, said or pressed, seen by name, judged, and chased."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.cast import Cast, dispatched, file_one, requester, taken_milk
from tests.oversight.alarms import FIRE, look, numbers_in_lane
from tests.oversight.clock import pass_time, sweep_all
from yinghu.appeals import actions, clocks, closing_actions, handling_actions
from yinghu.appeals.filing import Filing, file_many
from yinghu.appeals.models import Appeal, Category, Clock, Event, Policy
from yinghu.appeals.moving import Conflict, Forbidden, NotFound
from yinghu.appeals.states import ALARM_CLOCKS, ClockKind
from yinghu.notifications.models import Notification
from yinghu.oversight import alarm_actions, alarms
from yinghu.people.access import SYSTEM, actor_of
from yinghu.people.models import Post, Role, Unit, User
from yinghu.verbs import INSIDE, PRIVATE

pytestmark = pytest.mark.django_db


def minutes_left(appeal: Appeal, kind: ClockKind) -> float:
    """Minutes from filing until the running clock of this kind is due."""
    clock = Clock.objects.get(appeal=appeal.pk, kind=kind, stopped_at=None)
    return (clock.due_at - appeal.filed_at).total_seconds() / 60


def told_of(appeal: Appeal, verb: str, **facts: str) -> set[str]:
    """Logins that were told of the case's events of this verb, with these facts."""
    found = Notification.objects.filter(event__appeal=appeal.pk, event__verb=verb)
    found = found.filter(**{f"event__facts__{name}": value for name, value in facts.items()})
    return set(found.values_list("user__username", flat=True))


def test_filed_danger_reaches_every_desk_with_its_own_clock(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    assert (appeal.status, appeal.urgency, appeal.alarmed) == ("filed", 3, True)
    raised = appeal.events.get(verb="alarm")
    assert raised.actor_kind == "system"
    assert raised.facts["was"] == 1
    assert raised.facts["words"]
    assert told_of(appeal, "alarm") >= {"clerk", "dispatcher", "supervisor", "commander"}
    assert minutes_left(appeal, ClockKind.ALARM) == pytest.approx(5, abs=0.1)
    assert minutes_left(appeal, ClockKind.SOLVE) == pytest.approx(120, abs=0.1)
    for actor in (city.clerk, city.dispatcher, city.operator, city.commander):
        assert numbers_in_lane(actor) == [appeal.number]
    for actor in (city.milk, city.volunteer, city.town_head):
        assert numbers_in_lane(actor) == []


@pytest.mark.parametrize("words", ["路灯不亮", "房屋开裂", "去年这里淹死过人，请装护栏"])
def test_ordinary_filing_raises_no_alarm(city: Cast, words: str) -> None:
    appeal = look(file_one(words))
    assert not appeal.alarmed
    assert not appeal.events.filter(verb="alarm").exists()
    assert minutes_left(appeal, ClockKind.SOLVE) == pytest.approx(7 * 24 * 60, abs=0.1)


def test_answer_that_means_danger_raises_an_alarm(city: Cast) -> None:
    assert "急症" in Category.objects.get(pk="medical").questions[0]["danger"]
    appeal = look(file_one("要去中心医院", category="medical", answers={"reason": "急症"}))
    assert appeal.alarmed
    assert appeal.events.get(verb="alarm").facts["words"][0] == "就医原因 急症"


def test_later_word_raises_an_alarm_whose_clock_runs_from_then(city: Cast) -> None:
    appeal = look(file_one("楼下一直有焦味，请来看看"))
    pass_time(3, appeal)
    handling_actions.supply(appeal.pk, requester(appeal), words=FIRE)
    look(appeal)
    assert appeal.alarmed
    clock = Clock.objects.get(appeal=appeal.pk, kind=ClockKind.ALARM)
    assert clock.due_at - timezone.now() == pytest.approx(
        timedelta(minutes=5), abs=timedelta(seconds=10)
    )


def test_words_of_staff_raise_no_alarm(city: Cast) -> None:
    appeal = dispatched(file_one(), city)
    handling_actions.note(appeal.pk, city.clerk, why=FIRE)
    handling_actions.ask(appeal.pk, city.dispatcher, words="是不是着火了，有人被困吗")
    assert not look(appeal).alarmed


def test_old_message_imported_today_raises_no_alarm(city: Cast) -> None:
    appeal = look(file_one(FIRE, said_at=timezone.now() - timedelta(days=2)))
    assert not appeal.alarmed


def test_operator_raises_an_alarm_once(city: Cast) -> None:
    appeal = file_one()
    alarm_actions.alarm(appeal.pk, city.operator, why="电话里听见有人喊救命")
    with pytest.raises(Conflict, match="已经在报警"):
        alarm_actions.alarm(appeal.pk, city.clerk, why="再报一次")
    appeal.refresh_from_db()
    assert (appeal.alarmed, appeal.urgency) == (True, 3)


def test_first_to_look_is_named_and_the_clock_stops(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    alarm_actions.acknowledge(appeal.pk, city.clerk)
    with pytest.raises(Conflict, match="已经有人在看"):
        alarm_actions.acknowledge(appeal.pk, city.dispatcher)
    appeal.refresh_from_db()
    assert appeal.alarmed
    assert not Clock.objects.filter(
        appeal=appeal.pk, kind=ClockKind.ALARM, stopped_at=None
    ).exists()


def test_unseen_alarm_goes_to_the_next_in_line(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    pass_time(5.5 / 60, appeal)
    sweep_all()
    assert told_of(appeal, "chase", clock="alarm") == {"supervisor"}
    pass_time(5.5 / 60, appeal)
    sweep_all()
    assert told_of(appeal, "chase", clock="alarm") == {"supervisor", "commander"}


def test_alarm_that_nobody_judges_rings_again(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    alarm_actions.acknowledge(appeal.pk, city.clerk)
    pass_time(9.5 / 60, appeal)
    sweep_all()
    assert alarms.read_alarms(alarms.alarmed_cases(city.clerk))[0].clock is None
    pass_time(1 / 60, appeal)
    sweep_all()
    look(appeal)
    (rings,) = alarms.read_alarms(alarms.alarmed_cases(city.clerk))
    assert (rings.clock is not None, rings.seen_by) == (True, "")
    assert rings.words
    assert told_of(appeal, "chase", clock="judge") == {"supervisor"}
    alarm_actions.dismiss_alarm(appeal.pk, city.clerk)
    assert not Clock.objects.filter(
        appeal=appeal.pk, kind__in=ALARM_CLOCKS, stopped_at=None
    ).exists()


def test_dismissed_alarm_restores_urgency_and_limits(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    alarm_actions.dismiss_alarm(appeal.pk, city.clerk, why="是演习")
    appeal.refresh_from_db()
    assert (appeal.alarmed, appeal.urgency) == (False, 1)
    assert minutes_left(appeal, ClockKind.SOLVE) == pytest.approx(7 * 24 * 60, abs=0.1)
    assert numbers_in_lane(city.clerk) == []
    # The same words are not read again, another message is.
    assert not look(appeal).alarmed
    handling_actions.supply(appeal.pk, requester(appeal), words="真的，人还在里面，烟很大")
    assert look(appeal).alarmed


def test_confirmed_alarm_keeps_the_limits_of_danger(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    alarm_actions.confirm_alarm(appeal.pk, city.operator)
    appeal.refresh_from_db()
    assert (appeal.alarmed, appeal.urgency) == (False, 3)
    assert minutes_left(appeal, ClockKind.SOLVE) == pytest.approx(120, abs=0.1)
    with pytest.raises(Conflict):
        alarm_actions.dismiss_alarm(appeal.pk, city.clerk)


def test_dismissing_a_later_alarm_leaves_a_confirmed_danger(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    alarm_actions.confirm_alarm(appeal.pk, city.clerk)
    handling_actions.supply(appeal.pk, requester(appeal), words="着火了，有人被困，快来救人")
    assert look(appeal).alarmed
    alarm_actions.dismiss_alarm(appeal.pk, city.clerk, why="说的是同一件")
    appeal.refresh_from_db()
    assert (appeal.alarmed, appeal.urgency) == (False, 3)


def test_new_danger_rings_again_while_somebody_looks_at_the_first(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    alarm_actions.acknowledge(appeal.pk, city.clerk)
    handling_actions.supply(appeal.pk, requester(appeal), words="孩子没有呼吸了，快来人")
    look(appeal)
    (shown,) = alarms.read_alarms(alarms.alarmed_cases(city.clerk))
    assert (shown.seen_by, shown.clock is not None) == ("", True)
    assert "呼吸" in "".join(shown.words)
    assert appeal.events.filter(verb="alarm").count() == 2
    alarm_actions.dismiss_alarm(appeal.pk, city.clerk)
    appeal.refresh_from_db()
    assert (appeal.alarmed, appeal.urgency) == (False, 1)


def test_what_was_done_before_a_later_word_was_read_hides_no_danger(city: Cast) -> None:
    appeal = look(file_one("要一箱奶粉"))
    actions.sort(appeal.pk, city.clerk, category="milk")
    handling_actions.supply(appeal.pk, requester(appeal), words="孩子没有呼吸了，快来人")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    actions.correct(appeal.pk, city.clerk, area="330782008001", why="地址")
    assert look(appeal).alarmed


def test_alarm_by_a_later_word_leaves_clocks_that_stopped_in_time(city: Cast) -> None:
    appeal = dispatched(file_one("要一箱奶粉", category="milk"), city)
    stopped = Clock.objects.filter(appeal=appeal.pk).exclude(stopped_at=None)
    before = dict(stopped.values_list("kind", "due_at"))
    assert ClockKind.RECEIVE in before
    handling_actions.supply(appeal.pk, requester(appeal), words="孩子没有呼吸了，快来人")
    assert look(appeal).alarmed
    assert dict(stopped.values_list("kind", "due_at")) == before
    assert minutes_left(appeal, ClockKind.SOLVE) == pytest.approx(120, abs=0.1)


def test_alarm_is_no_deadline_of_the_unit(city: Cast) -> None:
    appeal = dispatched(file_one("要一箱奶粉", category="milk"), city)
    alarm_actions.alarm(appeal.pk, city.milk, why="电话里说婴儿没反应了")
    appeal.refresh_from_db()
    of_alarm = Clock.objects.get(appeal=appeal.pk, kind=ClockKind.ALARM)
    assert of_alarm.due_at < appeal.due_at
    assert clocks.first_due([appeal], city.milk)[appeal.pk].kind != ClockKind.ALARM


def test_evidence_hides_numbers_and_is_not_for_volunteers(city: Cast) -> None:
    appeal = look(file_one("着火了救命13712345678有人被困", phone="13712345678"))
    raised = appeal.events.get(verb="alarm")
    assert "13712345678" not in f"{raised.facts} {raised.why}"
    assert raised.verb in INSIDE


def test_single_filings_and_alarms_wait_for_no_import(city: Cast) -> None:
    ProcrastinateJob.objects.all().delete()
    imported = file_many([Filing(FIRE, "file"), Filing(FIRE, "file")], SYSTEM, imported=True)
    single = file_many([Filing(FIRE, "api"), Filing("路灯不亮", "api")], SYSTEM)
    read = ProcrastinateJob.objects.filter(task_name="yinghu.look_for_danger")
    (first, later) = read.order_by("-priority", "id")
    assert [Event.objects.get(pk=job.args["events"][0]).appeal_id for job in (first, later)] == [
        single[0],
        imported[0],
    ]
    alarm_actions.alarm(single[1], city.clerk, why="电话里喊救命")
    told = ProcrastinateJob.objects.filter(task_name="yinghu.react").latest("id")
    assert (told.queue_name, told.priority > 0) == ("alarm", True)


@pytest.mark.parametrize("urgency", [1, 3])
def test_sorting_judges_the_alarm(city: Cast, urgency: int) -> None:
    appeal = look(file_one(FIRE))
    actions.sort(appeal.pk, city.clerk, category="urban", urgency=urgency)
    appeal.refresh_from_db()
    assert (appeal.alarmed, appeal.urgency) == (False, urgency)
    assert not Clock.objects.filter(
        appeal=appeal.pk, kind=ClockKind.ALARM, stopped_at=None
    ).exists()


def test_sorted_before_the_worker_came_raises_no_alarm(city: Cast) -> None:
    appeal = file_one(FIRE)
    actions.sort(appeal.pk, city.clerk, category="urban", urgency=2)
    assert not look(appeal).alarmed


@pytest.mark.parametrize("end", ["answer", "decline"])
def test_case_ended_by_a_desk_leaves_the_lane(city: Cast, end: str) -> None:
    appeal = look(file_one(FIRE))
    if end == "answer":
        actions.answer(appeal.pk, city.clerk, words="消防已到场")
    else:
        closing_actions.decline(appeal.pk, city.clerk, words="已由 119 处理", why="119")
    appeal.refresh_from_db()
    assert not appeal.alarmed
    assert numbers_in_lane(city.clerk) == []
    running = Clock.objects.filter(appeal=appeal.pk, stopped_at=None)
    assert not running.filter(kind__in=(ClockKind.ALARM, ClockKind.SOLVE)).exists()


def test_withdrawn_case_stays_in_the_lane_until_a_desk_has_looked(city: Cast) -> None:
    appeal = look(file_one("丈夫拿刀砍我，快救命"))
    assert appeal.alarmed
    closing_actions.withdraw(appeal.pk, requester(appeal))
    assert numbers_in_lane(city.clerk) == [appeal.number]
    assert Clock.objects.filter(appeal=appeal.pk, kind=ClockKind.ALARM, stopped_at=None).exists()
    alarm_actions.acknowledge(appeal.pk, city.clerk)
    alarm_actions.dismiss_alarm(appeal.pk, city.clerk, why="电话里说没事了")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.alarmed) == ("withdrawn", False)
    assert numbers_in_lane(city.clerk) == []


def test_unit_and_system_cannot_end_a_case_with_an_open_alarm(city: Cast) -> None:
    appeal = taken_milk(city)
    alarm_actions.alarm(appeal.pk, city.milk, why="电话里说婴儿没反应了")
    with pytest.raises(Conflict, match="先判断"):
        handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    with pytest.raises(Conflict, match="先判断"):
        handling_actions.resolve(appeal.pk, SYSTEM, words="送到了")
    master = file_one()
    with pytest.raises(Conflict, match="先判断"):
        closing_actions.merge(appeal.pk, city.clerk, master=master.pk)
    alarm_actions.dismiss_alarm(appeal.pk, city.clerk)
    handling_actions.resolve(appeal.pk, city.milk, words="送到了")


def test_danger_lets_paused_time_go_on(city: Cast) -> None:
    for raise_it in ("supply", "press", "correct"):
        appeal = dispatched(file_one(phone="13712345678"), city)
        handling_actions.ask(appeal.pk, city.dispatcher, words="在几楼")
        paused = Clock.objects.filter(appeal=appeal.pk, stopped_at=None).exclude(paused_at=None)
        assert paused.exists()
        if raise_it == "supply":
            handling_actions.urge(appeal.pk, requester(appeal), words="孩子没有呼吸了，快来人")
            look(appeal)
        elif raise_it == "press":
            alarm_actions.alarm(appeal.pk, city.milk, why="电话里说婴儿没反应了")
        else:
            actions.correct(appeal.pk, city.clerk, urgency=3, why="电话里说婴儿没反应了")
        assert not paused.exists(), raise_it
        assert minutes_left(appeal, ClockKind.SOLVE) == pytest.approx(120, abs=0.1)


def test_given_urgency_judges_an_alarm_also_if_it_is_the_same(city: Cast) -> None:
    appeal = dispatched(file_one(), city)
    alarm_actions.alarm(appeal.pk, city.milk, why="电话里说婴儿没反应了")
    actions.correct(appeal.pk, city.clerk, urgency=3, why="是真的")
    appeal.refresh_from_db()
    assert (appeal.alarmed, appeal.urgency) == (False, 3)
    assert numbers_in_lane(city.clerk) == []


def test_those_who_have_the_case_and_operators_are_told(city: Cast) -> None:
    appeal = dispatched(file_one(), city)
    alarm_actions.alarm(appeal.pk, city.clerk, why="电话里说婴儿没反应了")
    told = told_of(look(appeal), "alarm")
    assert {"operator", "milk-handler", "dispatcher", "supervisor", "commander"} <= told


def test_confirmed_danger_is_raised_by_policy_as_an_assigned_one_is(city: Cast) -> None:
    Policy.objects.create(key="raise_emergency", value=1)
    appeal = dispatched(file_one(), city)
    alarm_actions.alarm(appeal.pk, city.milk, why="电话里说婴儿没反应了")
    assert not look(appeal).events.filter(verb="escalate").exists()
    alarm_actions.confirm_alarm(appeal.pk, city.clerk)
    assert look(appeal).events.filter(verb="escalate").count() == 1


def test_lane_shows_unseen_alarms_before_older_ones_that_somebody_looks_at(city: Cast) -> None:
    first, second, third = (look(file_one(FIRE)) for _n in range(3))
    alarm_actions.acknowledge(first.pk, city.clerk)
    assert numbers_in_lane(city.clerk) == [second.number, third.number, first.number]


def test_alarm_of_another_area_is_neither_seen_nor_judged(city: Cast) -> None:
    appeal = look(file_one(FIRE, area="330782008001"))
    elsewhere = User.objects.create_user("clerk-elsewhere")
    desk = Unit.objects.get(posts__user__username="clerk", posts__role=Role.CLERK)
    Post.objects.create(user=elsewhere, unit=desk, role=Role.CLERK, area_id="330782004")
    actor = actor_of(elsewhere)
    assert numbers_in_lane(actor) == []
    with pytest.raises(NotFound):
        alarm_actions.dismiss_alarm(appeal.pk, actor)


@pytest.mark.parametrize("judge", ["acknowledge", "confirm_alarm", "dismiss_alarm"])
def test_requester_and_unit_cannot_judge(city: Cast, judge: str) -> None:
    appeal = dispatched(file_one(), city)
    alarm_actions.alarm(appeal.pk, city.milk, why="电话里说婴儿没反应了")
    verb = getattr(alarm_actions, judge)
    for actor in (requester(appeal), city.milk):
        with pytest.raises(Forbidden):
            verb(appeal.pk, actor)


def test_requester_neither_raises_nor_reads_alarms(city: Cast) -> None:
    appeal = look(file_one(FIRE))
    assert appeal.events.get(verb="alarm").verb in PRIVATE
    with pytest.raises(Forbidden):
        alarm_actions.alarm(appeal.pk, requester(appeal), why="x")
