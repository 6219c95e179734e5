"""Chasing: due clocks are found by index and processed once even if workers die; escalation."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from tests.cast import Cast, cast, file_one, requester, taken_milk
from tests.cities import City, in_threads
from tests.databases import database_url
from tests.oversight.clock import pass_time, sweep_all
from yinghu.appeals import actions, closing_actions, handling_actions, moving
from yinghu.appeals.models import Appeal, ChaseStep, Clock, Event, Policy
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import sweep, whistle_actions
from yinghu.oversight.actions import CHASE, ESCALATE
from yinghu.people.access import actor_of
from yinghu.people.models import User
from yinghu.reactions import react

HOURS_OF_SOLVE = 168


def chased(appeal: Appeal) -> list[tuple[str, str, str]]:
    """(clock, act, tell) of each step so far."""
    events = appeal.events.filter(verb=CHASE.name).order_by("seq")
    return [(e.facts["clock"], e.facts["act"], e.facts["tell"]) for e in events]


@pytest.mark.django_db
def test_chase_steps_run_once_and_in_order(city: Cast) -> None:
    appeal = file_one()
    assert sweep_all() == 0
    for hours, step in (
        (1.7, ("receive", "remind", "holder")),
        (0.4, ("receive", "urge", "holder")),
        (0.4, ("receive", "urge", "head")),
        (0.6, ("receive", "report", "supervisor")),
        (1.0, ("receive", "report", "command")),
    ):
        pass_time(hours, appeal)
        assert sweep_all() == 1
        assert chased(appeal)[-1] == step
        assert sweep_all() == 0
    assert len(chased(appeal)) == 5
    receive = Clock.objects.get(appeal=appeal, kind="receive")
    assert receive.next_at is None
    appeal.refresh_from_db()
    # Events are numbered without a gap, and chasing causes no version conflict for the clerk.
    assert list(appeal.events.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5, 6]
    actions.sort(appeal.pk, city.clerk, category="milk", expect=1)


@pytest.mark.django_db
def test_overdue_steps_run_at_once_without_the_reminder(city: Cast) -> None:
    appeal = file_one()
    pass_time(2.5, appeal)
    sweep_all()
    assert chased(appeal) == [("receive", "urge", "holder"), ("receive", "urge", "head")]


@pytest.mark.django_db
def test_paused_and_stopped_clocks_are_not_chased(city: Cast) -> None:
    waiting, done = taken_milk(city), taken_milk(city)
    handling_actions.ask(waiting.pk, city.milk, words="几段？")
    handling_actions.resolve(done.pk, city.milk, words="送到了")
    closing_actions.close(done.pk, city.clerk)
    pass_time(5000)
    assert sweep_all() == 0


@pytest.mark.django_db
def test_two_clocks_of_a_case_are_chased_in_one_sweep(city: Cast) -> None:
    appeal = file_one()
    pass_time(24 * 8, appeal)
    assert sweep_all() == 2
    assert Counter(clock for clock, _act, _tell in chased(appeal)) == {"receive": 4, "solve": 1}
    appeal.refresh_from_db()
    assert appeal.version == appeal.events.count() == 6


@pytest.mark.django_db
def test_changed_chase_steps_apply_to_running_clocks(city: Cast) -> None:
    appeal = file_one()
    ChaseStep.objects.update(active=False)
    ChaseStep.objects.create(percent=50, act="remind", tell="supervisor")
    assert sweep.plan_anew(limit=1) == Clock.objects.filter(stopped_at=None).count()
    receive = Clock.objects.get(appeal=appeal, kind="receive")
    assert receive.next_at == receive.due_at - timedelta(minutes=60)
    pass_time(1.1, appeal)
    sweep_all()
    assert chased(appeal) == [("receive", "remind", "supervisor")]


@pytest.mark.django_db
def test_neglected_case_escalates_from_grid_to_command(city: Cast) -> None:
    appeal = file_one(area="330782008001003", category="environment")
    actions.sort(appeal.pk, city.clerk, category="environment")
    actions.assign(appeal.pk, city.dispatcher, unit="grid-futian-3")
    appeal.refresh_from_db()
    assert (appeal.level, appeal.lead) == (5, None)
    path = []
    for _ in range(6):
        pass_time(49, appeal)
        sweep_all()
        appeal.refresh_from_db()
        path.append((appeal.level, appeal.unit and appeal.unit.code))
    assert path == [
        (4, "community-futian"),
        (3, "town-futian"),
        (2, "bureau-environment"),
        (1, "command"),
        (1, "command"),
        (1, "command"),
    ]
    assert appeal.lead is not None
    assert appeal.lead.code == "grid-futian-3"
    raised = appeal.events.filter(verb=ESCALATE.name).order_by("seq")
    assert [(e.actor_kind, e.facts["from"], e.facts["to"]) for e in raised] == [
        ("system", 5, 4),
        ("system", 4, 3),
        ("system", 3, 2),
        ("system", 2, 1),
    ]
    # The first receiver still sees the case; an unrelated unit does not.
    grid = actor_of(User.objects.get(username="grid-futian"))
    handling_actions.note(appeal.pk, grid, why="白天去看过")
    with pytest.raises(moving.NotFound):
        handling_actions.note(appeal.pk, city.milk, why="路过")


@pytest.mark.django_db
def test_repeated_reaction_escalates_once(city: Cast) -> None:
    appeal = taken_milk(city)
    pass_time(HOURS_OF_SOLVE * 2.1, appeal)
    sweep.chase()
    events = list(Event.objects.values_list("pk", flat=True))
    for _ in range(3):
        react(events=events)
    raised = appeal.events.get(verb=ESCALATE.name)
    assert raised.why == "“解决”用到时限的 200%"


@pytest.mark.django_db
def test_case_resolved_after_the_chase_is_not_escalated(city: Cast) -> None:
    appeal = taken_milk(city)
    pass_time(HOURS_OF_SOLVE * 2.1, appeal)
    sweep.chase()
    handling_actions.resolve(appeal.pk, city.milk, words="刚刚送到")
    react(events=list(Event.objects.values_list("pk", flat=True)))
    assert not appeal.events.filter(verb=ESCALATE.name).exists()


@pytest.mark.django_db
def test_second_agreed_return_escalates(city: Cast) -> None:
    appeal = file_one(area="330782008001003")
    actions.sort(appeal.pk, city.clerk, category="environment")
    for turn in (1, 2):
        actions.assign(appeal.pk, city.dispatcher, unit="town-futian")
        actions.return_(appeal.pk, city.town_head, why="不归街道")
        event = oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="同意")
        react(events=[event.pk])
        appeal.refresh_from_db()
        assert (appeal.level < 3) == (turn == 2)
    assert appeal.unit is not None
    assert appeal.unit.code == "bureau-environment"
    # A ruling on an extension does not count as another return.
    bureau = actor_of(User.objects.get(username="bureau-handler"))
    actions.accept(appeal.pk, bureau)
    until = timezone.now() + timedelta(days=40)
    handling_actions.extend(appeal.pk, bureau, until=until, why="要检测")
    event = oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="同意")
    react(events=[event.pk])
    appeal.refresh_from_db()
    assert (appeal.level, appeal.status) == (2, "handling")


@pytest.mark.django_db
@pytest.mark.parametrize("agree", [True, False])
def test_return_settled_by_reassignment_counts_for_escalation(city: Cast, agree: bool) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="是药")
    actions.assign(appeal.pk, city.dispatcher, unit="food")
    food = actor_of(User.objects.get(username="food-handler"))
    actions.return_(appeal.pk, food, why="也不归我们")
    event = oversight_actions.rule(appeal.pk, city.dispatcher, agree=agree, why="看过")
    react(events=[event.pk])
    appeal.refresh_from_db()
    assert (appeal.level < 3) == agree


@pytest.mark.django_db
def test_unsatisfied_rating_reopens_then_escalates(city: Cast) -> None:
    appeal = taken_milk(city)
    for turn in (1, 2):
        if turn == 2:
            appeal.refresh_from_db()
            assert (appeal.status, appeal.holder_id) == ("handling", city.milk.user_id)
        handling_actions.resolve(appeal.pk, city.milk, words="送到了")
        me = requester(appeal)
        rated = closing_actions.rate(
            appeal.pk, me, solved=True, satisfaction="no", words="还是空罐"
        )
        react(events=[rated.pk])
        reopened = appeal.events.get(seq=rated.seq + 1)
        assert (reopened.verb, reopened.words) == ("reopen", "还是空罐")
        react(events=[reopened.pk])
    appeal.refresh_from_db()
    assert (appeal.level, appeal.unit and appeal.unit.code) == (2, "bureau-commerce")
    assert appeal.lead is not None
    assert appeal.lead.code == "milk"


@pytest.mark.django_db
def test_emergency_escalates_if_the_policy_says_so(city: Cast) -> None:
    for wanted in (0, 1):
        Policy.objects.update_or_create(pk="raise_emergency", defaults={"value": wanted})
        appeal = file_one(category="medical")
        actions.sort(appeal.pk, city.clerk, category="medical", urgency=3)
        event = actions.assign(appeal.pk, city.dispatcher, unit="medical")
        react(events=[event.pk])
        appeal.refresh_from_db()
        assert (appeal.lead is not None) == bool(wanted)


@pytest.mark.django_db
def test_unanswered_whistle_escalates_the_case(city: Cast) -> None:
    appeal = file_one(area="330782008001003")
    actions.sort(appeal.pk, city.clerk, category="environment")
    actions.assign(appeal.pk, city.dispatcher, unit="community-futian")
    community = actor_of(User.objects.get(username="community-head"))
    whistle_actions.whistle(
        appeal.pk,
        community,
        occasion="people",
        units=["bureau-health", "bureau-urban"],
        until=timezone.now() + timedelta(hours=2),
        place="东门",
        why="污水倒灌",
    )
    # Reported to the supervisor at 150 % and to the command at 200 %, but escalated only once.
    for hours in (3.1, 1):
        pass_time(hours, appeal)
        sweep_all()
        appeal.refresh_from_db()
        assert (appeal.level, appeal.unit and appeal.unit.code) == (3, "town-futian")
    assert ("whistle", "report", "command") in chased(appeal)


@pytest.mark.django_db
def test_escalating_above_the_top_level_is_refused(city: Cast) -> None:
    appeal = taken_milk(city)
    for _ in range(2):
        oversight_actions.escalate(appeal.pk, city.commander, why="提级")
    before = appeal.events.count()
    with pytest.raises(moving.Conflict) as refused:
        oversight_actions.escalate(appeal.pk, city.commander, why="再提")
    assert refused.value.code == "top_level"
    assert appeal.events.count() == before


def many(count: int, hours: float) -> list[Appeal]:
    """Create and commit `count` cases that are `hours` old."""
    for n in range(count):
        file_one(f"第{n}件", phone=f"+86139{n:08d}")
    pass_time(hours)
    return list(Appeal.objects.all())


def test_concurrent_workers_chase_each_case_once(own_city: City) -> None:
    appeals = many(60, 2.1)
    dealt: list[int] = []

    def work() -> None:
        while found := sweep.chase(limit=7):
            dealt.append(found)

    in_threads(*[work] * 6)
    # A worker may have found nothing only because others held the remaining rows.
    work()
    assert sum(dealt) == len(appeals)
    events = Event.objects.filter(verb=CHASE.name)
    assert Counter(events.values_list("appeal", flat=True)) == {a.pk: 1 for a in appeals}
    for appeal in Appeal.objects.all():
        assert appeal.version == appeal.events.count() == 2


def test_worker_killed_mid_chase_loses_and_repeats_nothing(own_city: City) -> None:
    appeals = many(10, 2.1)
    given: dict[str, Any] = {"now": timezone.now(), "limit": 6, "verb": CHASE.name}
    with psycopg.connect(database_url(own_city.name)) as dying:
        found = dying.execute(sweep._CHASE, given).fetchone()
        assert found is not None
        assert found[0] == 6
        # While it holds six, another worker processes the rest without waiting.
        assert sweep.chase() == 4
        pid = dying.info.backend_pid
        with psycopg.connect(database_url(own_city.name), autocommit=True) as killer:
            killer.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(psycopg.OperationalError):
            dying.execute("SELECT 1")
    assert sweep.chase() == 6
    assert sweep.chase() == 0
    events = Event.objects.filter(verb=CHASE.name)
    assert Counter(events.values_list("appeal", flat=True)) == {a.pk: 1 for a in appeals}


def test_locked_case_is_left_for_the_next_sweep(own_city: City) -> None:
    first, second = many(2, 2.1)
    with psycopg.connect(database_url(own_city.name)) as somebody:
        somebody.execute("SELECT FROM appeals_appeal WHERE id = %s FOR NO KEY UPDATE", [first.pk])
        assert sweep.chase() == 1
        assert second.events.filter(verb=CHASE.name).exists()
        assert not first.events.filter(verb=CHASE.name).exists()
    assert sweep.chase() == 1
    clerk = cast().clerk
    actions.sort(first.pk, clerk, category="milk", expect=1)


def test_sweep_query_uses_the_index_on_due_clocks(own_city: City) -> None:
    with connection.cursor() as cursor:
        # With so few rows, the planner would otherwise scan and sort.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_sort = off")
        cursor.execute("EXPLAIN " + sweep._CHASE, {"now": timezone.now(), "limit": 9, "verb": "x"})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    # An index scan or a bitmap scan.
    assert "clock_next" in plan
