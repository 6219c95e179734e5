"""An administrator adds a category with questions and a sticker; a citizen scans it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser_checks import no_violations
from tests.browser_logins import log_in
from tests.cast import Cast
from tests.conftest import DESK, PHONE
from tests.history import new_changes
from tests.journeys.test_loop import fits
from tests.live import Live
from yinghu.appeals.models import Appeal, Category

pytestmark = pytest.mark.browser


def test_citizen_files_at_new_sticker_in_new_category(
    live: Live, live_city: Cast, open_page: Callable[..., Page]
) -> None:
    admin = log_in(open_page(DESK), "admin")
    # No appeal has been resolved yet, so the guide comes first.
    expect(admin).to_have_url(re.compile("/setup/guide$"))
    admin.get_by_role("button", name="以后再说").click()
    expect(admin).to_have_url(re.compile("/setup/$"))
    fits(admin)
    admin.locator(".setup-card", has_text="类别和问题").get_by_role("link").click()
    admin.get_by_role("link", name="新建类别").click()
    admin.get_by_label("代码").fill("water")
    admin.locator("#s-name").fill("停水")
    admin.get_by_label("英文名称").fill("No water")
    admin.get_by_placeholder("找图标").fill("home")
    admin.locator(".icon-choice[data-name=home]").click()
    expect(admin.locator(".icon-choice[data-name=pill]")).to_be_hidden()
    # Icons are found by Chinese keywords, too; a search without results says so.
    admin.locator("#icon-find").fill("买药")
    expect(admin.locator(".icon-choice:visible")).to_have_count(2)
    expect(admin.locator(".icon-choice[data-name=pill]")).to_be_visible()
    admin.locator("#icon-find").fill("火星")
    expect(admin.get_by_text("没有这样的图标")).to_be_visible()
    admin.get_by_label("顺序").fill("1")

    # Add two questions with the keyboard only, and move the second up.
    admin.locator("#question-add").press("Enter")
    expect(admin.locator("#question-0-label")).to_be_focused()
    admin.keyboard.type("停了多久")
    expect(admin.locator("#question-0-choices")).to_be_hidden()
    admin.locator("#question-add").press("Enter")
    expect(admin.locator("#question-1-label")).to_be_focused()
    admin.keyboard.type("哪里停了")
    admin.locator("#question-1-kind").select_option("choice")
    admin.locator("#question-1-choices").fill("整栋楼\n只我家")
    admin.get_by_label("一定要答才能提交").last.check()
    admin.locator("#question-1-up").press("Enter")
    expect(admin.locator("#question-0-label")).to_have_value("哪里停了")
    preview = admin.locator(".question-preview")
    expect(preview.get_by_text("整栋楼")).to_be_visible()
    expect(admin.locator("#s-name")).to_have_value("停水")
    admin.get_by_role("button", name="保存").last.click()
    expect(admin.get_by_text("已建好")).to_be_visible()
    assert [each["label"] for each in Category.objects.get(pk="water").questions] == [
        "哪里停了",
        "停了多久",
    ]

    # Create a place on the map, with its area found by initials.
    admin.goto("/setup/place/-/new")
    admin.locator("#s-code").fill("well")
    admin.locator("#s-name").fill("老井")
    admin.locator("#s-area").press_sequentially("ftjd")
    admin.get_by_role("option", name="福田街道").first.click()
    map_box = admin.locator(".map.is-drawn")
    expect(map_box.locator(".area-outline")).to_be_visible()
    map_box.click(position={"x": 300, "y": 120})
    expect(admin.locator("#s-lon")).to_have_value(re.compile(r"^\d+\.\d{6}$"))
    fits(admin)
    admin.get_by_role("button", name="保存").last.click()
    expect(admin.get_by_text("已建好")).to_be_visible()

    # Print its sticker and another one on the same sheet.
    admin.goto("/setup/place/")
    admin.locator("input[value=well]").check()
    admin.locator("input[value=xiuhu]").check()
    admin.get_by_role("button", name="打印选中的").click()
    admin.locator("[name=per][value='8']").check()
    admin.get_by_role("button", name="排出来").click()
    expect(admin.locator(".sheet.per-8 .cut")).to_have_count(2)
    expect(admin.locator(".cut", has_text="老井").locator("svg")).to_be_visible()
    paper = admin.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1

    citizen = open_page(PHONE)
    citizen.goto("/p/well")
    expect(citizen.get_by_text("老井")).to_be_visible()
    citizen.click("#pick-water")
    citizen.get_by_label("整栋楼").check()
    citizen.fill("[name=words]", "从昨晚停到现在")
    fits(citizen)
    citizen.click("button.send")
    citizen.locator("#number").wait_for()
    appeal = Appeal.objects.get()
    assert (appeal.category_id, appeal.place and appeal.place.code) == ("water", "well")
    assert list(appeal.answers.values()) == ["整栋楼"]

    # The history is readable on a phone, too.
    phone = log_in(open_page(PHONE), "admin")
    for where in ("/setup/", "/setup/category/water", "/setup/place/well/history"):
        phone.goto(where)
        fits(phone)
    expect(phone.locator(".setup-told", has_text="管理员小吴")).to_be_visible()
    assert new_changes().count() == 2


def test_invited_handler_sets_password_and_reaches_inbox(
    live: Live, live_city: Cast, open_page: Callable[..., Page]
) -> None:
    admin = log_in(open_page(DESK), "admin")
    admin.goto("/setup/")
    admin.locator(".setup-card", has_text="人员").get_by_role("link").first.click()
    admin.get_by_role("link", name="新建账号").click()
    admin.locator("#s-username").fill("li.hua")
    admin.locator("#s-display_name").fill("李华")
    admin.get_by_role("button", name="保存").last.click()
    admin.goto("/setup/post/-/new?user=li.hua")
    for label, text in (("谁", "李华"), ("单位", "奶粉组")):
        admin.get_by_role("combobox", name=label).fill(text)
        admin.get_by_role("option", name=text).first.click()
    admin.locator("#s-role").select_option("handler")
    admin.get_by_role("button", name="保存").last.click()
    admin.goto("/setup/user/li.hua")
    admin.get_by_role("button", name="邀请").first.click()
    no_violations(admin)
    words = admin.locator("#invite-words").input_value()
    assert words.startswith("李华，您好")
    admin.get_by_role("button", name="复制这段话").click()
    expect(admin.locator("#keep-said")).not_to_be_empty()
    assert admin.get_by_alt_text("邀请链接的二维码").evaluate("image => image.naturalWidth") > 100

    # The link is opened on a phone, as from a chat message.
    helper = open_page(PHONE)
    helper.goto(words.split()[-1])
    fits(helper)
    no_violations(helper)
    helper.locator("#id_new_password1").fill("应呼-longer-than-8")
    helper.locator("#id_new_password2").fill("应呼-longer-than-8")
    helper.get_by_role("button", name="就用这个密码").click()
    expect(helper).to_have_url(re.compile("/desk/inbox"))
