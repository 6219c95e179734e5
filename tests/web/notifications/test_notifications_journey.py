"""The notification bell in a browser: live count, opening, and marking as read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser_logins import log_in
from tests.cast import Cast, dispatched, file_one, requester, taken_milk
from tests.conftest import DESK, PHONE
from tests.live import Live
from yinghu.appeals import handling_actions

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
COUNT = "#bell .bell-count"


def is_live(page: Page) -> None:
    """Wait until the page's live connection is open."""
    expect(page.locator("html.is-live")).to_have_count(1)


def test_bell_updates_only_for_the_notified_login(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    handler = log_in(open_page(DESK), "milk-handler")
    other = log_in(open_page(DESK), "urban-handler")
    is_live(handler)
    is_live(other)
    fetched: list[str] = []
    other.on("request", lambda request: fetched.append(request.url))
    expect(handler.locator(COUNT)).to_have_count(0)
    appeal = dispatched(file_one(), live_city)
    expect(handler.locator(COUNT)).to_contain_text("1")
    live.drain()
    assert [url for url in fetched if url.endswith("/bell")] == []

    handler.click("#bell")
    expect(handler.locator(".notice.unread .notice-said")).to_contain_text("派给奶粉组，等人接单")
    handler.click(".notice.unread")
    handler.wait_for_url(f"**/desk/case/{appeal.number}")
    expect(handler.locator(COUNT)).to_have_count(0)


def test_open_list_grows_and_marking_read_clears_all_tabs(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    first = log_in(open_page(PHONE), "milk-handler")
    first.goto("/desk/notices")
    expect(first.locator(".empty-state")).to_contain_text("还没有通知")
    second = first.context.new_page()
    second.goto("/desk/inbox")
    is_live(first)
    is_live(second)
    appeal = taken_milk(live_city)
    handling_actions.urge(appeal.pk, requester(appeal))
    expect(first.locator(".notice.unread")).to_have_count(2)
    expect(second.locator(COUNT)).to_contain_text("2")
    live.drain()
    first.reload()
    first.click("text=全部标为已读")
    expect(first.locator(".notice.unread")).to_have_count(0)
    expect(first.locator(".notice")).to_have_count(2)
    expect(second.locator(COUNT)).to_have_count(0)


def test_the_bell_works_without_scripts(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    appeal = taken_milk(live_city)
    live.drain()
    page = log_in(open_page(PHONE, java_script_enabled=False), "milk-handler")
    expect(page.locator(COUNT)).to_contain_text("1")
    page.click("#bell")
    page.click(".notice.unread")
    page.wait_for_url(f"**/desk/case/{appeal.number}")
    expect(page.locator(COUNT)).to_have_count(0)
