"""Reactions to events of errands: a case is resolved only when its legs have served the requester,
and no leg stays with a helper who can do nothing about it.
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
    """A case that was resolved automatically because all its legs are done."""
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


def test_legs_done_before_reopening_do_not_resolve_a_case(city: Cast) -> None:
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
    # A leg planned and finished after reopening does.
    a = helper("小李")
    errand_actions.plan(appeal.pk, _staff(appeal), specs=[{"kind": "visit", "where": "home"}])
    react_to(appeal)
    last = legs_of(appeal)[-1]
    leg_actions.take(last.pk, a)
    leg_actions.finish(last.pk, a)
    react_to(appeal)
    assert appeal.status == Status.RESOLVED
    # The result is not the text of the first time.
    assert appeal.result != "药已经送到"


def test_case_without_its_delivery_is_not_resolved(city: Cast) -> None:
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
    # Finishing another errand does not resolve it either.
    errand_actions.plan(appeal.pk, _staff(appeal), specs=[{"kind": "carry", "where": "home"}])
    react_to(appeal)
    last = legs_of(appeal)[-1]
    leg_actions.take(last.pk, a)
    leg_actions.finish(last.pk, a)
    react_to(appeal)
    assert appeal.status == Status.HANDLING


def test_answer_by_the_desk_drops_legs(city: Cast) -> None:
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


def test_dropping_the_buying_leg_drops_its_hand_over(city: Cast) -> None:
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


def test_concurrent_message_does_not_prevent_resolving(
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


def test_offer_does_not_outdate_the_form_of_the_unit(city: Cast) -> None:
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
