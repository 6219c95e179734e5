"""My cases, by a code sent to the phone: only the phone's owner sees them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.cast import PHONE, Cast, file_one
from tests.web.conftest import Browse, text_of
from yinghu.appeals.models import Appeal
from yinghu.intake import one_time_codes
from yinghu.intake.models import Code
from yinghu.web.citizen import requester_cases

BARE = PHONE.removeprefix("+86")


def ask(client: Client, phone: str = BARE) -> Any:
    return client.post("/mine", {"phone": phone})


def code_in(page: Any) -> str:
    found = re.search(r"演示城市：验证码是 <b dir=\"ltr\">(\d{6})</b>", text_of(page))
    assert found is not None
    return found[1]


def enter(client: Client, phone: str = BARE) -> Any:
    """Request a code for the phone and enter it."""
    return client.post("/mine", {"phone": phone, "code": code_in(ask(client, phone))})


def test_list_pages_through_the_cases_of_the_phone_only(browse: Browse, city: Cast) -> None:
    own = [file_one(f"第{n}件") for n in range(requester_cases.PAGE + 3)]
    other = file_one("别人的", phone="+8613900001111")
    none = file_one("没有留电话的", phone="")
    client = browse()
    assert enter(client).status_code == 302
    first = text_of(client.get("/mine"))
    numbers = re.findall(r'class="row-number">([\d-]+)<', first)
    assert numbers == [appeal.number for appeal in own[::-1][: requester_cases.PAGE]]
    more = re.search(r'href="(\?after=\d+)"', first)
    assert more is not None
    second = text_of(client.get(f"/mine{more[1]}"))
    assert re.findall(r'class="row-number">([\d-]+)<', second) == [
        appeal.number for appeal in own[::-1][requester_cases.PAGE :]
    ]
    for secret in (other.number, none.number, BARE):
        assert secret not in first + second
    assert f'href="/t/{own[0].token}"' in second
    for odd in ("x", "-1", "9" * 30, "١", "\x00"):
        assert client.get("/mine", {"after": odd}).status_code == 200


def test_known_and_unknown_phones_get_the_same_answer(
    browse: Browse, settings: Settings, city: Cast
) -> None:
    file_one()
    settings.DEMO, settings.SMS_URL = False, "http://127.0.0.1:9/"
    said = []
    for phone in (BARE, "13900001111"):
        page = ask(browse(), phone)
        text = re.sub(r'name="(csrfmiddlewaretoken|form)" value="[^"]*"', "", text_of(page))
        wrong = browse().post("/mine", {"phone": phone, "code": "000000"})
        same = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", text_of(wrong))
        statuses = (page.status_code, wrong.status_code)
        said.append((statuses, text.replace(phone, "P"), same.replace(phone, "P")))
    assert said[0] == said[1]
    assert said[0][0] == (200, 422)
    assert "演示" not in said[0][1]


def test_code_cannot_be_guessed_replayed_or_used_for_another_phone(
    browse: Browse, city: Cast
) -> None:
    victim = file_one("受害人的事", phone="+8613900001111")
    thief = browse()
    code = code_in(ask(thief))
    # The thief's own code with the victim's phone.
    assert thief.post("/mine", {"phone": "13900001111", "code": code}).status_code == 422
    assert victim.number not in text_of(thief.get("/mine"))
    # Naming the victim's phone after entering gives no access.
    assert enter(thief).status_code == 302
    ask(thief, "13900001111")
    assert victim.number not in text_of(thief.get("/mine"))
    # The used code, in another browser.
    assert browse().post("/mine", {"phone": BARE, "code": code}).status_code == 422
    # After five wrong tries, the correct code is refused, too.
    code = code_in(ask(browse(), "13900001111"))
    for nth in range(one_time_codes.TRIES):
        guess = f"{(int(code) + 1 + nth) % 10**6:06d}"
        assert thief.post("/mine", {"phone": "13900001111", "code": guess}).status_code == 422
    assert thief.post("/mine", {"phone": "13900001111", "code": code}).status_code == 422


def test_demo_still_shows_the_code_after_a_wrong_try(browse: Browse, city: Cast) -> None:
    file_one()
    client = browse()
    code = code_in(ask(client))
    wrong = client.post("/mine", {"phone": BARE, "code": f"{(int(code) + 1) % 10**6:06d}"})
    assert wrong.status_code == 422
    assert code_in(wrong) == code
    other = client.post("/mine", {"phone": "13900001111", "code": "000000"})
    assert code not in text_of(other)
    assert client.post("/mine", {"phone": BARE, "code": code}).status_code == 302


def test_login_and_logout_close_the_list(browse: Browse, city: Cast) -> None:
    own = file_one("家里的事")
    client = browse()
    assert enter(client).status_code == 302
    assert own.number in text_of(client.get("/mine"))
    assert client.post("/demo-login", {"username": "clerk"}).status_code == 302
    assert own.number not in text_of(client.get("/mine"))
    assert enter(client).status_code == 302
    assert own.number in text_of(client.get("/mine"))
    assert client.post("/accounts/logout/").status_code == 302
    assert own.number not in text_of(client.get("/mine"))


def test_codes_are_rate_limited_by_sender_and_phone(
    browse: Browse, settings: Settings, city: Cast
) -> None:
    settings.RATE_LIMITS = {"code": (3, 60.0), "guess": (3, 60.0)}
    tried = [ask(browse(), f"1390000000{n}") for n in range(4)]
    assert [page.status_code for page in tried] == [200, 200, 200, 429]
    assert int(tried[-1].headers["Retry-After"]) > 0
    assert Code.objects.count() == 3
    elsewhere = [
        browse(REMOTE_ADDR=f"192.0.2.{n}").post("/mine", {"phone": BARE}).status_code
        for n in range(6)
    ]
    assert elsewhere == [200, 200, 200, 200, 200, 429]
    guesses = [browse().post("/mine", {"phone": BARE, "code": "123456"}) for _turn in range(4)]
    assert [page.status_code for page in guesses][-1] == 429


def test_list_closes_after_timeout_and_on_request(
    browse: Browse, city: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    appeal = file_one()
    client = browse()
    enter(client)
    assert appeal.number in text_of(client.get("/mine"))
    assert appeal.number not in text_of(browse().get("/mine"))
    assert "no-store" in client.get("/mine").headers["Cache-Control"]
    monkeypatch.setattr(requester_cases, "OPEN_FOR", -1)
    Code.objects.all().delete()
    enter(client)
    assert appeal.number not in text_of(client.get("/mine"))
    monkeypatch.undo()
    Code.objects.all().delete()
    enter(client)
    cookie = client.cookies["yinghu_session"]
    assert cookie["httponly"]
    assert client.post("/mine/leave").status_code == 302
    assert appeal.number not in text_of(client.get("/mine"))
    assert client.get("/mine/leave").status_code == 405
    assert browse(enforce_csrf_checks=True).post("/mine", {"phone": BARE}).status_code == 403


def test_session_fixation_gives_no_access(browse: Browse, city: Cast) -> None:
    file_one()
    thief = browse()
    enter(thief, "13900001111")
    laid = thief.cookies["yinghu_session"].value
    victim = browse()
    victim.cookies["yinghu_session"] = laid
    Code.objects.all().delete()
    enter(victim)
    assert victim.cookies["yinghu_session"].value != laid
    assert "家里婴儿没有奶粉了" not in text_of(thief.get("/mine"))


def test_phone_and_code_input_is_normalised_or_refused(browse: Browse, city: Cast) -> None:
    file_one()
    client = browse()
    for odd in ("", "12", "138****5678", "a\x00b", "9" * 4000):
        page = ask(client, odd)
        assert page.status_code == 422
        assert "请写完整的手机号码" in text_of(page)
    code = code_in(ask(client, "+86 138-1234-5678"))
    for odd in ("", "12345", "1234567", "abcdef", "\x00"):
        page = client.post("/mine", {"phone": BARE, "code": odd})
        assert page.status_code == 422
        assert "验证码是 6 位数字" in text_of(page)
    wide = code.translate({ord("0") + n: ord("０") + n for n in range(10)})
    page = client.post("/mine", {"phone": BARE, "code": f" {wide[:3]} {wide[3:]}"})
    assert page.status_code == 302


def test_without_sms_no_code_is_offered(browse: Browse, settings: Settings, city: Cast) -> None:
    settings.DEMO, settings.SMS_URL = False, ""
    client = browse()
    assert "还没有开通短信" in text_of(client.get("/mine"))
    assert ask(client).status_code == 404
    assert Code.objects.count() == 0
    for address in ("/", "/find"):
        assert "用手机验证码查" not in text_of(client.get(address))


def test_old_closed_case_is_listed_too(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    Appeal.objects.filter(pk=appeal.pk).update(
        status="closed", filed_at=appeal.filed_at - timedelta(days=400)
    )
    client = browse()
    enter(client)
    assert appeal.number in text_of(client.get("/mine"))
