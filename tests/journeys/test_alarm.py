"""A danger, from the words in a phone to a judged alarm on the desks.

A browser, because the form reads the words before anything is sent, and the lane comes by itself
and sounds.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser_logins import log_in
from tests.cast import Cast, file_one
from tests.conftest import DESK, PHONE
from tests.oversight.alarms import FIRE
from yinghu.appeals.models import Appeal
from yinghu.oversight import alarm_actions

pytestmark = pytest.mark.browser


def test_danger_is_called_in_filed_seen_and_judged(
    live_city: Cast, open_page: Callable[..., Page]
) -> None:
    clerk = log_in(open_page(DESK), "clerk")
    commander = log_in(open_page(PHONE), "commander")
    expect(clerk.locator("html.is-live")).to_have_count(1)
    expect(commander.locator("html.is-live")).to_have_count(1)

    citizen = open_page(PHONE)
    citizen.goto("/file")
    expect(citizen.locator(".sos a")).to_have_count(3)
    numbers = citizen.locator("#danger a")
    citizen.fill("textarea[name=words]", "小区西门的路灯坏了三天")
    expect(numbers.first).to_be_hidden()
    citizen.fill("textarea[name=words]", FIRE)
    expect(numbers.first).to_be_visible()
    assert [each.get_attribute("href") for each in numbers.all()] == [
        "tel:120",
        "tel:119",
        "tel:110",
    ]
    citizen.click("button.send")
    expect(citizen.locator("#number")).to_be_visible()
    number = citizen.locator("#number").inner_text()
    expect(numbers.first).to_be_visible()

    for page in (clerk, commander):
        expect(page.locator(f'#alarms [data-alarm="{number}"]')).to_be_visible()
        assert page.title().startswith("🔴 ")
    # A browser plays sounds once something was pressed.
    clerk.keyboard.press("Escape")
    expect(clerk.locator("#alarms[data-sounded]")).to_have_count(1)
    expect(clerk.locator("#alarm-said")).to_contain_text("有新的警报")

    # Quiet is for the alarms that one has heard: the next one sounds.
    sound = clerk.locator("[data-alarm-sound]")
    sound.click()
    expect(sound).to_have_attribute("title", "已静音，按一下恢复声音")
    other = file_one("二楼有人被高压电打到，倒在地上叫不醒")
    expect(clerk.locator("#alarms-all")).to_contain_text("2")
    expect(sound).to_have_attribute("title", "静音十分钟")
    alarm_actions.dismiss_alarm(other.pk, live_city.clerk)

    commander.click("#alarms form button")
    expect(commander.locator(".alarm-panel")).to_contain_text("在看")
    expect(clerk.locator("#alarms .alarm-seen")).to_be_visible()
    assert not clerk.title().startswith("🔴 ")

    commander.keyboard.press("2")
    expect(commander.locator(".alarm-panel")).to_have_count(0)
    expect(clerk.locator("#alarms .alarm")).to_have_count(0)
    case = Appeal.objects.get(body=FIRE)
    assert (case.urgency, case.alarmed) == (3, False)


def test_answer_and_traditional_characters_show_the_numbers(live_city: Cast, page: Page) -> None:
    page.goto("/file?category=medical")
    danger = page.locator("#danger")
    page.locator("label.choice", has_text="透析").click()
    expect(danger).to_be_hidden()
    page.locator("label.choice", has_text="急症").click()
    expect(danger).to_be_visible()
    page.locator("label.choice", has_text="透析").click()
    expect(danger).to_be_hidden()
    page.fill("textarea[name=words]", "電梯困人了快來，有人喘不過氣")
    expect(danger).to_be_visible()
    page.fill("textarea[name=words]", "救護車一次收多少錢")
    expect(danger).to_be_hidden()
