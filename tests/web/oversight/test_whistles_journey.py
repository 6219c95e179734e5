"""Whistling at a desk, reporting in from a phone: unit search, positions and live pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser_checks import fits, no_violations, taps
from tests.browser_logins import log_in
from tests.cast import Cast
from tests.conftest import DESK, PHONE
from tests.live import Live
from tests.oversight.test_rulings import login
from tests.oversight.test_whistles import at_community, call
from tests.web.notifications.test_notifications_journey import is_live
from yinghu.oversight import whistle_actions
from yinghu.oversight.models import Summons, Whistle

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
TAB = 'a[href="/desk/whistles"] .waiting'


def test_whistle_form_finds_units_by_initials_and_pages_update(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = at_community(live_city)
    phone = log_in(open_page(PHONE), "health-handler")
    phone.goto("/desk/whistles")
    is_live(phone)
    expect(phone.locator("#for-us")).to_contain_text("没有吹哨叫我们")
    # The browser is in another time zone; the city's time applies.
    desk = log_in(open_page(DESK, timezone_id="America/New_York"), "community-head")
    desk.goto(f"/desk/case/{appeal.number}")
    desk.click("[data-act=whistle] summary")
    form = desk.locator("[data-act=whistle] form")
    form.locator("[data-find]").fill("wsjkj")
    expect(form.locator(".many .choice:visible")).to_have_text(["卫生健康局"])
    form.locator(".many .choice:visible").click()
    form.locator("[data-find]").fill("佛堂")
    # Ticked units stay visible.
    expect(form.locator(".many .choice:visible")).to_have_text(["卫生健康局"])
    form.locator("[data-find]").press("Enter")
    form.get_by_role("button", name="4 小时").click()
    form.locator("[name=why]").fill("请到现场")
    no_violations(desk)
    fits(desk)
    form.locator("button[type=submit]").click()
    expect(desk.locator(".alert-success")).to_be_visible()
    blown = Whistle.objects.get()
    away = blown.until - timezone.now()
    assert timedelta(hours=3, minutes=55) < away < timedelta(hours=4, minutes=1)

    # The call appears on the phone without a reload, and on its tab.
    expect(phone.locator("#for-us .whistle")).to_contain_text("还没有报到")
    expect(phone.locator(TAB)).to_contain_text("1")
    # The list is not redrawn while a button is held down.
    button = phone.locator("#for-us").get_by_role("button", name="报到")
    button.hover()
    phone.mouse.down()
    pressed = button.element_handle()
    phone.evaluate(
        """() => new Promise((drawn) => {
          document.addEventListener("htmx:beforeSwap", () => {
            requestAnimationFrame(() => requestAnimationFrame(drawn));
          }, { once: true });
          htmx.trigger("#for-us", "look");
        })"""
    )
    assert pressed.evaluate("(button) => button.isConnected")
    phone.mouse.move(0, 0)
    phone.mouse.up()
    # Pressed twice in a row, and without a position.
    button.dblclick()
    expect(phone.locator("#for-us [name=spoken_to]")).to_be_visible()
    assert appeal.events.filter(verb="report_in").count() == 1
    desk.goto("/desk/whistles")
    expect(desk.locator(TAB)).to_contain_text("1")
    is_live(desk)
    # A draft is not replaced when another user acts.
    phone.locator("#for-us [name=spoken_to]").fill("社区老王")
    desk.get_by_role("button", name="基本满意").click()
    expect(desk.locator(TAB)).to_have_count(0)
    expect(phone.locator("#for-us [name=spoken_to]")).to_have_value("社区老王")


def test_report_in_position_and_contest_appear_live(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = at_community(live_city)
    where = {"longitude": 120.1037, "latitude": 29.3413}
    allowed = {"geolocation": where, "permissions": ["geolocation"]}
    caller = log_in(open_page(PHONE), "community-head")
    caller.goto("/desk/whistles")
    boss = log_in(open_page(DESK), "commander")
    boss.goto("/desk/whistles")
    for page in (caller, boss):
        is_live(page)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    expect(caller.locator("#ours .whistle")).to_have_count(2)
    live.drain()
    bureau = log_in(open_page(PHONE, **allowed), "bureau-handler")
    bureau.goto("/desk/whistles")
    is_live(bureau)
    bureau.locator("#for-us").get_by_role("button", name="报到").dblclick()
    expect(bureau.locator("#for-us .whistle-state")).to_contain_text("离集合地点", timeout=20_000)
    assert Summons.objects.get(unit__code="bureau-environment").metres == pytest.approx(300, abs=15)
    expect(caller.locator("#ours", has_text="离集合地点")).to_be_visible()
    health = log_in(open_page(PHONE), "health-handler")
    health.goto("/desk/whistles")
    health.click("text=不该叫我们")
    health.locator("#for-us .whistle-more [name=why]").fill("油烟不归我们管")
    health.get_by_role("button", name="提异议").click()
    expect(boss.locator("#judge")).to_contain_text("油烟不归我们管")
    no_violations(boss)
    boss.locator("#judge [name=why]").fill("属实")
    boss.get_by_role("button", name="同意，不用来").click()
    expect(caller.locator("#ours")).to_contain_text("裁定不用来")
    for page in (caller, bureau, health):
        no_violations(page)
        taps(page)
        fits(page)


def test_report_in_from_the_case_page_sends_the_position(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = at_community(live_city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    live.drain()
    where = {"longitude": 120.1037, "latitude": 29.3413}
    page = open_page(PHONE, geolocation=where, permissions=["geolocation"])
    log_in(page, "bureau-handler").goto(f"/desk/case/{appeal.number}")
    page.click("[data-act=report_in] summary")
    page.locator("[data-act=report_in] button[type=submit]").dblclick()
    expect(page.locator("[data-act=measures]")).to_be_visible()
    assert Summons.objects.get(unit__code="bureau-environment").metres == pytest.approx(300, abs=15)
    assert appeal.events.filter(verb="report_in").count() == 1


def test_reporting_in_works_without_scripts(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = at_community(live_city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    page = log_in(open_page(PHONE, java_script_enabled=False), "health-handler")
    page.goto("/desk/whistles")
    page.locator("#for-us").get_by_role("button", name="报到").click()
    expect(page.locator("#for-us [name=spoken_to]")).to_be_visible()


def test_form_opened_low_in_the_panel_scrolls_into_view(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = at_community(live_city)
    live.drain()
    page = log_in(open_page(DESK), "community-head")
    page.goto(f"/desk/inbox?case={appeal.number}")
    whistle = page.locator("[data-act=whistle]")
    # A form that is open initially does not scroll the panel.
    expect(page.locator("[data-act=report]")).to_have_attribute("open", "")
    expect(page.locator("#case-number")).to_be_in_viewport()
    summary = whistle.locator("summary")
    summary.evaluate("(at) => at.scrollIntoView({ block: 'end' })")
    expect(whistle.locator("form .choices").first).not_to_be_in_viewport()
    summary.click()
    expect(whistle.locator("form .choices").first).to_be_in_viewport()
    expect(summary).to_be_in_viewport()


def test_measures_with_a_wrong_date_focus_the_date_field(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = at_community(live_city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    whistle_actions.report_in(appeal.pk, login("health-handler"))
    live.drain()
    page = log_in(open_page(PHONE), "health-handler")
    page.goto("/desk/whistles")
    form = page.locator("#for-us form", has=page.locator("[name=spoken_to]"))
    form.locator("[name=spoken_to]").fill("社区老王")
    form.locator("[name=why]").fill("要求加装净化器")
    form.locator("[name=until]").fill("2020-01-01T09:00")
    form.get_by_role("button", name="报四要素").click()
    wrong = page.locator("#for-us [name=until]")
    expect(wrong).to_be_focused()
    expect(wrong).to_be_in_viewport()
    expect(page.locator("#for-us .wrong")).to_be_in_viewport()
    expect(page.locator("#for-us [name=why]")).to_have_value("要求加装净化器")
    no_violations(page)
    fits(page)
    wrong.fill((timezone.localtime() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"))
    form.get_by_role("button", name="报四要素").click()
    expect(page.locator(".alert-success")).to_contain_text("已报四要素")


def test_report_in_succeeds_when_geolocation_never_answers(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    """Needs a page in a browser: only a browser has geolocation and timers."""
    whistle_actions.whistle(at_community(live_city).pk, login("community-head"), **call())
    phone = open_page(PHONE)
    phone.add_init_script("navigator.geolocation.getCurrentPosition = () => {};")
    phone.clock.install()
    log_in(phone, "health-handler")
    phone.goto("/desk/whistles")
    phone.locator("#for-us").get_by_role("button", name="报到").click()
    said = phone.locator("[data-report-said]")
    expect(said).to_contain_text("正在")
    # The list is redrawn meanwhile, as when a colleague reports in.
    before = said.element_handle()
    phone.evaluate("htmx.trigger('#lists', 'look')")
    phone.wait_for_function("before => !before.isConnected", arg=before)
    expect(said).to_contain_text("正在")
    phone.clock.fast_forward(13_000)
    expect(phone.locator("#for-us [name=spoken_to]")).to_be_visible()
    assert Summons.objects.get(unit__code="bureau-health").metres is None
