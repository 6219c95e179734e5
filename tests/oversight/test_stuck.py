"""Every running clock can be stopped, and every expected action is possible."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.cast import Cast, cast, file_one, requester, taken_milk
from tests.cities import City, in_threads
from tests.live import until
from tests.oversight.clock import pass_time
from tests.oversight.test_rulings import login, refused
from tests.oversight.test_whistles import at_community, call, elements, waiting
from yinghu import reactions
from yinghu.appeals import actions, clocks, closing_actions, handling_actions, inboxes
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import Status
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import orphan_cases, rulings, whistle_actions
from yinghu.oversight.actions import ESCALATE
from yinghu.oversight.models import Whistle
from yinghu.oversight.whistle_figures import answering
from yinghu.people.models import Level, Post, Unit


def live(appeal: Appeal) -> set[str]:
    """Kinds of the running clocks."""
    return set(clocks.running(appeal.pk).values_list("kind", flat=True))


@pytest.mark.django_db
def test_answer_ends_the_clocks_of_a_return(city: Cast) -> None:
    appeal = taken_milk(city)
    oversight_actions.escalate(appeal.pk, city.milk, why="货源不够")
    appeal.refresh_from_db()
    above = next(iter(Post.objects.filter(unit=appeal.unit, active=True)))
    actor = login(above.user.username)
    oversight_actions.invite(
        appeal.pk, actor, unit="medicine", until=timezone.now() + timedelta(days=1), why="看库存"
    )
    actions.return_(appeal.pk, actor, why="不归我们")
    actions.answer(appeal.pk, city.dispatcher, words="可以在社区超市买到")
    assert live(appeal) == {"feedback"}
    assert not rulings.pending(city.dispatcher).exists()


@pytest.mark.django_db
def test_sorting_a_returned_case_leaves_no_extra_clock(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="是药")
    actions.sort(appeal.pk, city.dispatcher, category="medicine")
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="还是你们办")
    appeal.refresh_from_db()
    assert appeal.status == Status.HANDLING
    assert live(appeal) == {"arrive", "solve"}


@pytest.mark.django_db
def test_routing_does_not_assign_a_case_with_a_pending_return(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="是谁的说不清")
    event = actions.sort(appeal.pk, city.dispatcher, category="milk")
    reactions.react(events=[event.pk])
    appeal.refresh_from_db()
    assert (appeal.status, appeal.returned) == (Status.SORTED, True)
    assert list(rulings.pending(city.dispatcher)) == [appeal]


@pytest.mark.django_db
def test_question_pauses_all_clocks_until_supplied(city: Cast) -> None:
    appeal = at_community(city)
    oversight_actions.escalate(appeal.pk, login("community-head"), why="社区办不了")
    actions.accept(appeal.pk, city.town_head)
    solve = clocks.running(appeal.pk).get(kind="solve")
    handling_actions.extend(
        appeal.pk, city.town_head, until=solve.due_at + timedelta(days=1), why="等货"
    )
    handling_actions.ask(appeal.pk, city.town_head, words="是哪一家？")
    refused("wrong_status", handling_actions.report, appeal, city.town_head, words="在等回答")
    refused("wrong_status", oversight_actions.rule, appeal, city.dispatcher, agree=True, why="同意")
    assert not clocks.running(appeal.pk).filter(paused_at=None).exists()
    pass_time(2000, appeal)
    handling_actions.supply(appeal.pk, requester(appeal), words="东头那家")
    assert not clocks.running(appeal.pk).filter(clocks.overdue(timezone.now())).exists()
    assert {"progress", "ruling", "solve"} <= live(appeal)
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="不用等")


@pytest.mark.django_db
def test_invited_unit_that_receives_the_case_can_still_reply(city: Cast) -> None:
    appeal = at_community(city)
    community = login("community-head")
    until = timezone.now() + timedelta(days=1)
    oversight_actions.invite(appeal.pk, community, unit="town-futian", until=until, why="派执法队")
    oversight_actions.escalate(appeal.pk, community, why="社区办不了")
    oversight_actions.reply(appeal.pk, city.town_head, why="执法队已到")
    assert not clocks.running(appeal.pk).filter(kind="help").exists()


@pytest.mark.django_db
def test_called_unit_can_answer_after_the_case_moved_on(city: Cast) -> None:
    appeal = at_community(city)
    community = login("community-head")
    whistle_actions.whistle(appeal.pk, community, **call(units=["town-futian"]))
    oversight_actions.escalate(appeal.pk, community, why="社区办不了")
    actions.assign(appeal.pk, city.dispatcher, unit="bureau-environment")
    assert inboxes.visible(city.town_head).filter(pk=appeal.pk).exists()
    whistle_actions.report_in(appeal.pk, city.town_head)
    whistle_actions.measures(appeal.pk, city.town_head, **elements())
    assert waiting(appeal) == {("grade", "community-futian")}


@pytest.mark.django_db
def test_agreed_extension_never_shortens_the_deadline(city: Cast) -> None:
    appeal = taken_milk(city)
    due = clocks.running(appeal.pk).get(kind="solve").due_at
    handling_actions.extend(appeal.pk, city.milk, until=due + timedelta(days=1), why="等货")
    far = due + timedelta(days=9)
    handling_actions.extend(appeal.pk, city.dispatcher, until=far, why="全市缺货")
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="同意")
    assert clocks.running(appeal.pk).get(kind="solve").due_at == far


@pytest.mark.django_db
def test_whistle_of_a_withdrawn_case_does_not_count_as_due(city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    closing_actions.withdraw(appeal.pk, requester(appeal))
    refused("wrong_status", whistle_actions.report_in, appeal, login("health-handler"))
    pass_time(3, appeal)
    together = answering(timezone.now())[0]
    assert (together.called, together.due, together.report_in_rate) == (1, 0, None)


@pytest.mark.django_db
def test_timely_report_in_does_not_excuse_a_late_second_one(city: Cast) -> None:
    appeal = at_community(city)
    community, health = login("community-head"), login("health-handler")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    whistle_actions.report_in(appeal.pk, health)
    whistle_actions.grade(appeal.pk, community, unit="bureau-health", satisfaction="yes")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    whistle_actions.contest(appeal.pk, health, why="来过了")
    whistle_actions.judge(
        appeal.pk, city.commander, unit="bureau-health", agree=False, why="还要来"
    )
    over = timezone.now() - timedelta(minutes=1)
    clocks.running(appeal.pk).filter(kind="whistle").update(due_at=over)
    Whistle.objects.filter(pk=Whistle.objects.latest("pk").pk).update(until=over)
    assert whistle_actions.report_in(appeal.pk, health).facts["late"] is True
    together = answering(timezone.now())[0]
    assert (together.due, together.on_time) == (2, 1)


@pytest.mark.django_db
def test_unsettleable_case_does_not_block_settling_others(city: Cast) -> None:
    stuck, free = (file_one(area="330782008001003") for _ in range(2))
    for appeal, unit in ((stuck, "command"), (free, "milk")):
        actions.sort(appeal.pk, city.clerk, category="milk")
        actions.assign(appeal.pk, city.dispatcher, unit=unit)
    Appeal.objects.filter(pk=stuck.pk).update(level=Level.COMMAND)
    Post.objects.filter(unit__code__in=("command", "milk")).update(active=False)
    assert orphan_cases.settle(most=1) == 1
    free.refresh_from_db()
    assert free.unit is not None
    assert free.unit.code != "milk"


def test_concurrent_reasons_escalate_a_case_once(own_city: City) -> None:
    city = cast()
    appeal = at_community(city)
    one, two = (handling_actions.note(appeal.pk, city.dispatcher, why=why) for why in ("甲", "乙"))

    held = threading.Event()

    def raising(event: Event) -> Callable[[], None]:
        def after_it_is_held() -> None:
            assert held.wait(60)
            reactions._raise(event, "两个原因")

        return after_it_is_held

    def hold() -> None:
        with transaction.atomic():
            Appeal.objects.select_for_update().get(pk=appeal.pk)
            held.set()
            until(lambda: threads_waiting() >= 2, "both to wait for the case")

    in_threads(hold, raising(one), raising(two))
    assert appeal.events.filter(verb=ESCALATE.name).count() == 1
    appeal.refresh_from_db()
    assert appeal.unit == Unit.objects.get(code="town-futian")


def threads_waiting() -> int:
    """Number of sessions of this database that wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        found: tuple[Any, ...] = cursor.fetchone()
    return int(found[0])
