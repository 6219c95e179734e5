"""Medicine cases, the legs of their errands, and helpers."""

from __future__ import annotations

import itertools
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.cast import Cast, file_one
from yinghu import reactions
from yinghu.appeals import actions
from yinghu.appeals.models import Appeal
from yinghu.common.photos import StoredPhoto
from yinghu.errands import leg_actions
from yinghu.errands.models import ErrandTemplate, FixedHelper, Leg
from yinghu.people import volunteers
from yinghu.people.access import Actor, actor_of
from yinghu.people.models import Unit, User, Volunteer
from yinghu.places.models import Area, Place, Zone

HOSPITAL = (120.075, 29.306)
_phone = itertools.count(13_900_000_000)

RELAY: list[dict[str, Any]] = [
    {
        "kind": "buy",
        "title": "去{place}排队买药",
        "where": "answer",
        "field": "hospital",
        "proof": "photo",
    },
    {"kind": "hand_over", "title": "在门口交接", "where": "gate"},
    {"kind": "carry", "title": "送到家门口", "where": "home", "proof": "photo"},
]


def relay(category: str = "medicine", **given: Any) -> ErrandTemplate:
    """The only active errand template: buy at the hospital, hand over at the gate, carry home. The
    demo city's own volunteers are unavailable.
    """
    ErrandTemplate.objects.update(active=False)
    FixedHelper.objects.update(active=False)
    Volunteer.objects.update(away_until=timezone.now() + timedelta(days=1))
    ours: dict[str, Any] = {
        "name": "排队买药送进去",
        "legs": deepcopy(RELAY),
        "words": "药已经送到",
    }
    return ErrandTemplate.objects.create(category_id=category, **{**ours, **given})


def hospital(name: str = "中心医院") -> Place:
    lon, lat = HOSPITAL
    area = Area.objects.filter(level=3).order_by("code")[0]
    ours = {"area": area, "lon": lon, "lat": lat}
    return Place.objects.update_or_create(name=name, defaults=ours)[0]


def sealed(area: str, **given: Any) -> Zone:
    """A sealed zone around this area."""
    Zone.objects.update(active=False)
    ours: dict[str, Any] = {
        "name": "北苑封控区",
        "status": Zone.Status.SEALED,
        "areas": [area],
        "gate": "北门",
        "gate_lon": 120.08,
        "gate_lat": 29.31,
    }
    return Zone.objects.create(code="north", **{**ours, **given})


def helper(name: str, squad: str = "care", **given: Any) -> Actor:
    """An active volunteer near the hospital, available now; `given` are columns."""
    volunteer = volunteers.create_application(
        Unit.objects.get(code=squad), name, f"+86{next(_phone)}", skills=given.pop("skills", ())
    )
    volunteers.approve(volunteer, User.objects.get(username="admin"))
    lon, lat = HOSPITAL
    ours = {"lon": lon, "lat": lat, "ready_until": timezone.now() + timedelta(hours=2)}
    Volunteer.objects.filter(pk=volunteer.pk).update(**{**ours, **given})
    return actor_of(volunteer.user)


def again(actor: Actor) -> Actor:
    """The same user with their current posts."""
    return actor_of(User.objects.get(pk=actor.user_id or 0))


def medicine_case(city: Cast, area: str | None = "330782001004001", **given: Any) -> Appeal:
    """An urgent medicine case, sorted and assigned to the group of its hospital."""
    answers = {"hospital": "中心医院", "medicine": "降压药"}
    appeal = file_one("家里老人的降压药吃完了", area=area, answers=answers, **given)
    actions.sort(appeal.pk, city.clerk, category="medicine", urgency=2)
    actions.assign(appeal.pk, city.dispatcher, unit="medicine-central")
    appeal.refresh_from_db()
    return appeal


def legs_of(appeal: Appeal) -> list[Leg]:
    return list(Leg.objects.filter(appeal=appeal).select_related("zone").order_by("errand", "n"))


def proof() -> tuple[StoredPhoto, ...]:
    """A stored photo, a new one at each call."""
    return (StoredPhoto(f"errand/{next(_phone)}.jpg", 10, 10, 100),)


def react_to(appeal: Appeal) -> None:
    """Run the reactions, as the worker does, until there are no new events."""
    done: set[int] = set()
    while True:
        new = [pk for pk in appeal.events.values_list("pk", flat=True) if pk not in done]
        if not new:
            break
        done |= set(new)
        reactions.react(new)
    appeal.refresh_from_db()


@dataclass
class Relay:
    """A relay into a sealed zone: `a` holds the buying leg, `b` the carrying leg."""

    appeal: Appeal
    buy: Leg
    gate: Leg
    carry: Leg
    a: Actor
    b: Actor


def begun_relay(city: Cast) -> Relay:
    """A medicine case whose buying and carrying legs are taken, each by one helper."""
    relay()
    hospital()
    zone = sealed("330782001004001")
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city)
    react_to(appeal)
    buy, gate, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    leg_actions.take(carry.pk, b)
    return Relay(appeal, buy, gate, carry, a, b)
