"""Legs of errands: who may do which step, when, and with what result."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

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
from yinghu.appeals import closing_actions, moving
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import Status
from yinghu.errands import leg_actions
from yinghu.errands.actions import DROP
from yinghu.errands.models import Leg, Offer
from yinghu.people import volunteers
from yinghu.people.access import Actor
from yinghu.people.models import User, Volunteer
from yinghu.verbs import PRIVATE, verb_of

pytestmark = pytest.mark.django_db
HOME = "330782001004001"


def test_relay_into_a_sealed_zone(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city)
    react_to(appeal)
    buy, gate, carry = legs_of(appeal)
    assert [buy.title, gate.title, carry.title] == [
        "去中心医院排队买药",
        "在门口交接",
        "送到家门口",
    ]
    assert (buy.zone, carry.zone) == (None, zone)
    assert appeal.legs == 3
    # The helper inside cannot go to the hospital, so only the other was asked.
    assert list(Offer.objects.filter(leg=buy).values_list("user", flat=True)) == [a.user_id]

    leg_actions.take(buy.pk, a)
    react_to(appeal)
    assert appeal.status == Status.HANDLING
    assert appeal.holder is not None
    assert appeal.holder.posts.filter(unit=appeal.unit).exclude(role="volunteer").exists()
    with pytest.raises(moving.Forbidden, match="通行证"):
        leg_actions.take(carry.pk, helper("路人"))
    leg_actions.take(carry.pk, b)
    with pytest.raises(moving.Conflict, match="轮不到"):
        leg_actions.finish(carry.pk, b, photos=proof())
    with pytest.raises(moving.Refused, match="照片"):
        leg_actions.finish(buy.pk, a)
    leg_actions.finish(buy.pk, a, photos=proof(), paid=4250)
    with pytest.raises(moving.Forbidden, match="不能替别人"):
        leg_actions.hand_over(gate.pk, _staff_of(appeal))
    leg_actions.hand_over(gate.pk, a)
    with pytest.raises(moving.Conflict, match="等对方"):
        leg_actions.hand_over(gate.pk, a)
    with pytest.raises(moving.Conflict, match="轮不到"):
        leg_actions.finish(carry.pk, b, photos=proof())
    leg_actions.hand_over(gate.pk, b)
    react_to(appeal)
    assert appeal.legs == 1
    leg_actions.finish(carry.pk, b, photos=proof())
    react_to(appeal)
    assert (appeal.status, appeal.legs, appeal.result) == (Status.RESOLVED, 0, "药已经送到")
    done = list(Leg.objects.filter(appeal=appeal).order_by("n"))
    assert [leg.state for leg in done] == ["done"] * 3
    assert (done[0].paid, done[0].minutes, done[2].minutes) == (4250, 1, 1)
    # The requester reads what was done, without the names of helpers.
    public = appeal.events.exclude(verb__in=PRIVATE).select_related("unit").order_by("seq")
    said = "\n".join(verb_of(event).told_of(event) + event.words for event in public)
    assert "有人接下了“去中心医院排队买药”" in said
    assert "“在门口交接”完成" in said
    assert "“送到家门口”办好了" in said
    assert "阿东" not in said
    assert "小红" not in said


def _staff_of(appeal: Appeal) -> Actor:
    from yinghu.people.access import actor_of

    assert appeal.unit is not None
    post = appeal.unit.posts.exclude(role="volunteer")[0]
    return actor_of(post.user)


def test_without_a_zone_the_buyer_also_carries(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    assert {leg.holder_id for leg in legs_of(appeal)} == {a.user_id}
    # Both legs go back together, and the next helper is told what was done.
    leg_actions.give_back(buy.pk, a, why="临时有事", kept="排到 35 号")
    buy, carry = legs_of(appeal)
    assert [buy.state, carry.state] == ["open", "open"]
    assert (buy.kept, carry.opened_at) == ("排到 35 号", None)
    assert Offer.objects.get(leg=buy, user=a.user_id).answer == "no"


def test_giving_back_received_goods_reopens_the_hand_over(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    a, b, c = helper("阿东"), helper("小红", inside=zone.code), helper("小李", zones=[zone.code])
    appeal = medicine_case(city)
    react_to(appeal)
    buy, gate, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    leg_actions.take(carry.pk, b)
    leg_actions.finish(buy.pk, a, photos=proof())
    leg_actions.hand_over(gate.pk, b)
    leg_actions.hand_over(gate.pk, a)
    leg_actions.give_back(carry.pk, b, why="摔了一跤")
    gate.refresh_from_db()
    assert (gate.state, gate.giver_id, gate.holder_id) == ("open", b.user_id, None)
    leg_actions.take(carry.pk, c)
    with pytest.raises(moving.Forbidden):
        leg_actions.hand_over(gate.pk, a)
    leg_actions.hand_over(gate.pk, b)
    leg_actions.hand_over(gate.pk, c)
    leg_actions.finish(carry.pk, c, photos=proof())
    react_to(appeal)
    assert appeal.status == Status.RESOLVED


def test_helper_with_both_legs_needs_no_hand_over(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    c = helper("小李", zones=[zone.code])
    appeal = medicine_case(city)
    react_to(appeal)
    buy, gate, carry = legs_of(appeal)
    leg_actions.take(buy.pk, c)
    leg_actions.take(carry.pk, c)
    leg_actions.finish(buy.pk, c, photos=proof())
    gate.refresh_from_db()
    assert gate.state == "done"
    leg_actions.finish(carry.pk, c, photos=proof())
    appeal.refresh_from_db()
    assert appeal.legs == 0


def test_buyer_who_later_takes_the_carrying_needs_no_hand_over(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    c = helper("小李", zones=[zone.code])
    appeal = medicine_case(city)
    react_to(appeal)
    buy, gate, carry = legs_of(appeal)
    leg_actions.take(buy.pk, c)
    leg_actions.finish(buy.pk, c, photos=proof())
    leg_actions.take(carry.pk, c)
    gate.refresh_from_db()
    appeal.refresh_from_db()
    assert (gate.state, appeal.legs) == ("done", 1)


def test_withdrawal_drops_legs_and_notifies_the_holder(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    leg_actions.take(buy.pk, a)
    closing_actions.withdraw(appeal.pk, requester(appeal))
    react_to(appeal)
    assert {leg.state for leg in legs_of(appeal)} == {"dropped"}
    assert appeal.legs == 0
    with pytest.raises(moving.Conflict, match="取消"):
        leg_actions.finish(buy.pk, a)
    event = Event.objects.get(appeal=appeal, verb=DROP.name)
    assert event.facts["told"] == [a.user_id]
    assert event.notifications.filter(user=a.user_id).count() == 1


def test_suspended_volunteer_or_outsider_cannot_take_a_leg(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    volunteers.suspend(
        Volunteer.objects.get(pk=a.user_id), User.objects.get(username="admin"), "没来"
    )
    # Even with posts loaded before the suspension.
    with pytest.raises(moving.Forbidden):
        leg_actions.take(buy.pk, a)
    with pytest.raises(moving.NotFound):
        leg_actions.take(buy.pk, city.urban)
    with pytest.raises(moving.NotFound):
        leg_actions.take(buy.pk, requester(appeal))


def test_helper_cannot_take_own_case_or_exceed_the_limit(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    Volunteer.objects.filter(pk=a.user_id).update(caller=medicine_case(city).caller)
    appeal = medicine_case(city)
    react_to(appeal)
    with pytest.raises(moving.Forbidden, match="自己的诉求"):
        leg_actions.take(legs_of(appeal)[0].pk, a)
    b = helper("小红")
    Volunteer.objects.get(pk=b.user_id).squad.__class__.objects.filter(code="care").update(
        most_held=2
    )
    for _each in range(2):
        other = medicine_case(city)
        react_to(other)
        leg_actions.take(legs_of(other)[0].pk, b)
    with pytest.raises(moving.Conflict, match="2 件"):
        leg_actions.take(legs_of(appeal)[0].pk, b)


def test_wrong_clock_of_a_phone_does_not_distort_hours(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    leg_actions.finish(buy.pk, a, photos=proof(), at=timezone.now() + timedelta(days=400))
    leg_actions.finish(carry.pk, a, photos=proof(), at=timezone.now() - timedelta(days=400))
    for leg in legs_of(appeal):
        assert leg.done_at is not None
        assert leg.minutes == 1
        assert leg.taken_at is not None
        assert leg.taken_at <= leg.done_at <= timezone.now()
