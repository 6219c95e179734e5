"""What was decided can be decided again: limits follow, and time goes on where it has to."""

from __future__ import annotations

import pytest

from tests.cast import Cast, dispatched, file_one, requester, taken_milk
from tests.oversight.clock import pass_time
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import ClockKind
from yinghu.reactions import react

pytestmark = pytest.mark.django_db

SOLVE = {1: 7 * 24 * 60, 2: 24 * 60, 3: 120}
"""Minutes of the demo's limit for solving, by urgency."""


def minutes(appeal: Appeal, kind: ClockKind = ClockKind.SOLVE) -> float:
    """Minutes from the start of the case's last clock of this kind until it is due."""
    clock = Clock.objects.filter(appeal=appeal.pk, kind=kind).order_by("pk").last()
    assert clock is not None
    return (clock.due_at - clock.started_at).total_seconds() / 60


def paused(appeal: Appeal) -> set[str]:
    found = Clock.objects.filter(appeal=appeal.pk, stopped_at=None, paused_at__isnull=False)
    return set(found.values_list("kind", flat=True))


@pytest.mark.parametrize("urgency", [2, 3])
def test_sorting_sets_the_limits_of_what_it_decides(city: Cast, urgency: int) -> None:
    appeal = file_one("路灯坏了")
    actions.sort(appeal.pk, city.clerk, category="urban", urgency=urgency)
    assert minutes(appeal) == pytest.approx(SOLVE[urgency], abs=0.1)
    # The receive clock has stopped, and is judged by the limit that was right.
    assert minutes(appeal, ClockKind.RECEIVE) == pytest.approx({2: 30, 3: 5}[urgency], abs=0.1)
    actions.sort(appeal.pk, city.clerk, category="urban", urgency=1)
    assert minutes(appeal) == pytest.approx(SOLVE[1], abs=0.1)


@pytest.mark.parametrize("urgency", [1, 3])
def test_correcting_while_handling_moves_the_limit_up_or_down(city: Cast, urgency: int) -> None:
    appeal = dispatched(file_one(), city)
    actions.accept(appeal.pk, city.milk)
    actions.correct(appeal.pk, city.dispatcher, urgency=2, why="今晚就断")
    assert minutes(appeal) == pytest.approx(SOLVE[2], abs=0.1)
    actions.correct(appeal.pk, city.dispatcher, urgency=urgency, why="再看")
    assert minutes(appeal) == pytest.approx(SOLVE[urgency], abs=0.1)


def test_correcting_keeps_the_length_of_pauses(city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.ask(appeal.pk, city.milk, words="几段奶粉")
    pass_time(5, appeal)
    handling_actions.supply(appeal.pk, requester(appeal), words="一段")
    actions.correct(appeal.pk, city.dispatcher, urgency=2, why="今晚就断")
    assert minutes(appeal) == pytest.approx(SOLVE[2] + 5 * 60, abs=0.5)


def test_correcting_a_resolved_case_changes_what_was_late(city: Cast) -> None:
    appeal = taken_milk(city)
    pass_time(3, appeal)
    handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    solve = Clock.objects.get(appeal=appeal.pk, kind=ClockKind.SOLVE)
    assert solve.stopped_at is not None
    assert solve.stopped_at < solve.due_at
    actions.correct(appeal.pk, city.dispatcher, urgency=3, why="其实是危急")
    solve.refresh_from_db()
    assert solve.stopped_at is not None
    assert solve.stopped_at > solve.due_at


def test_answered_at_once_is_classified_as_suggested(city: Cast) -> None:
    appeal = file_one("请问生育津贴怎么申请，需要什么材料")
    react(events=list(appeal.events.values_list("pk", flat=True)))
    actions.answer(appeal.pk, city.clerk, words="请带身份证和出生证明")
    react(events=list(appeal.events.values_list("pk", flat=True)))
    appeal.refresh_from_db()
    assert (appeal.status, appeal.category_id, appeal.klass) == ("resolved", "labour", "policy")
    last = appeal.events.order_by("seq").last()
    assert last is not None
    assert (last.verb, last.actor_kind) == ("correct", "system")


def test_asking_pauses_if_somebody_can_answer(city: Cast) -> None:
    by_link = file_one(phone="")
    by_phone = file_one(channel="hotline")
    for appeal in (by_link, by_phone):
        handling_actions.ask(appeal.pk, city.clerk, words="在哪里")
        assert "solve" in paused(appeal)


def test_time_goes_on_if_nobody_can_answer(city: Cast) -> None:
    appeal = file_one(channel="feed", phone="", name="")
    event = handling_actions.ask(appeal.pk, city.clerk, words="在哪里")
    assert event.facts == {"goes_on": True}
    assert paused(appeal) == set()


def test_danger_does_not_wait_for_an_answer_without_the_commands_word(city: Cast) -> None:
    appeal = file_one()
    actions.sort(appeal.pk, city.clerk, category="milk", urgency=3)
    handling_actions.ask(appeal.pk, city.dispatcher, words="在哪里")
    assert paused(appeal) == set()
    handling_actions.supply(appeal.pk, requester(appeal), words="三楼")
    handling_actions.ask(appeal.pk, city.commander, words="哪一栋")
    assert "solve" in paused(appeal)
