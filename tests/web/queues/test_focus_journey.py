"""Where the focus goes on a desk, and what does not move under a finger. A browser, because both
are done by its focus and its layout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser_logins import log_in
from tests.cast import Cast, file_one
from tests.conftest import DESK, PHONE
from tests.live import Live
from tests.oversight.alarms import FIRE
from tests.web.queues.test_desk_journey import ready
from yinghu.appeals import actions
from yinghu.oversight import alarm_actions

pytestmark = pytest.mark.browser

FOCUSED = """(() => {
    const at = document.activeElement, parts = {list: "#rows", acts: ".case-acts", case: "#case"};
    return Object.keys(parts).find(name => at.closest(parts[name])) || at.id;
})()"""


def focused_part(page: Page) -> Any:
    return page.evaluate(FOCUSED)


def test_tab_goes_from_list_to_case_to_actions(
    live: Live, live_city: Cast, open_page: Callable[..., Page]
) -> None:
    first, second, third = (file_one(f"第{n}盏路灯坏了", phone="") for n in range(3))
    live.drain()
    clerk = log_in(open_page(DESK), "clerk")
    ready(clerk, first.number)
    rows, open_row = clerk.locator("#rows .row-item"), clerk.locator("#rows [aria-current=true]")
    expect(open_row).to_have_attribute("id", f"row-{first.number}")
    # The list is one stop; the keys go through it.
    clerk.locator("article").focus()
    clerk.keyboard.press("j")
    expect(clerk.locator(f"#row-{second.number}")).to_be_focused()
    stops = "Array.from(document.querySelectorAll('#rows .row-item'), row => row.tabIndex)"
    assert clerk.evaluate(stops) == [-1, 0, -1]
    clerk.keyboard.press("Enter")
    ready(clerk, second.number)
    expect(open_row).to_have_attribute("id", f"row-{second.number}")
    colours = clerk.evaluate(
        "Array.from(document.querySelectorAll('#rows .row-item'),"
        " row => getComputedStyle(row).backgroundColor)"
    )
    assert colours[0] == colours[2] != colours[1]

    open_row.focus()
    visited = []
    for _press in range(40):
        clerk.keyboard.press("Tab")
        part = focused_part(clerk)
        if part not in visited:
            visited.append(part)
        if part == "acts":
            break
    assert visited == ["case", "acts"]

    # Somebody else decides the focused case: the focus stays in the list.
    clerk.locator(f"#row-{third.number}").focus()
    actions.sort(third.pk, live_city.clerk, category="urban")
    expect(rows).to_have_count(2)
    expect(open_row).to_be_focused()

    # After the last case there is the page itself, from which Tab goes on.
    for left in (second, first):
        ready(clerk, left.number)
        clerk.locator("article").focus()
        clerk.keyboard.press("a")
    expect(clerk.locator(".split.bare")).to_be_visible()
    expect(clerk.locator("#main")).to_be_focused()


def test_alarm_moves_nothing_and_takes_no_focus(
    live: Live, live_city: Cast, open_page: Callable[..., Page]
) -> None:
    appeal = file_one("路灯坏了", phone="")
    live.drain()
    clerk = log_in(open_page(DESK), "clerk")
    ready(clerk, appeal.number)
    clerk.keyboard.press("q")
    words, send = clerk.locator("#ask-words"), clerk.locator("[data-act=ask] .act-send button")
    expect(words).to_be_focused()
    clerk.keyboard.type("请补充是哪一盏")
    phone = log_in(open_page(PHONE), "commander")
    phone.goto("/desk/cases")
    phone.set_viewport_size({"width": 360, "height": 420})
    for page in (clerk, phone):
        expect(page.locator("html.is-live")).to_have_count(1)
    phone.evaluate("window.scrollTo(0, 300)")
    scrolled = phone.evaluate("window.scrollY")
    assert scrolled > 200
    heading = phone.locator("h1")
    before = [words.bounding_box(), send.bounding_box(), heading.bounding_box()]

    alarms = [file_one(f"{n}号楼{FIRE}") for n in range(3)]
    for n in (1, 3):
        for page in (clerk, phone):
            expect(page.locator("#alarms .alarm")).to_have_count(1)
        if n == 3:
            expect(clerk.locator("#alarms-all")).to_contain_text("全部 3 件警报")
            expect(phone.locator("#alarms-all")).to_contain_text("3")
        assert [words.bounding_box(), send.bounding_box(), heading.bounding_box()] == before
    expect(words).to_be_focused()
    expect(words).to_have_value("请补充是哪一盏")
    assert phone.evaluate("window.scrollY") == scrolled

    # The line lies over a page that was scrolled. A press meant for what is beneath it, just when
    # it changes, does not become a press on it.
    expect(phone.locator("#alarms:not(.is-fresh)")).to_have_count(1)
    phone.evaluate(
        """const lane = document.getElementById('alarms');
        new MutationObserver(() => {
            if (!lane.classList.contains('is-fresh')) return;
            const hit = document.elementFromPoint(180, 20);
            document.documentElement.dataset.hit = hit.closest('#alarms') ? 'alarm' : 'page';
        }).observe(lane, {attributeFilter: ['class']})"""
    )
    alarm_actions.acknowledge(alarms[0].pk, live_city.clerk)
    expect(phone.locator("html[data-hit]")).to_have_attribute("data-hit", "page")
    box = phone.locator("#alarms").bounding_box()
    assert box is not None
    assert (box["y"], box["height"]) == (0, 48)
