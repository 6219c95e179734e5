"""Desk work by keyboard: triage, handling, ended logins, and two clerks at one case."""

from __future__ import annotations

import re

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import FilePayload, Page, expect

from tests.browser_logins import log_in, press_demo_login
from tests.cast import Cast, dispatched, file_one
from tests.conftest import DESK, PHONE
from tests.journeys.test_loop import OpenPage, photo
from tests.live import Live
from yinghu.appeals import handling_actions
from yinghu.appeals.models import Appeal, Attachment, ReplyTemplate
from yinghu.people.access import requester_of
from yinghu.people.models import Post, Role, Unit, User

pytestmark = pytest.mark.browser
LIGHT = "青口小区3幢楼下的路灯坏了三天，晚上一片漆黑，老人不敢出门，请来修。"
AGAIN = "青口小区3幢楼下路灯坏了一个星期，晚上一片漆黑，老人孩子不敢出门，请来修。"


def ready(page: Page, number: str) -> None:
    """Wait until the case is open and receives the next key."""
    expect(page.locator(".split.is-ready #case")).to_have_attribute("data-number", number)


def test_clerk_triages_by_keyboard_alone(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    milk = file_one()
    bus = file_one("3路公交车站牌被撞歪了", phone="")
    policy = file_one("请问办理居住证需要什么材料，到哪个窗口办理", category="policy", phone="")
    light = file_one(LIGHT, area="330782008", phone="+8613900000001")
    again = file_one(AGAIN, area="330782008", phone="+8613900000001")
    live.drain()
    clerk = log_in(open_page(DESK), "clerk")
    keys = clerk.keyboard
    expect(clerk.locator("#desks [aria-current]")).to_contain_text("5")
    clerk.evaluate("window.neverReloaded = true")

    # One key confirms the suggestion from anywhere on the page.
    ready(clerk, milk.number)
    clerk.locator("article").focus()
    keys.press("a")
    expect(clerk.locator("#messages")).to_contain_text(f"{milk.number}：已研判")
    expect(clerk.locator("#said")).to_contain_text(f"已打开 {bus.number}")
    expect(clerk.locator("#desks [aria-current]")).to_contain_text("4")

    # A wrong suggestion is corrected by typing initials of the category and of the area.
    ready(clerk, bus.number)
    keys.press("c")
    expect(clerk.locator("#sort-category")).to_be_focused()
    keys.type("jtys")
    expect(clerk.get_by_role("option", name="交通运输")).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    expect(clerk.locator("#sort-category")).to_have_value("交通运输")
    keys.press("Tab")
    keys.press("Tab")
    expect(clerk.locator("#sort-area")).to_be_focused()
    keys.press("Control+A")
    # Enter before the hints have arrived chooses the first of them.
    keys.type("ftjd")
    keys.press("Enter")
    expect(clerk.locator("#sort-area")).to_have_value(re.compile("^330782008 "))
    keys.press("Enter")
    ready(clerk, policy.number)
    bus.refresh_from_db()
    assert (bus.category_id, bus.area_id) == ("transport", "330782008")

    # Skipped, fetched back, skipped again.
    keys.press("s")
    expect(clerk.locator("#skipped")).to_contain_text(f"{policy.number}：已跳过")
    ready(clerk, light.number)
    expect(clerk.locator(f"#row-{policy.number}")).to_have_count(0)
    keys.press("u")
    ready(clerk, policy.number)
    keys.press("s")
    ready(clerk, light.number)
    assert "skipped" not in clerk.url

    # Move down the list to the duplicate, compare side by side, and merge it into the first.
    keys.press("j")
    keys.press("k")
    keys.press("ArrowDown")
    expect(clerk.locator(f"#row-{again.number}")).to_be_focused()
    keys.press("Enter")
    ready(clerk, again.number)
    assert f"case={again.number}" in clerk.url
    keys.press("m")
    pair = clerk.locator(".pair[open]")
    expect(pair).to_contain_text("同一个电话")
    expect(pair.locator("mark").first).to_be_visible()
    expect(pair.get_by_role("button", name="并入它")).to_be_focused()
    again.refresh_from_db()
    assert again.status == "filed"
    keys.press("m")
    expect(clerk.locator("#messages")).to_contain_text(f"{again.number}：已并单")
    again.refresh_from_db()
    assert (again.status, again.master_id) == ("merged", light.pk)
    ready(clerk, light.number)
    expect(clerk.locator("#case")).to_contain_text("并到这一件里的")
    keys.press("a")

    # Only the skipped case is left; it comes back and is answered from a template.
    expect(clerk.locator("#messages")).to_contain_text(f"{light.number}：已研判")
    expect(clerk.locator(".away")).to_contain_text("跳过 1 件")
    expect(clerk.locator(".split.is-ready")).to_be_visible()
    clerk.get_by_role("button", name="现在就看").press("Enter")
    ready(clerk, policy.number)
    keys.press("r")
    expect(clerk.locator("#answer-words")).to_be_focused()
    clerk.get_by_role("link", name="居住证怎么办").press("Enter")
    filled = ReplyTemplate.objects.get(name="居住证怎么办").words
    expect(clerk.locator("#answer-words")).to_have_value(filled)
    keys.type("祝顺利。")
    clerk.once("dialog", lambda dialog: dialog.dismiss())
    clerk.get_by_role("link", name="一般解答").press("Enter")
    expect(clerk.locator("#answer-words")).to_have_value(f"{filled}祝顺利。")
    keys.press("a")  # while typing, a shortcut key is a letter
    keys.press("Backspace")
    keys.press("Escape")
    keys.press("?")
    expect(clerk.locator("dialog.keys")).to_be_visible()
    keys.press("Escape")
    clerk.locator("form:has(#answer-words) button").press("Enter")
    expect(clerk.get_by_text("都研判完了")).to_be_visible()
    policy.refresh_from_db()
    assert (policy.status, policy.result) == ("resolved", f"{filled}祝顺利。")
    assert clerk.evaluate("window.neverReloaded") is True

    # Back and reload show what the address says.
    clerk.go_back()
    expect(clerk).to_have_url(re.compile("/desk/triage"))
    clerk.reload()
    expect(clerk.locator(".split")).to_be_visible()


def test_case_goes_from_accept_to_resolve(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    colleague = User.objects.get(username="food-handler")
    Post.objects.create(user=colleague, unit=Unit.objects.get(code="milk"), role=Role.HANDLER)
    appeal = dispatched(file_one(), live_city)
    live.drain()

    # Accept with one key, and hand to a colleague found by initials.
    handler = log_in(open_page(DESK), "milk-handler")
    ready(handler, appeal.number)
    handler.keyboard.press("a")
    expect(handler.locator("#messages")).to_contain_text("已接单")
    live.drain()
    handler.reload()
    ready(handler, appeal.number)
    handler.keyboard.press("h")
    expect(handler.locator("#hand-user")).to_be_focused()
    handler.keyboard.type("spzxq")
    handler.keyboard.press("Enter")
    expect(handler.locator("#hand-user")).to_have_value("食品组小钱")
    handler.keyboard.press("Enter")
    expect(handler.locator("#messages")).to_contain_text("已转交")
    appeal.refresh_from_db()
    assert appeal.holder == colleague

    # The colleague reports with a photo; an invalid file is named at its field and words stay.
    other = log_in(open_page(DESK), "food-handler")
    ready(other, appeal.number)
    other.fill("#report-words", "已经买到，在路上")
    broken: FilePayload = {"name": "坏.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}
    other.set_input_files("#report-photos", [broken])
    other.locator("form:has(#report-words) button").click()
    expect(other.locator("#report-photos-error")).to_be_visible()
    expect(other.locator("#report-words")).to_have_value("已经买到，在路上")
    other.set_input_files("#report-photos", [photo()])
    expect(other.locator("[data-preview=report-photos] img")).to_be_visible()
    expect(other.locator(".split.is-ready")).to_be_visible()
    other.locator("form:has(#report-words) button").click()
    expect(other.locator("#messages")).to_contain_text("已报进展")
    expect(other.locator(".story .photos img")).to_have_count(1)
    expect(other.locator("#report-words")).to_have_value("")

    # Asks, gets an answer, and resolves with the group's reply template and a photo.
    ready(other, appeal.number)
    other.keyboard.press("q")
    other.get_by_role("link", name="品牌和段数").press("Enter")
    other.locator("form:has(#ask-words) button").press("Enter")
    expect(other.locator("#messages")).to_contain_text("已请补充")
    handling_actions.supply(appeal.pk, requester_of(appeal.pk), words="一段，两罐")
    expect(other.locator(".story")).to_contain_text("一段，两罐")
    other.get_by_role("button", name="对外").click()
    expect(other.locator(".story .is-inside:not(.is-public)")).to_have_count(0)
    ready(other, appeal.number)
    other.keyboard.press("f")
    other.get_by_role("link", name="奶粉已送到").press("Enter")
    expect(other.locator("#resolve-words")).to_have_value(re.compile("已送到小区门口"))
    other.set_input_files("#resolve-photos", [photo()])
    other.locator("form:has(#resolve-words) button").click()
    expect(other.locator("#messages")).to_contain_text("已办结")
    assert Attachment.objects.filter(appeal=appeal, event__isnull=False).count() == 2

    citizen = open_page(PHONE)
    citizen.goto(f"/t/{appeal.token}")
    expect(citizen.locator("h1")).to_have_text("已办结")
    expect(citizen.locator("img[src*='/photo/']")).to_have_count(2)
    assert "小钱" not in citizen.content()
    assert "小李" not in citizen.content()


def test_ended_login_and_lost_network_keep_the_draft(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one()
    live.drain()
    clerk = log_in(open_page(DESK, deaf=True), "clerk")
    ready(clerk, appeal.number)
    clerk.keyboard.press("r")
    clerk.keyboard.type("请带身份证到窗口")
    # What was typed comes back after a reload.
    clerk.reload()
    expect(clerk.locator("#answer-words")).to_have_value("请带身份证到窗口")
    ready(clerk, appeal.number)

    answer = clerk.locator("form:has(#answer-words)")
    clerk.context.set_offline(True)
    answer.locator("button").click()
    expect(clerk.locator(".send-note")).to_contain_text("网络断了")
    clerk.context.set_offline(False)

    Session.objects.all().delete()
    answer.locator("button").click()
    expect(clerk.locator(".send-note")).to_contain_text("登录已过期")
    expect(clerk.locator("#answer-words")).to_have_value("请带身份证到窗口")
    with clerk.context.expect_page() as opened:
        clerk.locator(".send-note a").click()
    expect(opened.value).to_have_url(re.compile("/login/"))
    # Another user of the same device cannot send the draft.
    press_demo_login(opened.value, "milk-handler")
    answer.locator("button").click()
    expect(clerk.locator(".send-note")).to_contain_text("现在登录的是别人")
    opened.value.locator("form[action*=logout] button").click()
    # The new login changes the CSRF token; the same button still works.
    press_demo_login(opened.value, "clerk")
    expect(opened.value.locator(".split")).to_be_visible()
    clerk.locator("#answer-words").press("Control+Enter")
    expect(clerk.locator("#messages")).to_contain_text("已答复")
    appeal.refresh_from_db()
    assert appeal.result == "请带身份证到窗口"
    assert appeal.events.filter(verb="answer").count() == 1
    assert clerk.evaluate("Object.keys(sessionStorage).filter(key => /^draft/.test(key))") == []

    # Without scripts, the page after the ended login shows the draft.
    second = file_one("另一件", phone="")
    plain = log_in(open_page(DESK, java_script_enabled=False), "clerk")
    plain.locator("summary", has_text="答复").click()
    plain.fill("#answer-words", "<b>请</b>带户口本")
    Session.objects.all().delete()
    plain.locator("form:has(#answer-words) button").click()
    expect(plain.locator("textarea")).to_have_value("<b>请</b>带户口本")
    second.refresh_from_db()
    assert second.status == "filed"


def test_second_clerks_sort_is_refused(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    appeal = file_one()
    live.drain()
    first, second = (log_in(open_page(DESK), "clerk") for _turn in range(2))
    ready(first, appeal.number)
    ready(second, appeal.number)
    # A key without an action here shows a message.
    first.keyboard.press("m")
    expect(first.locator("#key-said")).to_have_text("没有找到像是同一件的")
    first.keyboard.press("x")
    expect(first.locator("#key-said")).to_have_text("这个键现在没有可按的： x")
    second.fill("#sort-why", "已电话核实")
    first.keyboard.press("a")
    expect(first.locator("#messages")).to_contain_text("已研判")
    expect(second.locator(".stale-note")).to_be_visible()
    expect(second.locator(f"#row-{appeal.number}")).to_have_count(0)
    second.locator("form:has(#sort-why) button").click()
    expect(second.locator("#case .alert-danger")).to_contain_text(
        re.compile("别人已经处理过|不能再“研判”")
    )
    # A later event does not remove the message.
    handling_actions.note(appeal.pk, live_city.commander, why="请快一点")
    expect(second.locator(".stale-note")).to_be_visible()
    expect(second.locator("#case .alert-danger")).to_be_visible()
    expect(second.locator("#case")).to_contain_text("已电话核实")
    assert Appeal.objects.get(pk=appeal.pk).events.filter(verb="sort").count() == 1
