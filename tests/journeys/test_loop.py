"""The whole loop, by several people in their own browsers, while the board updates live."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.browser_logins import log_in, press_demo_login
from tests.cast import Cast, file_one
from tests.conftest import DESK, PHONE
from tests.live import Live
from yinghu.appeals import handling_actions
from yinghu.appeals.models import Appeal, Event
from yinghu.errands.models import ErrandTemplate
from yinghu.people.access import requester_of

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
WORDS = "我父亲高血压的药只够明天一天了，小区出不去，请帮忙到中心医院配药。"


def photo() -> FilePayload:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), "teal").save(out, "JPEG")
    return {"name": "药盒.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


def fits(page: Page) -> None:
    """The page has no horizontal overflow."""
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide == 0, page.url


def test_appeal_goes_through_whole_loop(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    # Without errand templates, the holder of a case does all of it.
    ErrandTemplate.objects.update(active=False)
    board = press_demo_login(open_page(DESK), "commander")
    expect(board).to_have_url(re.compile("/board$"))
    board.goto("/board?period=today")
    expect(board.locator("#n-received")).to_have_text("0")
    board.evaluate("window.neverReloaded = true")

    # The requester scans the sticker at the hospital's gate.
    citizen = open_page(PHONE)
    citizen.goto("/p/hospital-central")
    expect(citizen.get_by_text("中心医院大门")).to_be_visible()
    citizen.fill("[name=words]", WORDS)
    citizen.click("#pick-medicine")
    expect(citizen.get_by_text("在哪家医院配药")).to_be_visible()
    expect(citizen.locator("[name=words]")).to_have_value(WORDS)
    fits(citizen)
    citizen.get_by_label("中心医院", exact=True).check()
    citizen.fill("[name=q_medicine]", "缬沙坦 80mg")
    citizen.fill("[name=where]", "3号楼2单元501")
    citizen.fill("[name=name]", "王小明")
    citizen.fill("[name=phone]", "13812345678")
    citizen.set_input_files("[name=photos]", [photo()])
    citizen.click("button.send")
    number = citizen.locator("#number").inner_text()
    fits(citizen)
    citizen.get_by_text("看办理进度").click()
    expect(citizen.locator("h1")).to_have_text("已收到")
    fits(citizen)
    appeal = Appeal.objects.get()
    assert appeal.number == number
    expect(board.locator("#n-received")).to_have_text("1")
    live.drain()

    # The clerk sees the suggestion and confirms it with one key.
    clerk = log_in(open_page(DESK), "clerk")
    expect(clerk.locator(".suggestion")).to_contain_text("药品")
    expect(clerk.locator(".case")).to_contain_text("138****5678")
    expect(clerk.get_by_text("确认研判")).to_be_focused()
    clerk.keyboard.press("Enter")
    expect(clerk.locator("#messages")).to_contain_text(f"{number}：已研判")
    expect(citizen.locator("h1")).to_have_text("等待接单")
    live.drain()
    appeal.refresh_from_db()
    assert appeal.unit is not None
    assert appeal.unit.code == "medicine-central"
    expect(board.locator("#at-assigned")).to_have_text("1")

    # A volunteer of that group accepts it, and only then sees the requester.
    volunteer = log_in(open_page(PHONE), "volunteer")
    expect(volunteer).to_have_url(re.compile("/field$"))
    volunteer.locator(".job").click()
    expect(volunteer.get_by_text("接单后才显示")).to_be_visible()
    assert "王小明" not in volunteer.content()
    fits(volunteer)
    volunteer.get_by_text("我来办").click()
    expect(volunteer.locator(".person")).to_contain_text("13812345678")
    expect(volunteer.locator(".person")).to_contain_text("3号楼2单元501")
    expect(citizen.locator("h1")).to_have_text("正在办理")
    volunteer.fill("#report-words", "正在中心医院排队")
    volunteer.locator("form:has(#report-words) button").click()
    expect(volunteer.locator("#messages")).to_contain_text("进展已发给诉求人")
    expect(citizen.locator(".story")).to_contain_text("正在中心医院排队")
    fits(volunteer)
    volunteer.get_by_role("link", name="办好了").click()
    volunteer.fill("#resolve-words", "药已送到小区门口，家属签收")
    volunteer.locator("form:has(#resolve-words) button").click()
    expect(volunteer.locator("#messages")).to_contain_text("已办结")
    expect(board.locator("#at-resolved")).to_have_text("1")

    # The requester's page has updated itself; the requester rates the case.
    expect(citizen.locator("h1")).to_have_text("已办结")
    expect(citizen.locator("#acts")).to_contain_text("评价办理结果")
    assert "志愿者小王" not in citizen.content()
    citizen.get_by_label("解决了", exact=True).check()
    citizen.get_by_label("满意", exact=True).check()
    citizen.locator("form:has(#rate-words) button").click()
    expect(citizen.locator("#messages")).to_contain_text("收到，谢谢您")

    # The clerk closes it.
    clerk.goto("/desk/callback")
    clerk.locator("summary", has_text="销号").click()
    clerk.locator('form[action$="/close"] button').click()
    expect(clerk.locator("#messages")).to_contain_text(f"{number}：已销号")
    expect(board.locator("#n-closed")).to_have_text("1")
    expect(board.locator("#n-open")).to_have_text("0")
    expect(citizen.locator("h1")).to_have_text("已办完")
    assert board.evaluate("window.neverReloaded") is True

    told = Event.objects.filter(appeal=appeal).order_by("seq")
    assert [(event.verb, event.user and event.user.username) for event in told] == [
        ("file", None),
        ("sort", "clerk"),
        ("assign", None),
        ("accept", "volunteer"),
        ("report", "volunteer"),
        ("resolve", "volunteer"),
        ("rate", None),
        ("close", "clerk"),
    ]


def test_requester_and_clerk_can_work_without_javascript(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    citizen = open_page(PHONE, java_script_enabled=False)
    citizen.goto("/p/xiuhu")
    citizen.fill("[name=words]", "家里断粮了")
    citizen.fill("[name=phone]", "13812345678")
    citizen.locator("#pick-food").click()
    assert citizen.input_value("[name=words]") == "家里断粮了"
    assert citizen.input_value("[name=phone]") == "13812345678"
    citizen.fill("[name=q_what]", "米和油")
    citizen.set_input_files("[name=photos]", [photo()])
    citizen.locator("button.send").click()
    number = citizen.locator("#number").inner_text()
    citizen.get_by_text("看办理进度").click()
    citizen.get_by_text("补充情况").click()
    citizen.fill("#supply-words", "还要一点青菜")
    citizen.locator("form:has(#supply-words) button").click()
    assert "还要一点青菜" in citizen.content()
    appeal = Appeal.objects.get()
    assert (appeal.number, appeal.category_id, appeal.answers) == (
        number,
        "food",
        {"what": "米和油"},
    )

    clerk = press_demo_login(open_page(DESK, java_script_enabled=False), "clerk")
    clerk.select_option("#sort-category", "food")
    clerk.get_by_text("确认研判").click()
    assert f"{number}：已研判" in clerk.content()


def test_live_update_keeps_the_text_a_clerk_is_typing(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one()
    live.drain()
    clerk = log_in(open_page(DESK), "clerk")
    clerk.locator("summary", has_text="答复").first.click()
    clerk.fill("#answer-words", "请带身份证到窗口")
    handling_actions.supply(appeal.pk, requester_of(appeal.pk), words="急用")
    expect(clerk.locator(".stale-note")).to_be_visible()
    expect(clerk.locator("#answer-words")).to_have_value("请带身份证到窗口")


def test_live_update_of_a_case_causes_no_csp_violation(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one()
    live.drain()
    clerk = log_in(open_page(DESK), "clerk")
    clerk.goto(f"/desk/case/{appeal.number}")
    # The style left by resizing. Copied by htmx, it would violate our CSP.
    clerk.locator("#sort-why").evaluate("box => { box.style.height = '120px' }")
    handling_actions.supply(appeal.pk, requester_of(appeal.pk), words="急用")
    expect(clerk.locator(".story")).to_contain_text("急用")
    handling_actions.note(appeal.pk, live_city.clerk, why="已电话核实")
    expect(clerk.locator(".story")).to_contain_text("已电话核实")


def test_missing_answer_is_reported_at_its_field(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    citizen = open_page(PHONE)
    citizen.goto("/p/xiuhu?category=medical")
    citizen.set_input_files("[name=photos]", [photo()])
    citizen.click("button.send")
    expect(citizen.locator(".wrong")).to_have_text(["请回答这一项"])
    fits(citizen)
    citizen.get_by_label("透析", exact=True).check()
    expect(citizen.locator(".wrong")).to_have_count(0)
    citizen.fill("[name=words]", "明天透析没有车")
    citizen.click("button.send")
    citizen.wait_for_selector("#number")
    expect(citizen.locator("#number")).to_have_text(Appeal.objects.get().number)
    assert Appeal.objects.get().attachments.count() == 1


def test_list_gains_a_row_without_reload(live: Live, live_city: Cast, open_page: OpenPage) -> None:

    clerk = log_in(open_page(DESK), "clerk")
    expect(clerk.get_by_text("都研判完了")).to_be_visible()
    appeal = file_one()
    expect(clerk.locator(f"#row-{appeal.number}")).to_be_visible()
