"""Strangers who ask for codes cannot lock the owner of a phone out, nor flood it with messages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests.cast import PHONE, Cast, file_one
from tests.web.conftest import Browse, text_of
from yinghu.common.rate_limit import buckets
from yinghu.intake.models import Code
from yinghu.people import volunteers
from yinghu.people.models import Unit

BARE = PHONE.removeprefix("+86")
OWNER, STRANGER = "192.0.2.1", "198.51.100.7"
DOORS = ("/mine", "/volunteer")


@pytest.fixture(autouse=True)
def _known_phone(city: Cast) -> None:
    file_one()
    care = Unit.objects.get(code="care")
    volunteers.create_application(care, "赵大勇", PHONE)


class Browser:
    """One browser; it sends the hidden fields of the page, as browsers do."""

    def __init__(self, client: Client, door: str, address: str) -> None:
        self.client, self.door, self.address = client, door, address
        self.form = self.shown = ""

    def ask(self) -> Any:
        page = self._post({"phone": BARE})
        if page.status_code == 200:
            found = re.search(r"验证码是 <b dir=\"ltr\">(\d{6})</b>", text_of(page))
            assert found is not None
            self.shown = found[1]
        return page

    def enter(self, code: str) -> Any:
        return self._post({"phone": BARE, "code": code})

    def _post(self, given: dict[str, str]) -> Any:
        form = {"form": self.form} if self.form else {}
        page = self.client.post(self.door, {**given, **form}, REMOTE_ADDR=self.address)
        if found := re.search(r'name="form" value="([^"]+)"', page.content.decode()):
            self.form = found[1]
        return page


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def lets_in(door: str, page: Any) -> bool:
    """Was the code right? A volunteer who waits for approval is told so, by 403."""
    return bool(page.status_code == (302 if door == "/mine" else 403))


@pytest.mark.parametrize("door", DOORS)
def test_one_stranger_neither_uses_up_nor_spoils_the_codes_of_the_owner(
    browse: Browse, door: str
) -> None:
    stranger, owner = Browser(browse(), door, STRANGER), Browser(browse(), door, OWNER)
    asked = [stranger.ask().status_code for _turn in range(5)]
    assert asked == [200, 200, 200, 429, 429]
    assert owner.ask().status_code == 200
    # A newer code, and guesses at all codes.
    buckets.clear()
    for _turn in range(9):
        assert not lets_in(door, stranger.enter(wrong(owner.shown)))
    assert not lets_in(door, stranger.enter(owner.shown))
    assert not lets_in(door, owner.enter(wrong(owner.shown)))
    assert lets_in(door, owner.enter(owner.shown))


@pytest.mark.parametrize("door", DOORS)
def test_many_strangers_leave_the_owner_a_way(browse: Browse, door: str) -> None:
    """On a device that proved the phone before; elsewhere by the newest code that arrived."""
    owner = Browser(browse(), door, OWNER)
    assert owner.ask().status_code == 200
    assert lets_in(door, owner.enter(owner.shown))
    strangers = [Browser(browse(), door, f"198.51.100.{number}") for number in range(6)]
    asked = [stranger.ask().status_code for stranger in strangers]
    assert asked == [200, 200, 200, 200, 429, 429]
    new_phone = Browser(browse(), door, "192.0.2.2")
    page = new_phone.ask()
    assert page.status_code == 429
    assert "10 分钟内收到过的，填最新的一条就行" in text_of(page)
    arrived = strangers[3].shown
    assert not lets_in(door, new_phone.enter(wrong(arrived)))
    assert lets_in(door, new_phone.enter(arrived))
    # That device is known now. Known devices share three codes an hour.
    again = Browser(new_phone.client, door, "192.0.2.3")
    assert again.ask().status_code == 200
    assert lets_in(door, again.enter(again.shown))
    assert [again.ask().status_code for _turn in range(3)] == [200, 200, 429]
    # The phone got eight messages in this hour, whoever asked.
    assert Code.objects.count() == 8


def test_mark_of_a_device_is_of_one_phone_and_cannot_be_made_up(browse: Browse) -> None:
    owner = Browser(browse(), "/mine", OWNER)
    owner.ask()
    owner.enter(owner.shown)
    mark = owner.client.cookies["yinghu_phones"]
    assert mark["httponly"]
    assert mark["samesite"] == "Lax"
    assert BARE not in mark.value
    forger = browse()
    for made_up in ("0" * 32, mark.value[::-1], "x", ".".join(["0" * 32] * 200)):
        forger.cookies["yinghu_phones"] = made_up
        forger.post("/mine", {"phone": BARE}, REMOTE_ADDR=STRANGER)
    forger.cookies["yinghu_phones"] = mark.value
    forger.post("/mine", {"phone": "13900001111"}, REMOTE_ADDR="198.51.100.8")
    assert not Code.objects.filter(known=True).exists()
