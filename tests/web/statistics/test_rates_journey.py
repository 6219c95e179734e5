"""The rates page at a desk and on a phone: sorting and drill-down; a callback by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser_checks import fits, no_violations, taps
from tests.browser_logins import log_in
from tests.cast import Cast, requester, taken_milk
from tests.conftest import DESK, PHONE
from tests.journeys.test_loop import OpenPage
from tests.live import Live
from yinghu.appeals import closing_actions, handling_actions

pytestmark = pytest.mark.browser


def test_callback_by_keyboard_and_rates_drilldown(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    called, rated = taken_milk(live_city), taken_milk(live_city)
    for appeal in (called, rated):
        handling_actions.resolve(appeal.pk, live_city.milk, words="已送到")
    closing_actions.rate(rated.pk, requester(rated), solved=True, satisfaction="fairly")
    live.drain()
    operator = log_in(open_page(DESK), "operator")
    operator.goto(f"/desk/callback?case={called.number}")
    expect(operator.locator(".split.is-ready #case")).to_have_attribute(
        "data-number", called.number
    )
    no_violations(operator)
    operator.keyboard.press("0")
    expect(operator.locator("#messages")).to_contain_text("回访未接通")
    expect(operator.locator(f"#row-{called.number}")).to_contain_text("未接通")
    operator.locator(f"#row-{called.number}").click()
    expect(operator.locator(".calls")).to_contain_text("打过 1 次没有接通")

    board = log_in(open_page(DESK), "commander")
    board.goto("/rates?period=today")
    expect(board.locator(".whole")).to_contain_text("90.0%")
    no_violations(board)
    fits(board)
    board.get_by_role("link", name="解决率").click()
    expect(board.locator("th[aria-sort]")).to_contain_text("解决率")
    board.locator(".whole td").first.get_by_role("link").click()
    expect(board).to_have_url(re.compile("behind=valid"))
    expect(board.locator("#found")).to_contain_text(rated.number)

    phone = log_in(open_page(PHONE), "commander")
    phone.goto("/rates?period=today&by=category")
    expect(phone.locator(".whole")).to_contain_text("90.0%")
    fits(phone)
    taps(phone)
    no_violations(phone)
