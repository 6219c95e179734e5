"""On a helper's phone: pins that lie on each other, and answers where the thumb is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import browser_checks
from tests.browser_logins import start_session
from tests.cast import Cast
from tests.conftest import PHONE
from tests.errands.errands import helper, hospital, legs_of, medicine_case, relay
from tests.live import Live
from yinghu.errands import leg_actions
from yinghu.people.models import User

pytestmark = pytest.mark.browser


def expect_at_the_thumb(told: Locator, text: str) -> None:
    """The answer is whole on the screen, at its bottom."""
    expect(told).to_contain_text(text)
    expect(told).to_be_in_viewport(ratio=1)
    below = told.evaluate("part => innerHeight - part.getBoundingClientRect().bottom")
    assert below < 90


def test_stacked_pins_open_as_a_list_and_steps_answer_at_the_thumb(
    live: Live, live_city: Cast, open_page: Callable[..., Page]
) -> None:
    relay()
    hospital()
    someone = helper("阿东")
    cases = [medicine_case(live_city) for _each in range(2)]
    live.drain()
    page = start_session(open_page(PHONE), User.objects.get(pk=someone.user_id or 0))
    page.goto("/field/-/map")
    pins = page.locator(".map .pin-open")
    expect(pins).to_have_count(2)
    pins.last.click()
    listed = page.locator(".pin-stack a")
    expect(listed).to_have_count(2)
    browser_checks.taps(page)
    listed.first.click()
    expect(page).to_have_url(re.compile(r"/field/-/leg/\d+$"))

    leg = legs_of(cases[0])[0]
    leg_actions.take(leg.pk, someone)
    live.drain()
    page.goto(f"/field/-/leg/{leg.pk}")
    button = page.get_by_role("button", name="我还在办")
    button.scroll_into_view_if_needed()
    button.click()
    expect_at_the_thumb(page.locator(".phone-strip"), "知道您在办")
    expect(button).to_be_in_viewport()

    page.goto("/field/-/me")
    page.get_by_role("button", name="1 小时").click()
    told = page.locator("#messages")
    expect_at_the_thumb(told, "谢谢您")
    # It goes with the next press, and hides nothing for good.
    page.get_by_text("每周什么时候有空").click()
    expect(told).to_be_hidden()
