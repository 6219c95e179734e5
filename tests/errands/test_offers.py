"""Offers: fixed helpers first, then the nearest eligible ones, then leaders, then the desk."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.errands.errands import (
    HOSPITAL,
    helper,
    hospital,
    legs_of,
    medicine_case,
    react_to,
    relay,
    sealed,
)
from yinghu.appeals.models import Appeal, Event, Policy
from yinghu.errands import leg_actions
from yinghu.errands import offers as errand_offers
from yinghu.errands.actions import NUDGE, OFFER
from yinghu.errands.leg_actions import GIVE_BACK
from yinghu.errands.models import FixedHelper, Leg, Offer
from yinghu.errands.offers import Stage
from yinghu.notifications.models import Notification
from yinghu.people.access import Actor
from yinghu.people.models import Shift, Unit, User, Volunteer

pytestmark = pytest.mark.django_db
HOME = "330782001004001"
KM = 1 / 111.32
"""Degrees of latitude in a kilometre."""


@pytest.fixture(autouse=True)
def _place(city: Cast) -> None:
    relay()
    hospital()


def away(km: float) -> dict[str, Any]:
    lon, lat = HOSPITAL
    return {"lon": lon, "lat": lat + km * KM}


def asked(leg: Leg) -> set[int]:
    return set(Offer.objects.filter(leg=leg, answer="").values_list("user", flat=True))


def first_leg(city: Cast, **given: Any) -> tuple[Appeal, Leg]:
    appeal = medicine_case(city, **given)
    react_to(appeal)
    return appeal, legs_of(appeal)[0]


def ids(*actors: Actor) -> set[int]:
    return {actor.user_id or 0 for actor in actors}


def later(minutes: float) -> None:
    errand_offers.sweep(now=timezone.now() + timedelta(minutes=minutes))


def test_nearest_helpers_are_asked_and_silent_ones_replaced(city: Cast) -> None:
    near = [helper(f"近{n}", **away(n / 4)) for n in range(1, 6)]
    far = helper("远", **away(8))
    appeal, leg = first_leg(city)
    assert asked(leg) == ids(*near[:3])
    errand_offers.decline_offer(leg.pk, near[0])
    errand_offers.ask_helpers(leg.pk)
    assert asked(leg) == ids(*near[1:4])
    # Without an answer, all three are replaced by those left nearby.
    later(3.5)
    assert Offer.objects.filter(leg=leg, answer="late").count() == 3
    assert asked(leg) == ids(near[4])
    # Later, those farther away.
    later(12)
    assert asked(leg) == ids(far)
    leg.refresh_from_db()
    assert leg.stage == Stage.WIDE
    offers = appeal.events.filter(verb=OFFER.name).order_by("seq")
    assert set(offers[0].facts["told"]) == ids(*near[:3])
    assert Notification.objects.filter(event=offers[0], reason="offered").count() == 3


def test_without_helpers_the_leader_then_the_desk_is_told(city: Cast) -> None:
    leader = User.objects.get(username="care-head")
    appeal, leg = first_leg(city)
    leg.refresh_from_db()
    assert leg.stage == Stage.LEADER
    event = appeal.events.get(verb=OFFER.name)
    assert (event.facts["to"], event.facts["told"]) == ("leader", [])
    assert Notification.objects.filter(event=event, user=leader).exists()
    later(5)
    assert appeal.events.filter(verb=OFFER.name).count() == 1
    later(11)
    last = appeal.events.filter(verb=OFFER.name).last()
    assert last is not None
    assert last.facts["to"] == "desk"
    from yinghu import reactions

    reactions.react([last.pk])
    assert Notification.objects.filter(event=last, user__username="dispatcher").exists()
    # A helper who becomes available is still asked.
    came = helper("来了")
    later(20)
    assert asked(leg) == ids(came)


@pytest.mark.parametrize(
    "unfit",
    [
        {"ready_until": None},
        {"away_until": timedelta(days=1)},
        {"asked_at": timedelta(minutes=-5)},
        {"areas": ["330782002"]},
        {"inside": "north"},
        {"state": "suspended"},
        {"state": "applied"},
        {"lon": None, "lat": None},
    ],
    ids=lambda unfit: "-".join(unfit),
)
def test_ineligible_volunteer_is_not_asked(city: Cast, unfit: dict[str, Any]) -> None:
    sealed("330782009")
    now = timezone.now()
    unfit = {k: now + v if isinstance(v, timedelta) else v for k, v in unfit.items()}
    helper("不合适", **unfit)
    _appeal, leg = first_leg(city)
    assert asked(leg) == set()


def test_skill_pass_and_load_decide_who_is_asked(city: Cast) -> None:
    sealed(HOME, skill="medical")
    template = relay()
    template.legs[0]["skill"] = "car"
    template.save()
    driver = helper("司机", skills=["car"])
    helper("没车")
    appeal, leg = first_leg(city)
    assert asked(leg) == ids(driver)
    leg_actions.take(leg.pk, driver)
    nurse = helper("护士", skills=["medical"], zones=["north"])
    helper("有证不懂医", zones=["north"])
    helper("懂医没证", skills=["medical"])
    errand_offers.ask_for(appeal.pk)
    assert asked(legs_of(appeal)[2]) == ids(nurse)
    # The driver has reached the limit.
    Unit.objects.filter(code="care").update(most_held=1)
    Volunteer.objects.update(asked_at=None)
    _appeal, other = first_leg(city)
    assert asked(other) == set()


def test_hours_and_shifts_make_volunteers_available(city: Cast) -> None:
    now = timezone.localtime()
    hour = now.weekday() * 24 + now.hour
    by_hours = helper("按时", ready_until=None, hours=[hour, (hour + 1) % 168])
    helper("不按时", ready_until=None, hours=[(hour + 5) % 168])
    on_shift = helper("值班", ready_until=None)
    Shift.objects.create(
        unit=Unit.objects.get(code="squad-24h"),
        user_id=on_shift.user_id or 0,
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(hours=1),
    )
    _appeal, leg = first_leg(city)
    assert asked(leg) == ids(by_hours, on_shift)


def test_offers_per_volunteer_and_day_are_limited(city: Cast) -> None:
    Policy.objects.create(key="offer_most_a_day", value=2)
    Policy.objects.create(key="offer_gap_minutes", value=0)
    one = helper("老王")
    for expected in (ids(one), ids(one), set()):
        _appeal, leg = first_leg(city)
        assert asked(leg) == expected


def test_fixed_helper_is_asked_first_and_alone(city: Cast) -> None:
    fixed, near = helper("固定买手"), helper("路过")
    group = Unit.objects.get(code="medicine-central")
    FixedHelper.objects.create(unit=group, kind="buy", user_id=fixed.user_id or 0)
    _appeal, leg = first_leg(city)
    assert asked(leg) == ids(fixed)
    errand_offers.decline_offer(leg.pk, fixed)
    errand_offers.ask_helpers(leg.pk)
    assert asked(leg) == ids(near)


def test_leg_of_a_normal_case_waits_before_offers(city: Cast) -> None:
    one = helper("老王")
    appeal = medicine_case(city)
    Appeal.objects.filter(pk=appeal.pk).update(urgency=1)
    react_to(appeal)
    leg = legs_of(appeal)[0]
    assert asked(leg) == set()
    later(16)
    assert asked(leg) == ids(one)


def test_idle_leg_is_nudged_then_released(city: Cast) -> None:
    one = helper("老王")
    appeal, leg = first_leg(city)
    leg_actions.take(leg.pk, one)
    later(40)
    assert not appeal.events.filter(verb=NUDGE.name).exists()
    later(46)
    assert appeal.events.get(verb=NUDGE.name).facts["told"] == [one.user_id]
    # A sign of activity restarts the holder's time.
    leg_actions.touch(leg.pk, one)
    later(76)
    leg.refresh_from_db()
    assert leg.state == "taken"
    later(107)
    leg.refresh_from_db()
    assert (leg.state, leg.holder_id) == ("open", None)
    gone = Event.objects.get(appeal=appeal, verb=GIVE_BACK.name)
    assert (gone.actor_kind, gone.facts["told"]) == ("system", [one.user_id])
    assert Offer.objects.get(leg=leg, user=one.user_id).answer == "no"


def test_repeated_search_makes_no_new_offer(city: Cast) -> None:
    one = helper("老王")
    appeal, leg = first_leg(city)
    assert asked(leg) == ids(one)
    before = appeal.events.count()
    now = timezone.now()
    Leg.objects.filter(pk=leg.pk).update(next_at=now)
    assert errand_offers.ask_helpers(leg.pk, now) is False
    assert errand_offers.ask_helpers(leg.pk, now) is False
    assert appeal.events.count() == before
