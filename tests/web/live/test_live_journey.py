"""Live pages in a browser: many tabs, a killed server, hidden tabs, lists in use, and viewers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser_logins import log_in
from tests.cast import Cast, file_one
from tests.conftest import DESK, PHONE
from tests.live import Live
from yinghu.appeals import handling_actions

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
LOST = "[data-live-lost]"


def kill_web(live: Live) -> None:
    """Kill the web process, as the kernel does when memory is short."""
    live.processes["web"].kill()
    live.processes["web"].wait()


def row(number: str) -> str:
    return f"#rows #row-{number}"


def is_live(page: Page) -> None:
    """Wait until the page's live connection is open."""
    expect(page.locator("html.is-live")).to_have_count(1)


def hide(page: Page, hidden: bool) -> None:
    """Make the page believe that it is hidden or visible."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_eight_tabs_stay_live_across_a_killed_server(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    case = file_one("路灯坏了")
    first = log_in(open_page(DESK, deaf=True), "clerk")
    expect(first.locator(row(case.number))).to_have_count(1)
    # A browser opens six connections per site: with one stream per tab, the seventh would hang.
    addresses = ["/desk/triage"] * 4 + ["/desk/callback", "/board", f"/desk/case/{case.number}"]
    tabs = [first]
    for address in addresses:
        tab = first.context.new_page()
        tab.goto(address)
        tabs.append(tab)
    second = file_one("家里没有奶粉了")
    for tab in tabs[:5]:
        expect(tab.locator(row(second.number))).to_have_count(1)
    expect(tabs[5].locator('#desks a[href="/desk/triage"] .waiting')).to_contain_text("2")
    expect(tabs[6].locator("#n-received")).to_have_text("2")

    kill_web(live)
    for tab in tabs:
        expect(tab.locator(LOST)).to_be_visible()
        expect(tab.locator(LOST)).to_contain_text("连接断开，正在重连；下面的可能不是最新")
    third = file_one("有人晕倒了")
    handling_actions.note(case.pk, live_city.clerk, why="断线时写的")
    live.launch("web")
    live.wait_for_web()
    for tab in tabs[:5]:
        expect(tab.locator(row(third.number))).to_have_count(1, timeout=30_000)
        expect(tab.locator("#rows .row-item")).to_have_count(3)
    expect(tabs[5].locator('#desks a[href="/desk/triage"] .waiting')).to_contain_text("3")
    expect(tabs[6].locator("#n-received")).to_have_text("3")
    expect(tabs[7].locator(".story")).to_contain_text("断线时写的")
    for tab in tabs:
        expect(tab.locator(LOST)).to_be_hidden()


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "alone"])
def test_hidden_tab_catches_up_when_shown(
    live: Live, live_city: Cast, open_page: OpenPage, shared: bool
) -> None:
    page = open_page(DESK)
    if not shared:
        page.add_init_script("delete window.SharedWorker")
    log_in(page, "clerk")
    is_live(page)
    watched = log_in(open_page(DESK), "clerk")
    is_live(watched)
    hide(page, True)
    appeal = file_one()
    expect(watched.locator(row(appeal.number))).to_have_count(1)
    assert page.locator(row(appeal.number)).count() == 0
    hide(page, False)
    expect(page.locator(row(appeal.number))).to_have_count(1)
    other = file_one()
    expect(page.locator(row(other.number))).to_have_count(1)


def test_failed_fetch_of_a_part_is_retried(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    page = open_page(DESK, deaf=True)
    refused = []

    def refuse_twice(route: Route) -> None:
        refused.append(1)
        if len(refused) <= 2:
            route.fulfill(status=503, body="")
        else:
            route.continue_()

    page.route("**/desk/triage?part=rows*", refuse_twice)
    log_in(page, "clerk")
    appeal = file_one()
    expect(page.locator(row(appeal.number))).to_have_count(1, timeout=30_000)
    assert len(refused) >= 3
    expect(page.locator(LOST)).to_be_hidden()


def test_failed_part_is_fetched_at_once_after_reconnect(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    page = log_in(open_page(DESK, deaf=True), "clerk")
    is_live(page)
    kill_web(live)
    expect(page.locator(LOST)).to_be_visible()
    # After these failures, the next retry would be at least 15 seconds away.
    for _ in range(7):
        with page.expect_event("requestfailed", lambda request: "part=rows" in request.url):
            page.evaluate("htmx.trigger('#rows', 'look')")
    appeal = file_one()
    live.launch("web")
    live.wait_for_web()
    expect(page.locator(row(appeal.number))).to_have_count(1, timeout=13_000)
    expect(page.locator(LOST)).to_be_hidden()


def test_live_list_keeps_scroll_position_and_unique_rows(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    for number in range(35):
        file_one(f"第 {number} 件：路灯坏了")
    live.drain()
    page = log_in(open_page(DESK), "clerk")
    expect(page.locator("#rows .row-item")).to_have_count(30)
    page.click(".row-more")
    rows = page.locator("#rows .row-item")
    expect(rows).to_have_count(35)
    place = rows.nth(20).get_attribute("id")
    before = page.evaluate(
        """(id) => {
          const row = document.getElementById(id);
          row.scrollIntoView({ block: "center" });
          row.focus();
          return row.getBoundingClientRect().top;
        }""",
        place,
    )
    urgent = file_one("家里停水了，有婴儿", urgency=2)
    expect(rows).to_have_count(36)
    ids = rows.evaluate_all("rows => rows.map(row => row.id)")
    assert ids[0] == f"row-{urgent.number}"
    assert len(set(ids)) == 36
    expect(page.locator(f"#{place}")).to_be_focused()
    after = page.locator(f"#{place}").evaluate("row => row.getBoundingClientRect().top")
    assert abs(after - before) < 2


def test_other_viewers_of_a_case_are_shown_to_staff_only(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    case = file_one("路灯坏了")
    clerk = log_in(open_page(DESK), "clerk")
    clerk.goto(f"/desk/case/{case.number}")
    is_live(clerk)
    commander = log_in(open_page(DESK), "commander")
    commander.goto(f"/desk/case/{case.number}")
    expect(clerk.locator("#viewers")).to_contain_text(f"{live_city.commander.name} 也开着这件")
    expect(commander.locator("#viewers")).to_contain_text(f"{live_city.clerk.name} 也开着这件")
    citizen = open_page(PHONE)
    citizen.goto(f"/t/{case.token}")
    is_live(citizen)
    assert live_city.commander.name not in citizen.content()
    assert citizen.locator("#viewers").count() == 0
    commander.goto("/board")
    expect(clerk.locator("#viewers")).to_be_empty()
