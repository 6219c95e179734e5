"""Corrections of a wrong sorting, at any time, without routing the case again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast, file_one, requester, taken_milk
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, closing_actions, handling_actions, moving
from yinghu.appeals.models import Appeal, Category, Clock, ClockLimit, Event
from yinghu.appeals.states import ClockKind, Status
from yinghu.insight import tally
from yinghu.insight.board import Board, board
from yinghu.notifications.models import Notification
from yinghu.reactions import react

pytestmark = pytest.mark.django_db

WHY = "把药品看成奶粉了"


def limit(category: str, minutes: int, *, working: bool = False) -> None:
    """Set the limit for solving in this category at every urgency."""
    for urgency in (1, 2, 3):
        ClockLimit.objects.update_or_create(
            kind=ClockKind.SOLVE.value,
            urgency=urgency,
            category_id=category,
            defaults={"minutes": minutes, "working": working},
        )


def solve_clock(appeal: Appeal) -> Clock:
    return appeal.clocks.filter(kind=ClockKind.SOLVE).latest("pk")


def correct(client: Client, appeal: Appeal, **given: Any) -> Any:
    return client.post(f"/desk/case/{appeal.number}/correct", {"why": WHY, **given})


def lines(found: Board) -> dict[str, int]:
    return {line.key: line.received for line in found.lines["category"] if line.received}


def test_correcting_a_case_in_hand_keeps_unit_and_holder(browse: Browse, city: Cast) -> None:
    limit("medicine", 240)
    appeal = taken_milk(city)
    before = solve_clock(appeal)
    assert before.due_at - before.started_at > timedelta(minutes=240)
    answer = correct(browse("clerk"), appeal, category="medicine", urgency="2")
    assert answer.status_code == 302
    after = Appeal.objects.get(pk=appeal.pk)
    medicine = Category.objects.get(pk="medicine")
    assert (after.category_id, after.klass, after.urgency) == ("medicine", medicine.klass, 2)
    assert (after.status, after.unit_id, after.holder_id) == (
        Status.HANDLING,
        appeal.unit_id,
        appeal.holder_id,
    )
    clock = solve_clock(appeal)
    assert clock.due_at == before.started_at + timedelta(minutes=240)
    assert after.due_at <= clock.due_at
    event = Event.objects.get(appeal=appeal, verb="correct")
    assert event.facts["was"]["category"] == "milk"
    assert event.why == WHY


def test_correction_is_internal_and_notifies_nobody(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    track = f"/t/{appeal.token}"
    told = text_of(browse().get(track)).count("<li")
    notices = Notification.objects.count()
    event = actions.correct(appeal.pk, city.dispatcher, why=WHY, urgency=3)
    react([event.pk])
    page = text_of(browse().get(track))
    assert page.count("<li") == told
    assert WHY not in page
    assert Notification.objects.count() == notices
    assert WHY in text_of(browse("clerk").get(f"/desk/case/{appeal.number}"))


def test_correction_keeps_pause_and_extension(city: Cast) -> None:
    limit("milk", 600)
    limit("medicine", 240)
    appeal = taken_milk(city)
    handling_actions.ask(appeal.pk, city.milk, words="几段的？")
    paused = solve_clock(appeal)
    assert paused.paused_at is not None
    Clock.objects.filter(pk=paused.pk).update(paused_at=paused.paused_at - timedelta(hours=5))
    # While paused, only the time granted so far is known; the pause is added when it ends.
    actions.correct(appeal.pk, city.clerk, why=WHY, category="medicine")
    assert solve_clock(appeal).due_at == paused.started_at + timedelta(minutes=240)
    handling_actions.supply(appeal.pk, requester(appeal), words="一段")
    resumed = solve_clock(appeal).due_at
    added = resumed - paused.started_at - timedelta(minutes=240)
    assert timedelta(hours=5) <= added < timedelta(hours=5, minutes=1)
    handling_actions.extend(
        appeal.pk, city.dispatcher, until=resumed + timedelta(days=1), why="等货"
    )
    actions.correct(appeal.pk, city.clerk, why=WHY, category="milk")
    assert solve_clock(appeal).due_at == resumed + timedelta(days=1, minutes=600 - 240)


@pytest.mark.parametrize("working", [False, True])
def test_correction_switches_between_working_and_clock_time(working: bool, city: Cast) -> None:
    limit("milk", 600, working=not working)
    limit("medicine", 600, working=working)
    appeal = taken_milk(city)
    actions.correct(appeal.pk, city.clerk, why=WHY, category="medicine")
    clock = solve_clock(appeal)
    assert (clock.minutes, clock.working) == (600, working)
    assert clock.due_at == reckoned(clock.started_at, 600, working)


def reckoned(start: datetime, minutes: int, working: bool) -> datetime:
    """The due time of a limit as the database computes it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT places_shift(%s, %s, %s)", [start, float(minutes), working])
        (due,) = cursor.fetchone()
    found: datetime = due
    return found


@pytest.mark.parametrize("folded", [False, True])
def test_correcting_a_closed_case_moves_it_on_the_board(
    folded: bool, browse: Browse, city: Cast
) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    closing_actions.close(appeal.pk, city.clerk)
    tally.fold_all()
    closed = Appeal.objects.get(pk=appeal.pk)
    clocks = list(appeal.clocks.order_by("pk").values())
    before = board()
    assert correct(browse("dispatcher"), appeal, category="medicine").status_code == 302
    if folded:
        tally.fold_all()
    after = board()
    assert (after.received, sum(n for _day, n in after.days)) == (before.received, before.received)
    milk, medicine = lines(before).get("milk", 0), lines(before).get("medicine", 0)
    assert lines(after).get("milk", 0) == milk - 1
    assert lines(after).get("medicine", 0) == medicine + 1
    now = Appeal.objects.get(pk=appeal.pk)
    assert (now.status, now.closed_at) == (Status.CLOSED, closed.closed_at)
    # The clocks that measured the finished work are unchanged.
    assert list(appeal.clocks.order_by("pk").values()) == clocks


def test_invalid_corrections_are_refused(browse: Browse, city: Cast) -> None:
    fresh, milk = file_one(), taken_milk(city)

    def code(appeal: Appeal, **given: Any) -> str:
        with pytest.raises(moving.Refused) as refused:
            actions.correct(appeal.pk, city.clerk, why=WHY, **given)
        return refused.value.code

    assert code(fresh, category="milk") == "wrong_status"
    handling_actions.ask(fresh.pk, city.clerk, words="要什么？")
    assert code(fresh, category="milk") == "not_sorted"
    assert code(fresh, category="no-such") == "unknown_category"
    assert code(fresh, area="no-such") == "unknown_area"
    assert code(milk, category="milk", urgency=milk.urgency) == "nothing_changed"
    with pytest.raises(moving.Forbidden):
        actions.correct(milk.pk, city.milk, why=WHY, category="medicine")
    # The form shows the current sorting; submitted unchanged, it is refused.
    page = text_of(browse("clerk").get(f"/desk/case/{milk.number}"))
    assert 'id="act-correct"' in page
    assert correct(browse("clerk"), milk, category="milk", klass="").status_code == 409
    assert not Event.objects.filter(verb="correct").exists()


def test_sort_form_keeps_its_two_columns(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    assert 'class="fields two"' in text_of(browse("clerk").get(f"/desk/case/{appeal.number}"))
    page = text_of(browse().get(f"/t/{appeal.token}"))
    assert page.count('class="btn w-100 btn-outline-danger"') == 1
