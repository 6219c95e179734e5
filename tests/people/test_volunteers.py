"""Volunteers from application to leaving, and where they may go."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from tests.cast import Cast
from tests.cities import City, in_threads
from yinghu.common.privacy.opening import unseal
from yinghu.people import volunteers
from yinghu.people.access import actor_of
from yinghu.people.models import Change, Post, Role, Unit, User, Volunteer
from yinghu.places.models import Zone

PHONE = "+8613700000001"


def squad() -> Unit:
    return Unit.objects.get(code="care")


def head() -> User:
    return User.objects.get(username="care-head")


def joined(phone: str = PHONE, name: str = "赵大勇") -> Volunteer:
    return volunteers.approve(volunteers.create_application(squad(), name, phone), head())


def test_approved_application_activates_the_volunteer(city: Cast) -> None:
    applied = volunteers.create_application(
        squad(), "赵大勇", PHONE, skills=["heavy", "car", "car"]
    )
    assert (applied.state, applied.skills) == ("applied", ["car", "heavy"])
    assert (unseal(applied.name), unseal(applied.phone)) == ("赵大勇", PHONE)
    assert applied.consented_at is not None
    user = applied.user
    assert not user.has_usable_password()
    assert user.username.startswith("v-")
    assert not actor_of(user).is_staff
    volunteers.approve(applied, head())
    applied.refresh_from_db()
    assert (applied.state, applied.decided_by) == ("active", head())
    grants = [(grant.role, grant.unit_id) for grant in actor_of(user).grants]
    assert grants == [(Role.VOLUNTEER, squad().pk)]
    told = list(Change.objects.filter(kind="volunteer", key=user.username).order_by("pk"))
    assert [change.after.get("state") for change in told] == ["applied", "active"]
    assert [str(change.user) for change in told] == ["赵大勇", str(head())]
    assert PHONE[3:] not in json.dumps([change.after for change in told])


def test_phone_is_unique_until_the_volunteer_leaves(city: Cast) -> None:
    first = joined()
    with pytest.raises(volunteers.PhoneInUse):
        volunteers.create_application(squad(), "另一个人", PHONE)
    volunteers.leave(first, first.user)
    again = volunteers.create_application(squad(), "赵大勇", PHONE)
    assert again.pk != first.pk
    assert again.state == "applied"


def test_concurrent_applications_with_one_phone_succeed_once(own_city: City) -> None:
    care = squad()
    refused: list[bool] = []

    def press() -> None:
        try:
            volunteers.create_application(care, "赵大勇", PHONE)
        except volunteers.PhoneInUse:
            refused.append(True)

    in_threads(*[press] * 6)
    assert len(refused) == 5
    assert Volunteer.objects.filter(squad=care, state="applied").count() == 1
    assert User.objects.filter(display_name="赵大勇").count() == 1


def test_concurrent_decisions_on_an_application_succeed_once(own_city: City) -> None:
    applied = volunteers.create_application(squad(), "赵大勇", PHONE)
    by = head()
    refused: list[bool] = []

    def decide(act: Callable[[], object]) -> Callable[[], None]:
        def press() -> None:
            try:
                act()
            except volunteers.VolunteerRefused:
                refused.append(True)

        return press

    in_threads(
        *[decide(lambda: volunteers.approve(applied, by))] * 3,
        *[decide(lambda: volunteers.reject(applied, by, "不合适"))] * 3,
    )
    assert len(refused) == 5
    applied.refresh_from_db()
    posts = Post.objects.filter(user=applied.user, active=True).count()
    assert (applied.state, posts) in {("active", 1), ("left", 0)}


def test_suspension_ends_access_and_resuming_restores_posts(
    city: Cast,
) -> None:
    one = joined()
    milk = Unit.objects.get(code="milk")
    food = Unit.objects.get(code="food")
    Post.objects.create(user=one.user, unit=milk, role=Role.VOLUNTEER)
    Post.objects.create(user=one.user, unit=food, role=Role.VOLUNTEER, active=False)
    client = Client()
    client.force_login(one.user)
    assert client.get("/field").status_code == 200
    volunteers.suspend(one, head(), "没有按时到")
    assert client.get("/field").status_code == 403
    assert not Session.objects.filter(pk=client.cookies["yinghu_session"].value).exists()
    assert not actor_of(one.user).is_staff
    one.refresh_from_db()
    assert (one.state, one.note) == ("suspended", "没有按时到")
    with pytest.raises(volunteers.VolunteerRefused):
        volunteers.set_ready(one, timezone.now() + timedelta(hours=1))
    volunteers.resume_volunteer(one, head())
    assert {grant.unit_id for grant in actor_of(one.user).grants} == {squad().pk, milk.pk}


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        ("applied", {"approve", "reject", "leave"}),
        ("active", {"suspend", "leave"}),
        ("suspended", {"resume", "leave"}),
        ("left", set()),
    ],
)
def test_allowed_transitions_of_a_volunteer(city: Cast, state: str, possible: set[str]) -> None:
    one = volunteers.create_application(squad(), "赵大勇", PHONE)
    by = head()
    acts: dict[str, Callable[[], object]] = {
        "approve": lambda: volunteers.approve(one, by),
        "reject": lambda: volunteers.reject(one, by, "x"),
        "suspend": lambda: volunteers.suspend(one, by, "x"),
        "resume": lambda: volunteers.resume_volunteer(one, by),
        "leave": lambda: volunteers.leave(one, by),
    }
    done = set()
    for verb, act in acts.items():
        Volunteer.objects.filter(pk=one.pk).update(state=state)
        try:
            act()
            done.add(verb)
        except volunteers.VolunteerRefused:
            pass
    assert done == possible


def test_ready_and_away_override_hours(city: Cast) -> None:
    one = joined()
    # A Monday, 10:30 in Shanghai.
    now = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)
    assert volunteers.hour_of_week(now) == 10
    one.hours = [10]
    assert volunteers.can_be_asked(one, now)
    assert not volunteers.can_be_asked(one, now + timedelta(hours=1))
    assert volunteers.can_be_asked(one, now + timedelta(hours=1), on_duty=True)
    one.away_until = now + timedelta(hours=2)
    assert not volunteers.can_be_asked(one, now, on_duty=True)
    one.away_until, one.ready_until = None, now + timedelta(hours=3)
    assert volunteers.can_be_asked(one, now + timedelta(hours=2))
    one.state = "suspended"
    assert not volunteers.can_be_asked(one, now)


def test_location_is_rounded_to_about_100_metres(city: Cast) -> None:
    one = joined()
    volunteers.locate(one, 120.123456, 29.987654)
    one.refresh_from_db()
    assert (one.lon, one.lat) == (120.123, 29.988)


def zone(code: str = "z1", **given: str) -> Zone:
    values = {"status": "sealed", "entry": "pass", "name": code} | given
    return Zone.objects.create(code=code, **values)


@pytest.mark.parametrize(
    ("entry", "stranger", "with_pass", "inside"),
    [
        ("anyone", True, True, True),
        ("pass", False, True, True),
        ("nobody", False, False, False),
    ],
)
def test_zone_entry_rules(
    city: Cast, entry: str, stranger: bool, with_pass: bool, inside: bool
) -> None:
    one, shut = Volunteer(), zone(entry=entry)
    assert volunteers.may_enter(shut, one) is stranger
    assert volunteers.may_enter(shut, Volunteer(zones=["z1"])) is with_pass
    assert volunteers.may_enter(shut, Volunteer(inside="z1")) is inside
    shut.skill = "medical"
    assert not volunteers.may_enter(shut, Volunteer(zones=["z1"]))
    nurse = Volunteer(zones=["z1"], skills=["medical"])
    assert volunteers.may_enter(shut, nurse) is with_pass
    shut.status = "open"
    assert volunteers.may_enter(shut, one)


def test_resident_of_a_sealed_zone_stays_inside(city: Cast) -> None:
    zone("home")
    zone("other", entry="anyone")
    inside = Volunteer(inside="home", zones=["other"])
    assert volunteers.may_go(inside, "home")
    assert not volunteers.may_go(inside, "other")
    assert not volunteers.may_go(inside, "")
    assert not volunteers.may_go(Volunteer(), "home")
    assert volunteers.may_go(Volunteer(), "other")
    assert volunteers.may_go(Volunteer(), "")
    Zone.objects.filter(pk="home").update(status="controlled")
    assert volunteers.may_go(inside, "")
