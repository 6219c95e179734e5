"""Pages that follow by themselves: through a server that dies and comes back, and in many tabs."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.test_loop import OpenPage, log_in
from tests.cast import Cast, file_one
from tests.conftest import DESK
from tests.live import Live
from yinghu.appeals import loop

pytestmark = pytest.mark.browser


def test_a_page_outlives_its_server(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    first = file_one("第一件")
    live.drain()
    page = log_in(open_page(DESK, deaf=True), "clerk")
    expect(page.locator(f"#row-{first.number}")).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    expect(page.locator(".split.is-live")).to_be_visible()

    os.killpg(live.processes["web"].pid, signal.SIGKILL)
    live.processes["web"].wait()
    # It says so, and what happens meanwhile is not lost.
    expect(page.locator("[data-live-lost]")).to_be_visible()
    second = file_one("停机时的一件")
    loop.note(first.pk, live_city.dispatcher, why="停机时写的")
    live.launch("web")
    live.wait_for_web()
    expect(page.locator(f"#row-{second.number}")).to_have_count(1, timeout=60_000)
    expect(page.locator("#case")).to_contain_text("停机时写的")
    expect(page.locator("[data-live-lost]")).to_be_hidden()
    expect(page.locator(f"#row-{first.number}")).to_have_count(1)
    assert page.evaluate("window.neverReloaded") is True
    live.forgive()


def test_many_tabs_follow_and_two_people_see_each_other(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one("很多人看的一件")
    live.drain()
    page = log_in(open_page(DESK), "clerk")
    # More tabs than a browser has connections for one site.
    tabs = [page.context.new_page() for _tab in range(7)]
    for tab in tabs:
        tab.goto("/desk/triage")
    other = log_in(open_page(DESK), "dispatcher")
    other.goto(f"/desk/case/{appeal.number}")
    expect(other.locator(".viewers")).to_contain_text("研判员小周")
    newer = file_one("后来的一件")
    for tab in tabs:
        tab.bring_to_front()
        expect(tab.locator(f"#row-{newer.number}")).to_have_count(1)
        expect(tab.locator(".viewers")).to_contain_text("派单员老陈")


HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_hidden_tab_catches_up_when_it_is_shown_and_keeps_its_place(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    for number in range(15):
        file_one(f"路灯坏了第{number}盏", phone="")
    live.drain()
    page = log_in(open_page(DESK), "clerk")
    expect(page.locator("[data-live].is-live")).to_be_attached()
    page.locator("#rows .row-item").nth(9).focus()
    focused = page.evaluate("document.activeElement.id")
    where = "Math.round(document.activeElement.getBoundingClientRect().top)"
    page.evaluate(HIDE, True)
    expect(page.locator("[data-live].is-live")).to_have_count(0)
    kept = page.evaluate(where)
    meanwhile = file_one("井盖没有了", phone="")
    expect(page.locator(f"#row-{meanwhile.number}")).to_have_count(0)
    page.evaluate(HIDE, False)
    expect(page.locator(f"#row-{meanwhile.number}")).to_have_count(1)
    assert page.evaluate("document.activeElement.id") == focused != ""
    assert page.evaluate(where) == kept
