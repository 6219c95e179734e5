"""Clocks and relative times keep updating on an open page, in the server's wording."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone, translation
from playwright.sync_api import Page, expect

from tests.browser_checks import no_violations
from tests.browser_logins import log_in
from tests.cast import Cast, taken_milk
from tests.conftest import DESK
from tests.live import Live
from yinghu.appeals.models import Clock
from yinghu.ui import times

pytestmark = pytest.mark.browser

TICK = timedelta(seconds=15)
LEFT = timedelta(days=3, hours=1, seconds=45)
JUMPS = (
    (timedelta(seconds=15), "secondary"),
    (timedelta(days=2), "secondary"),
    (timedelta(hours=21), "secondary"),
    (timedelta(minutes=45), "secondary"),
    (timedelta(hours=2, minutes=16), "orange"),
    (timedelta(minutes=58), "orange"),
    (timedelta(minutes=3), "red"),
    (timedelta(hours=1), "red"),
    (timedelta(days=4), "red"),
)
"""Steps by which time advances, each with the clock's colour afterwards."""


@pytest.mark.parametrize(("locale", "language"), [("zh-CN", "zh-hans"), ("en-GB", "en")])
def test_clocks_and_times_update_while_a_page_is_open(
    live: Live, live_city: Cast, open_page: Callable[..., Page], locale: str, language: str
) -> None:
    appeal = taken_milk(live_city)
    live.drain()
    page = log_in(open_page(DESK, locale=locale), "milk-handler")
    begun = timezone.now()
    Clock.objects.filter(appeal=appeal, stopped_at=None).update(due_at=begun + LEFT)
    # The device's clock is wrong by an hour and advances only by our jumps.
    page.clock.install()
    page.clock.pause_at(begun + timedelta(hours=1))
    page.goto(f"/desk/case/{appeal.number}")
    clock = page.locator(".case-clocks .clock").first
    filed = page.locator(".case-id time[data-since]")
    passed = timedelta()
    for jump, look in JUMPS:
        passed += jump
        page.clock.fast_forward((jump - TICK) // timedelta(milliseconds=1))
        page.clock.run_for(TICK // timedelta(milliseconds=1))
        with translation.override(language):
            said = times.left(LEFT - passed)
            ago = times.ago(timezone.now() - passed)
        expect(clock.locator(".clock-left")).to_have_text(said)
        expect(clock).to_have_class(f"clock text-{look}")
        late = "#clock-exclamation" if look == "red" else "#clock"
        expect(clock.locator("use")).to_have_attribute("href", re.compile(f"{late}$"))
        expect(filed).to_have_text(ago)


def test_clock_that_is_nearly_due_can_be_read(
    live: Live, live_city: Cast, open_page: Callable[..., Page]
) -> None:
    """In a browser, because the contrast is that of the final colours."""
    appeal = taken_milk(live_city)
    due = timezone.now() + timedelta(minutes=30)
    Clock.objects.filter(appeal=appeal, stopped_at=None).update(due_at=due)
    page = log_in(open_page(DESK), "milk-handler")
    page.goto(f"/desk/case/{appeal.number}")
    expect(page.locator(".case-clocks .clock.text-orange").first).to_be_visible()
    no_violations(page)
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    no_violations(page)
