"""The sweep of legs: failing legs, unavailable helpers, and goods not handed over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.errands.errands import (
    begun_relay,
    helper,
    hospital,
    legs_of,
    medicine_case,
    proof,
    react_to,
    relay,
    sealed,
)
from yinghu.errands import leg_actions, offers
from yinghu.errands.membership import has_in_hand
from yinghu.errands.models import FixedHelper, Offer
from yinghu.people import volunteers
from yinghu.people.models import User, Volunteer
from yinghu.places.locate import metres

pytestmark = pytest.mark.django_db
HOME = "330782001004001"


def test_failing_leg_does_not_block_other_legs(city: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    relay()
    hospital()
    bad, good = medicine_case(city), medicine_case(city)
    react_to(bad)
    react_to(good)
    helper("来了")
    wrong, right = legs_of(bad)[0], legs_of(good)[0]
    real = offers.find_nearest_volunteers

    def nearest(appeal: Any, *given: Any) -> Any:
        if appeal.pk == bad.pk:
            raise ValueError("wrong")
        return real(appeal, *given)

    monkeypatch.setattr(offers, "find_nearest_volunteers", nearest)
    now = timezone.now() + timedelta(minutes=4)
    # Even with one leg per round.
    for second in range(3):
        offers.sweep(limit=1, now=now + timedelta(seconds=second))
    assert Offer.objects.filter(leg=right).exists()
    wrong.refresh_from_db()
    assert wrong.next_at is not None
    assert wrong.next_at > now


@pytest.mark.parametrize("how", ["suspended", "away", "own"])
def test_unavailable_fixed_helper_is_not_asked(city: Cast, how: str) -> None:
    relay()
    hospital()
    a, b = helper("阿东"), helper("小李")
    one = Volunteer.objects.get(pk=a.user_id)
    appeal = medicine_case(city)
    assert appeal.unit is not None
    FixedHelper.objects.create(unit=appeal.unit, kind="buy", user_id=a.user_id or 0)
    if how == "suspended":
        volunteers.suspend(one, User.objects.get(username="admin"), "没来")
    elif how == "away":
        volunteers.set_away(one, timezone.now() + timedelta(hours=8))
    else:
        Volunteer.objects.filter(pk=one.pk).update(caller=appeal.caller)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    assert list(Offer.objects.filter(leg=buy).values_list("user", flat=True)) == [b.user_id]


def test_offer_distance_is_measured_from_the_blurred_point(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    b = helper("小红", inside=zone.code)
    appeal = medicine_case(city, lon=120.0722, lat=29.3076)
    react_to(appeal)
    leg_actions.take(legs_of(appeal)[0].pk, helper("阿东"))
    react_to(appeal)
    carry = legs_of(appeal)[2]
    offer = Offer.objects.get(leg=carry, user=b.user_id)
    one = Volunteer.objects.get(pk=b.user_id)
    assert carry.about_lon is not None
    assert carry.about_lat is not None
    assert one.lon is not None
    assert one.lat is not None
    assert offer.metres == round(metres(carry.about_lon, carry.about_lat, one.lon, one.lat))


def test_goods_of_a_suspended_helper_are_reported_to_the_head(city: Cast) -> None:
    begun = begun_relay(city)
    appeal, buy, gate, a = begun.appeal, begun.buy, begun.gate, begun.a
    leg_actions.finish(buy.pk, a, photos=proof())
    react_to(appeal)
    volunteers.suspend(
        Volunteer.objects.get(pk=a.user_id), User.objects.get(username="admin"), "没来"
    )
    offers.free_hands(a.user_id or 0, "志愿者暂停了")
    event = appeal.events.get(verb="nudge")
    assert (event.facts["leg"], event.facts["to"]) == (gate.n, "head")


def test_unconfirmed_hand_over_is_nudged_then_reported_to_the_head(city: Cast) -> None:
    begun = begun_relay(city)
    appeal, buy, gate, a, b = begun.appeal, begun.buy, begun.gate, begun.a, begun.b
    leg_actions.finish(buy.pk, a, photos=proof())
    leg_actions.hand_over(gate.pk, a)
    react_to(appeal)
    for minutes in (1, 30, 46, 60):
        offers.sweep(now=timezone.now() + timedelta(minutes=minutes))
    nudged = [event.facts for event in appeal.events.filter(verb="nudge", facts__leg=gate.n)]
    assert [(each["told"], each["to"]) for each in nudged] == [([b.user_id], "")]
    offers.sweep(now=timezone.now() + timedelta(minutes=100))
    last = appeal.events.filter(verb="nudge", facts__leg=gate.n).order_by("seq").last()
    assert last is not None
    assert last.facts["to"] == "head"
    leg_actions.hand_over(gate.pk, b)
    gate.refresh_from_db()
    assert (gate.state, gate.next_at) == ("done", None)


def test_bought_goods_are_in_hand_until_handed_over(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city)
    react_to(appeal)
    buy, gate, carry = legs_of(appeal)
    user = User.objects.get(pk=a.user_id or 0)
    leg_actions.take(buy.pk, a)
    leg_actions.take(carry.pk, b)
    leg_actions.finish(buy.pk, a, photos=proof())
    assert has_in_hand(user)
    leg_actions.hand_over(gate.pk, a)
    assert not has_in_hand(user)
