"""Registrations of invented people, and staff of their areas and of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from yinghu.guardian import people_actions, tag_codes
from yinghu.guardian.models import ProtectedPerson, Tag, TagBatch
from yinghu.guardian.registration import (
    Consent,
    GuardianEntry,
    PersonDetails,
    PublicCard,
    Registration,
)
from yinghu.people.access import Actor, actor_of
from yinghu.people.models import Post, Role, Unit, UnitKind, User

GRID = "330782008001003"
"""The grid where the people live, of the demo's login `grid-futian`."""
VILLAGE = "330782008001"
PHONE = "+8613700000011"
PHONE_2 = "+8613700000012"


def actor(username: str) -> Actor:
    return actor_of(User.objects.get(username=username))


def grid_worker() -> Actor:
    return actor("grid-futian")


def worker_elsewhere() -> Actor:
    """A grid worker of another town."""
    area = "330782100"
    user, _new = User.objects.get_or_create(username="grid-fotang", display_name="网格员小余")
    unit, _new = Unit.objects.get_or_create(
        code="grid-fotang-1", name="佛堂第一网格", kind=UnitKind.GRID, area_id=area
    )
    Post.objects.get_or_create(user=user, unit=unit, role=Role.GRID_WORKER, area_id=area)
    return actor_of(user)


def registration(**given: Any) -> Registration:
    """A full registration with two guardians, and what differs from it."""
    today = timezone.localdate()
    full = Registration(
        area=GRID,
        details=PersonDetails(
            name="陈桂花",
            sex="f",
            birth_year=1944,
            height=152,
            hair="白发",
            address="三号楼 201",
            conditions="阿尔茨海默病",
            medication="多奈哌齐",
            habits="喜欢看火车",
            former_homes="老街 8 号",
            heads_for="老火车站",
        ),
        card=PublicCard("桂花奶奶", "请慢慢说话，陪她坐一会儿", "Speak slowly, sit with her"),
        consent=Consent("陈小明", "儿子", today, today + timedelta(days=365)),
        guardians=(
            GuardianEntry("陈小明", "儿子", PHONE, "son@example.com", 1),
            GuardianEntry("陈小红", "女儿", PHONE_2, "", 2),
        ),
    )
    return replace(full, **given)


def registered(**given: Any) -> ProtectedPerson:
    """Register a person as the grid worker, by another nickname if there are some already."""
    n = ProtectedPerson.objects.count()
    if n and "card" not in given:
        card = registration().card
        given["card"] = replace(card, nickname=f"{card.nickname}{n + 1}")
    return people_actions.register(grid_worker(), registration(**given))


def sew_on(person: ProtectedPerson, count: int = 1) -> list[Tag]:
    """Give a person active tags of a new batch."""
    batch = TagBatch.objects.create(name="第一批", count=count, office="守护办", hotline="0579")
    numbers = tag_codes.new_numbers(count)
    return [
        Tag.objects.create(
            batch=batch,
            number=number,
            digest=tag_codes.digest_of(number),
            state=Tag.State.ACTIVE,
            person=person,
            garment="蓝外套",
        )
        for number in numbers
    ]
