"""Disclosure of personal data: who may see it, who is refused, and what is logged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.cast import PHONE, Cast, dispatched, file_one, requester, taken_milk
from tests.errands.errands import helper, hospital, legs_of, medicine_case, react_to, relay, sealed
from tests.web.conftest import text_of
from yinghu.appeals import actions
from yinghu.errands import leg_actions
from yinghu.people import disclosure, volunteers
from yinghu.people.access import SYSTEM, Actor
from yinghu.people.models import Reveal, Unit, User

HOME = "330782001004001"
DOOR = "三单元 501 室"
FULL = ["name", "phone", "address", "place"]


def looks() -> list[tuple[str, str, list[str], str]]:
    """The log in order: username, case number, fields shown, reason."""
    found = Reveal.objects.order_by("pk")
    return list(found.values_list("user__username", "appeal_number", "shown", "why"))


def name_of(actor: Actor) -> str:
    return User.objects.get(pk=actor.user_id or 0).username


def browser(actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.user_id or 0))
    return client


@pytest.mark.django_db
def test_data_is_denied_to_strangers_and_before_accepting(city: Cast) -> None:
    appeal = dispatched(file_one(), city)
    for actor in (city.urban, city.volunteer, city.volunteer_2, Actor("stranger"), SYSTEM):
        with pytest.raises(disclosure.Denied):
            disclosure.show_requester(actor, appeal, "想看")
        with pytest.raises(disclosure.Denied):
            disclosure.show_to_holder(actor, appeal, "taken 9")
    assert looks() == []


@pytest.mark.django_db
def test_holder_sees_data_while_holding_and_each_accept_is_one_look(city: Cast) -> None:
    appeal = dispatched(file_one(address=DOOR), city)
    actions.accept(appeal.pk, city.volunteer)
    appeal.refresh_from_db()
    for _turn in range(3):
        shown = disclosure.show_to_holder(city.volunteer, appeal, "taken 4")
    assert shown == disclosure.Person("王小明", PHONE, DOOR)
    actions.release(appeal.pk, city.volunteer, why="临时有事")
    appeal.refresh_from_db()
    with pytest.raises(disclosure.Denied):
        disclosure.show_to_holder(city.volunteer, appeal, "taken 4")
    actions.accept(appeal.pk, city.volunteer)
    appeal.refresh_from_db()
    disclosure.show_to_holder(city.volunteer, appeal, "taken 6")
    assert looks() == [
        ("volunteer", appeal.number, FULL, "taken 4"),
        ("volunteer", appeal.number, FULL, "taken 6"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(("minutes", "rows"), [(14, 1), (16, 2)])
def test_reopening_a_page_after_15_minutes_is_a_new_look(
    city: Cast, minutes: int, rows: int
) -> None:
    appeal = taken_milk(city)
    before = timezone.now() - timedelta(minutes=minutes)
    look = {"user_id": city.milk.user_id or 0, "appeal_number": appeal.number, "why": "taken 4"}
    Reveal.objects.create(**look, shown=FULL, at=before)
    disclosure.show_to_holder(city.milk, appeal, "taken 4")
    assert len(looks()) == rows


def test_concurrent_pages_log_one_look(live_city: Cast) -> None:
    appeal = taken_milk(live_city)
    start = Barrier(6)

    def look(_turn: int) -> None:
        try:
            start.wait(timeout=30)
            disclosure.show_to_holder(live_city.milk, appeal, "taken 4")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(look, range(6)))
    assert len(looks()) == 1


@pytest.mark.django_db
def test_showing_more_than_before_is_a_new_look(city: Cast) -> None:
    appeal = taken_milk(city)
    disclosure.log_places(city.milk, [(appeal.number, "taken 4")])
    disclosure.show_to_holder(city.milk, appeal, "taken 4")
    disclosure.log_places(city.milk, [(appeal.number, "taken 4"), (appeal.number, "leg 1")])
    assert [(shown, why) for _who, _whose, shown, why in looks()] == [
        (["place"], "taken 4"),
        (FULL, "taken 4"),
        (["place"], "leg 1"),
    ]


@pytest.mark.django_db
def test_look_with_a_reason_is_logged_each_time(city: Cast) -> None:
    appeal = file_one()
    for _turn in range(2):
        assert disclosure.show_requester(city.clerk, appeal, "核对" * 200).phone == PHONE
    assert looks() == [("clerk", appeal.number, FULL, "核对" * 100)] * 2


@pytest.mark.django_db
def test_helper_sees_the_requester_only_while_holding_the_leg(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city, address=DOOR)
    react_to(appeal)
    buy, _gate, carry = legs_of(appeal)
    for leg in (buy, carry):
        for actor in (a, b, city.volunteer, Actor("stranger")):
            with pytest.raises(disclosure.Denied):
                disclosure.show_to_helper(actor, leg, appeal, f"leg {leg.pk}")
    leg_actions.take(buy.pk, a)
    leg_actions.take(carry.pk, b)
    buy, _gate, carry = legs_of(appeal)
    assert disclosure.show_to_helper(a, buy, appeal, "buy") == disclosure.Person("王小明", PHONE)
    assert disclosure.show_to_helper(b, carry, appeal, "carry").address == DOOR
    other = file_one()
    for actor, leg, record in ((a, carry, appeal), (b, buy, appeal), (a, buy, other)):
        with pytest.raises(disclosure.Denied):
            disclosure.show_to_helper(actor, leg, record, "theirs")
    assert looks() == [
        (name_of(a), appeal.number, ["name", "phone"], "buy"),
        (name_of(b), appeal.number, FULL, "carry"),
    ]
    leg_actions.give_back(buy.pk, a, why="病了", kept="")
    with pytest.raises(disclosure.Denied):
        disclosure.show_to_helper(a, legs_of(appeal)[0], appeal, "again")
    assert len(looks()) == 2


@pytest.mark.django_db
def test_pages_log_each_look_once(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city, address=DOOR, lon=120.0722, lat=29.3076)
    react_to(appeal)
    buy, _gate, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    react_to(appeal)
    walk, page = browser(b), f"/field/-/leg/{carry.pk}"
    assert PHONE not in text_of(walk.get(page))
    walk.post(f"{page}/take")
    # Taking a leg is not a look.
    assert looks() == []
    for _turn in range(2):
        assert DOOR in text_of(walk.get(page))
        walk.get("/field/map")
    assert looks() == [(name_of(b), appeal.number, FULL, f"leg {carry.pk}")]
    walk.post(f"{page}/give_back", {"why": "病了"})
    for address in (page, "/field/map", "/field"):
        said = text_of(walk.get(address))
        assert all(secret not in said for secret in (PHONE, DOOR, "120.0722"))
    assert len(looks()) == 1


@pytest.mark.django_db
def test_own_data_and_masked_data_are_not_logged(city: Cast) -> None:
    appeal = file_one(address=DOOR)
    said = text_of(Client().get(f"/t/{appeal.token}"))
    assert DOOR in said
    assert disclosure.own_record(appeal) == disclosure.Person("王小明", PHONE, DOOR)
    assert disclosure.masked(appeal) == disclosure.Person("王**", "138****5678")
    browser(city.clerk).get(f"/desk/case/{appeal.number}")
    browser(city.clerk).get("/desk/cases.csv")
    assert looks() == []
    with pytest.raises(disclosure.Denied):
        disclosure.show_requester(requester(appeal), appeal, "我自己")


@pytest.mark.django_db
def test_volunteers_phone_is_shown_only_to_the_coordinator(city: Cast) -> None:
    one = volunteers.create_application(Unit.objects.get(code="care"), "赵大勇", "+8613700000002")
    for actor in (city.milk, city.clerk, city.volunteer, Actor("stranger")):
        with pytest.raises(disclosure.Denied):
            disclosure.show_volunteer_phone(actor, one)
    page = f"/desk/volunteers/{one.user.username}"
    client = Client()
    client.force_login(User.objects.get(username="care-head"))
    assert "<span>****</span><span>0002</span>" in text_of(client.get(page))
    assert "+8613700000002" in text_of(client.post(f"{page}/phone"))
    look = Reveal.objects.get()
    assert (look.user.username, look.volunteer, look.shown) == ("care-head", one, ["phone"])
    assert timezone.now() - look.at < timedelta(minutes=5)
