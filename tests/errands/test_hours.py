"""Hours of service: no minute counts twice, and none is lost while a phone is offline."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.errands.errands import helper, hospital, legs_of, medicine_case, proof, react_to, relay
from yinghu.errands import leg_actions
from yinghu.errands.models import Leg
from yinghu.people.access import Actor

pytestmark = pytest.mark.django_db


def _minutes(actor: Actor) -> list[int]:
    done = Leg.objects.filter(holder=actor.user_id, state="done").exclude(kind="hand_over")
    return list(done.order_by("pk").values_list("minutes", flat=True))


def _taken(city: Cast, actor: Actor, ago: timedelta) -> list[Leg]:
    appeal = medicine_case(city)
    react_to(appeal)
    leg_actions.take(legs_of(appeal)[0].pk, actor)
    began = timezone.now() - ago
    Leg.objects.filter(appeal=appeal, holder=actor.user_id).update(taken_at=began)
    Leg.objects.filter(appeal=appeal, ready_at__isnull=False).update(ready_at=began)
    return legs_of(appeal)


def test_simultaneous_legs_count_their_time_once(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    many = [_taken(city, a, timedelta(minutes=60))[0] for _each in range(4)]
    for leg in many:
        leg_actions.finish(leg.pk, a, photos=proof())
    assert sum(_minutes(a)) in (60, 61)


def test_overlapping_leg_counts_only_its_additional_time(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    now = timezone.now()
    long, short = (_taken(city, a, timedelta(minutes=n))[0] for n in (60, 90))
    leg_actions.finish(long.pk, a, photos=proof(), at=now - timedelta(minutes=20))
    # From 90 to 60 minutes ago, and from 20 minutes ago on.
    leg_actions.finish(short.pk, a, photos=proof(), at=now)
    assert _minutes(a) == [40, 50]


def test_legs_finished_offline_keep_their_own_times(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    now = timezone.now()
    buy, carry = _taken(city, a, timedelta(minutes=90))
    # Both reports arrive only now.
    leg_actions.finish(buy.pk, a, photos=proof(), at=now - timedelta(minutes=50))
    leg_actions.finish(carry.pk, a, photos=proof(), at=now - timedelta(minutes=20))
    assert _minutes(a) == [40, 30]
