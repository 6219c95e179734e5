"""Actors of the demo city by role, and helpers that file appeals and move them on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import transaction

from yinghu.appeals import actions
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Appeal
from yinghu.intake.receive import Incoming, receive
from yinghu.people.access import Actor, actor_of, requester_of
from yinghu.people.models import User

PHONE = "+8613812345678"
_once = itertools.count(1)


@dataclass(frozen=True)
class Cast:
    """The actors of the demo city."""

    clerk: Actor
    dispatcher: Actor
    operator: Actor
    commander: Actor
    milk: Actor
    medicine: Actor
    urban: Actor
    town_head: Actor
    volunteer: Actor
    volunteer_2: Actor


@cache
def cast() -> Cast:
    """Return the demo's actors; their ids are the same in each copy of the template."""

    def actor(username: str) -> Actor:
        return actor_of(User.objects.get(username=username))

    return Cast(
        clerk=actor("clerk"),
        dispatcher=actor("dispatcher"),
        operator=actor("operator"),
        commander=actor("commander"),
        milk=actor("milk-handler"),
        medicine=actor("medicine-handler"),
        urban=actor("urban-handler"),
        town_head=actor("town-head"),
        volunteer=actor("volunteer"),
        volunteer_2=actor("volunteer-2"),
    )


def file_one(body: str = "家里婴儿没有奶粉了，需要一段两罐", **given: Any) -> Appeal:
    """File an appeal as a requester does on the web, with `PHONE` and a name."""
    ours = {"channel": "web", "name": "王小明", "phone": PHONE}
    filing = Filing(body=body, **{**ours, **given})
    received = receive(Incoming(f"cast-{next(_once)}", b"{}", filing), Actor("requester"))
    return Appeal.objects.get(pk=received.appeal_id)


def dispatched(appeal: Appeal, city: Cast, *, category: str = "milk", unit: str = "milk") -> Appeal:
    """Sort and assign the appeal in one transaction, so that no worker routes it in between."""
    with transaction.atomic():
        actions.sort(appeal.pk, city.clerk, category=category)
        actions.assign(appeal.pk, city.dispatcher, unit=unit)
    return appeal


def taken_milk(city: Cast) -> Appeal:
    """File an appeal for milk powder, sort, assign and accept it."""
    appeal = dispatched(file_one(), city)
    actions.accept(appeal.pk, city.milk)
    appeal.refresh_from_db()
    return appeal


def requester(appeal: Appeal) -> Actor:
    """The actor who holds the appeal's tracking link."""
    return requester_of(appeal.pk)
