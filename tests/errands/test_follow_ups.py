"""What follows by itself from errands, and what must not: a case is resolved only when what was
promised to its requester is done, and nothing stays in hands that can do nothing about it.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import Cast, requester
from tests.errands.errands import (
    helper,
    hospital,
    legs_of,
    medicine_case,
    proof,
    react_to,
    relay,
    sealed,
)
from yinghu import reactions
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.errands import actions as errand_actions
from yinghu.errands import leg_actions
from yinghu.errands.models import Leg
from yinghu.people import access
from yinghu.people.access import Actor, actor_of

pytestmark = pytest.mark.django_db
HOME = "330782001004001"


def _staff(appeal: Appeal) -> Actor:
    assert appeal.unit is not None
    post = appeal.unit.posts.exclude(role="volunteer").order_by("pk")[0]
    return actor_of(post.user)


def _brought(city: Cast) -> Appeal:
    """A case that was resolved by itself, for all its legs are done."""
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    react_to(appeal)
    leg_actions.finish(buy.pk, a, photos=proof())
    leg_actions.finish(carry.pk, a, photos=proof())
    react_to(appeal)
    assert appeal.status == Status.RESOLVED
    return appeal


def test_what_was_done_before_it_was_reopened_resolves_nothing(city: Cast) -> None:
    appeal = _brought(city)
    closing_actions.rate(
        appeal.pk, requester(appeal), solved=False, satisfaction="no", words="没有收到"
    )
    react_to(appeal)
    assert appeal.status == Status.HANDLING
    handling_actions.supply(appeal.pk, requester(appeal), words="门口没有药")
    react_to(appeal)
    assert appeal.status == Status.HANDLING
    other = access.serving(appeal.unit_id).exclude(pk=appeal.holder_id or 0)[0]
    actions.hand(appeal.pk, _staff(appeal), user=other.username)
    react_to(appeal)
    assert appeal.status == Status.HANDLING
    # What is planned anew and done then does.
    a = helper("小李")
    errand_actions.plan(appeal.pk, _staff(appeal), specs=[{"kind": "visit", "where": "home"}])
    react_to(appeal)
    last = legs_of(appeal)[-1]
    leg_actions.take(last.pk, a)
    leg_actions.finish(last.pk, a)
    react_to(appeal)
    assert appeal.status == Status.RESOLVED
    # And it does not say once more what it said the first time.
    assert appeal.result != "药已经送到"


def test_what_was_bought_and_never_brought_is_not_resolved(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    react_to(appeal)
    leg_actions.finish(buy.pk, a, photos=proof())
    errand_actions.drop(carry.pk, _staff(appeal), why="车坏了，另外安排")
    react_to(appeal)
    assert (appeal.status, appeal.legs) == (Status.HANDLING, 0)
    # Of another errand that was called off whole nothing is waited for, nor told.
    errand_actions.plan(appeal.pk, _staff(appeal), specs=[{"kind": "carry", "where": "home"}])
    react_to(appeal)
    last = legs_of(appeal)[-1]
    leg_actions.take(last.pk, a)
    leg_actions.finish(last.pk, a)
    react_to(appeal)
    assert appeal.status == Status.HANDLING


def test_an_answer_of_the_desk_calls_helpers_off(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    leg_actions.take(legs_of(appeal)[0].pk, a)
    react_to(appeal)
    actions.return_(appeal.pk, _staff(appeal), why="不归我们")
    actions.answer(appeal.pk, city.dispatcher, words="社区已经送到")
    react_to(appeal)
    assert {leg.state for leg in legs_of(appeal)} == {"dropped"}
    assert appeal.legs == 0
    assert not Leg.objects.filter(holder=a.user_id, state="taken").exists()


def test_a_hand_over_from_nobody_does_not_hold_up_who_carries(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    b = helper("小红", inside=zone.code)
    appeal = medicine_case(city)
    react_to(appeal)
    buy, gate, carry = legs_of(appeal)
    a = helper("阿东")
    leg_actions.take(buy.pk, a)
    leg_actions.take(carry.pk, b)
    errand_actions.drop(buy.pk, _staff(appeal), why="家里找到了药")
    react_to(appeal)
    gate.refresh_from_db()
    assert gate.state == "dropped"
    assert appeal.legs == 1
    leg_actions.finish(carry.pk, b, photos=proof())
    appeal.refresh_from_db()
    assert appeal.legs == 0


def test_a_line_in_between_does_not_keep_a_case_from_being_resolved(
    city: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    react_to(appeal)
    leg_actions.finish(buy.pk, a, photos=proof())
    last = leg_actions.finish(carry.pk, a, photos=proof())
    real = handling_actions.resolve
    said: list[Any] = []

    def late(*given: Any, **more: Any) -> Any:
        if not said:
            said.append(errand_actions.say(appeal.pk, a, why="放在门口了"))
        return real(*given, **more)

    monkeypatch.setattr(handling_actions, "resolve", late)
    reactions.react([last.pk])
    appeal.refresh_from_db()
    assert appeal.status == Status.RESOLVED


def test_somebody_asking_does_not_spoil_the_form_of_who_has_the_case(city: Cast) -> None:
    relay()
    hospital()
    helper("阿东")
    appeal = medicine_case(city)
    seen = appeal.version
    react_to(appeal)
    assert appeal.events.filter(verb="offer").exists()
    shown = appeal.events.filter(verb="plan").get().seq
    assert shown > seen
    actions.accept(appeal.pk, _staff(appeal), expect=shown)
