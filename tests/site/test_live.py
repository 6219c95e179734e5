"""The live fixtures: each test gets a restored database and browsers of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.live import Live
from yinghu.people.models import User


@pytest.mark.parametrize("turn", [1, 2])
def test_live_database_is_restored_between_tests(live: Live, turn: int) -> None:
    assert not User.objects.filter(username="newcomer").exists()
    User.objects.create_user(username="newcomer")


@pytest.mark.browser
def test_each_opened_page_has_its_own_session(live: Live, open_page: Callable[..., Page]) -> None:
    User.objects.create_user(username="newcomer", password="pass-of-a-clerk")
    one, other = open_page(), open_page()
    one.goto("/accounts/login/")
    one.fill("input[name=login]", "newcomer")
    one.fill("input[name=password]", "pass-of-a-clerk")
    one.press("input[name=password]", "Enter")
    one.wait_for_url(lambda url: "/accounts/login/" not in url)
    assert {cookie["name"] for cookie in one.context.cookies()} >= {"yinghu_session"}
    assert other.context.cookies() == []
