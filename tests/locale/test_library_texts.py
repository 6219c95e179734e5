"""Chinese texts of libraries that ours replace, as people meet them when they log in."""

from __future__ import annotations

from pathlib import Path

import allauth
import django
import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast
from tests.web.conftest import text_of
from yinghu.commands import assets
from yinghu.people.models import User

PO = assets.LOCALE / "zh_Hans" / "LC_MESSAGES" / "django.po"
PASSWORD = "Xiangyu-2026-long"


@pytest.fixture
def clerk(city: Cast, settings: Settings) -> User:
    """A login with a password, outside the demo."""
    settings.DEMO = False
    cache.clear()
    user = User.objects.get(username="clerk")
    user.set_password(PASSWORD)
    user.save()
    return user


def test_every_replaced_text_exists_in_a_library() -> None:
    places = [Path(package.__path__[0]) for package in (allauth, django)]
    known: set[str] = set()
    for place in places:
        for file in place.glob("**/locale/*/LC_MESSAGES/django.mo"):
            with file.open("rb") as stream:
                texts = [each.id for each in read_mo(stream)]
            known |= {each if isinstance(each, str) else each[0] for each in texts}
    with PO.open("rb") as stream:
        ours = [each.id for each in read_po(stream) if each.id]
    assert len(ours) > 50
    assert [
        each for each in ours if (each if isinstance(each, str) else each[0]) not in known
    ] == []


@pytest.mark.django_db
def test_wrong_and_locked_passwords_are_told_in_plain_chinese(clerk: User) -> None:
    client = Client()
    wrong = {"login": "clerk", "password": "wrong"}
    page = text_of(client.post("/accounts/login/", wrong))
    assert "登录名或密码不对，请再输一遍。忘了密码，请找管理员。" in page
    for _time in range(5):
        page = text_of(client.post("/accounts/login/", wrong))
    assert "密码输错太多次了，请过五分钟再试。忘了密码，请找管理员。" in page
    english = Client(headers={"accept-language": "en"}).post("/accounts/login/", wrong)
    assert "Too many failed login attempts. Try again later." in text_of(english)
    cache.clear()


@pytest.mark.django_db
def test_own_password_is_changed_in_plain_chinese(clerk: User) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "clerk", "password": PASSWORD})
    address = "/accounts/password/change/"
    page = text_of(client.get(address))
    for text in ("改密码", "现在的密码", "新密码", "再输一遍新密码"):
        assert text in page
    for old, new, again, said in (
        ("wrong", "Qiuyue-2026-x", "Qiuyue-2026-x", "现在的密码不对，请再输一遍。"),
        (PASSWORD, "Qiuyue-2026-x", "Qiuyue-2026-y", "两次输入的密码不一样，请再输一遍。"),
        (PASSWORD, "12345678", "12345678", "密码不能全是数字，请加上字母。"),
        (PASSWORD, "Qy-1", "Qy-1", "密码太短，至少要 8 个字。"),
        (PASSWORD, "password", "password", "这个密码太常见，容易被猜到，请换一个。"),
    ):
        given = {"oldpassword": old, "password1": new, "password2": again}
        assert said in text_of(client.post(address, given)), said
    # Five in a minute are the most.
    refused = client.post(address, given)
    assert refused.status_code == 429
    assert "试得太多了" in text_of(refused)
    cache.clear()
    given = {"oldpassword": PASSWORD, "password1": "Qiuyue-2026-x", "password2": "Qiuyue-2026-x"}
    assert "密码已改好，下次用新密码登录。" in text_of(client.post(address, given, follow=True))
    cache.clear()


@pytest.mark.django_db
def test_switched_off_login_is_told_so(clerk: User) -> None:
    page = text_of(Client().get("/accounts/inactive/"))
    assert "这个账号已停用，不能登录。要恢复，请找管理员。" in page
