"""Pages that follow what others do: through a killed server, hidden tabs, and colleagues beside."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_loop import OpenPage, log_in
from tests.cast import Cast, file_one
from tests.conftest import DESK
from tests.live import Live

pytestmark = pytest.mark.browser
HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_two_clerks_see_that_they_have_the_same_case_open(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one()
    boss, clerk = log_in(open_page(DESK), "commander"), log_in(open_page(DESK), "clerk")
    boss.goto(f"/desk/case/{appeal.number}")
    expect(boss.locator("[data-live].is-live")).to_be_attached()
    expect(boss.locator("#viewers")).to_have_text(f"{live_city.clerk.name} 也开着这件")
    expect(clerk.locator("#viewers")).to_have_text(f"{live_city.commander.name} 也开着这件")
    clerk.goto("/desk/dispatch" if clerk.url.endswith("triage") else "/desk/cases")
    expect(boss.locator("#viewers")).to_have_text("")


def test_a_server_killed_and_started_again_loses_nothing(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    first = file_one()
    clerk = log_in(open_page(DESK), "clerk")
    expect(clerk.locator(f"#row-{first.number}")).to_be_visible()
    expect(clerk.locator("[data-live].is-live")).to_be_attached()
    clerk.evaluate("window.neverReloaded = true")
    live.processes["web"].kill()
    live.processes["web"].wait()
    meanwhile = file_one("路灯坏了三天", phone="")
    expect(clerk.locator("#live-lost")).to_have_text(re.compile("正在重连"), timeout=20_000)
    live.launch("web")
    live.wait_for_web()
    expect(clerk.locator(f"#row-{meanwhile.number}")).to_have_count(1, timeout=30_000)
    expect(clerk.locator("#rows .row-item")).to_have_count(2)
    expect(clerk.locator("#live-lost")).to_have_text("")
    assert clerk.evaluate("window.neverReloaded")


def test_a_hidden_tab_catches_up_when_it_is_shown_and_keeps_its_place(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    for number in range(15):
        file_one(f"路灯坏了第{number}盏", phone="")
    live.drain()
    clerk = log_in(open_page(DESK), "clerk")
    expect(clerk.locator("[data-live].is-live")).to_be_attached()
    clerk.locator("#rows .row-item").nth(9).focus()
    focused = clerk.evaluate("document.activeElement.id")
    where = "Math.round(document.activeElement.getBoundingClientRect().top)"
    clerk.evaluate(HIDE, True)
    expect(clerk.locator("[data-live].is-live")).to_have_count(0)
    kept = clerk.evaluate(where)
    meanwhile = file_one("井盖没有了", phone="")
    expect(clerk.locator(f"#row-{meanwhile.number}")).to_have_count(0)
    clerk.evaluate(HIDE, False)
    expect(clerk.locator(f"#row-{meanwhile.number}")).to_have_count(1)
    assert clerk.evaluate("document.activeElement.id") == focused != ""
    assert clerk.evaluate(where) == kept
