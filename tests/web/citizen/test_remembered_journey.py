"""The phone that filed remembers its cases, by number and link, until they are cleared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import browser_checks
from tests.browser_logins import log_in
from tests.cast import Cast
from tests.conftest import PHONE
from tests.live import Live
from yinghu.appeals.models import Appeal

pytestmark = pytest.mark.browser


def file_case(page: Page) -> Appeal:
    page.goto("/file")
    page.fill("[name=words]", "楼下路灯坏了")
    page.click("button.send")
    expect(page).to_have_url(re.compile(r"/t/[^/]+/filed$"))
    return Appeal.objects.latest("pk")


def test_phone_that_filed_remembers_number_and_link_until_cleared(
    live: Live, live_city: Cast, open_page: Callable[..., Page]
) -> None:
    page = open_page(PHONE)
    first = file_case(page)
    expect(page.locator(".kept-here")).to_contain_text("这台手机也记住了编号和链接")
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    second = file_case(page)
    kept = json.loads(page.evaluate("localStorage.getItem('yinghu-filed')"))
    assert [sorted(each) for each in kept] == [["at", "link", "number"]] * 2
    page.goto("/")
    page.get_by_role("link", name="在这台手机上提交过的").click()
    numbers = page.locator(".remembered .row-number")
    expect(numbers).to_have_text([second.number, first.number])
    browser_checks.no_violations(page)
    numbers.last.click()
    expect(page).to_have_url(re.compile(f"/t/{first.token}$"))
    # Another phone knows nothing of it.
    other = open_page(PHONE)
    other.goto("/mine")
    expect(other.locator(".remembered")).to_be_hidden()
    page.goto("/mine")
    page.get_by_role("button", name="从这台手机上清掉").click()
    expect(page.locator(".remembered")).to_be_hidden()
    assert page.evaluate("localStorage.getItem('yinghu-filed')") is None
    # One case can be left out; opening its page again does not bring it back.
    third = file_case(page)
    page.get_by_role("button", name="不要记").click()
    expect(page.locator(".kept-here")).to_contain_text("没有记下")
    page.goto(f"/t/{third.token}/filed")
    expect(page.locator(".kept-here")).to_be_hidden()
    # A login's phone may be a desk's: nothing is kept there.
    staff = log_in(open_page(PHONE), "grid-worker")
    file_case(staff)
    expect(staff.locator(".kept-here")).to_have_count(0)
    assert staff.evaluate("localStorage.getItem('yinghu-filed')") is None
