"""From an empty database to the first resolved appeal: the operator's first ten minutes."""

from __future__ import annotations

import base64
import hmac
import re
import struct
import subprocess
import sys
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser_checks import no_violations
from tests.conftest import DESK, PHONE
from tests.homes import Up
from tests.journeys.test_loop import fits
from yinghu.config import PROJECT

pytestmark = [pytest.mark.browser, pytest.mark.process]

PASSWORD = "Qingshan-2026-lvshui"


def code(secret: str) -> str:
    """The six digits that an authenticator app would show now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), "sha1").digest()
    at = digest[-1] & 15
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def admin_link(run: Up, name: str) -> str:
    """The link that `yinghu admin` prints in the server's environment."""
    said = subprocess.run(
        [sys.executable, "-m", "yinghu", "admin", name],
        cwd=PROJECT,
        env=run.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()


def person(browser: Browser, run: Up, size: dict[str, int]) -> Page:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        base_url=run.url,
        locale="zh-CN",
    )
    context.set_default_timeout(15_000)
    return context.new_page()


def save(page: Page) -> None:
    page.locator(".setup-form .btn-primary").click()


def choose(page: Page, label: str, text: str) -> None:
    """Type into a combobox and choose the first match."""
    field = page.get_by_role("combobox", name=label)
    field.fill(text)
    page.get_by_role("option", name=text).first.click()


def type_code(page: Page) -> None:
    secret = page.locator("#authenticator_secret").input_value()
    page.locator("input[name=code]").fill(code(secret))
    page.get_by_role("button", name="启用").click()


def back_to_guide(page: Page) -> None:
    page.get_by_role("link", name="回到第一次设置").click()
    expect(page).to_have_url(re.compile("/setup/guide$"))


def test_empty_city_is_set_up_and_resolves_first_appeal(own_run: Up, browser: Browser) -> None:
    run = own_run
    citizen = person(browser, run, PHONE)
    citizen.goto("/")
    expect(citizen.get_by_role("heading", name="平台还没有设置好")).to_be_visible()
    expect(citizen.get_by_text("120、119 或 110").first).to_be_visible()
    fits(citizen)
    no_violations(citizen)

    # The operator opens the invitation: a password, then the second factor.
    link = admin_link(run, "shizhang")
    assert link.startswith(f"{run.url}/invite/")
    admin = person(browser, run, DESK)
    admin.goto(link)
    admin.locator("#id_new_password1").fill(PASSWORD)
    admin.locator("#id_new_password2").fill(PASSWORD)
    admin.get_by_role("button", name="就用这个密码").click()
    expect(admin).to_have_url(re.compile("/accounts/2fa/totp/activate/"))
    type_code(admin)
    done = admin.get_by_role("link", name="抄好了")
    expect(done.or_(admin.locator("input[name=code][aria-invalid=true]"))).to_be_visible()
    if not done.is_visible():
        # The first code expired before the server checked it.
        type_code(admin)
    done.click()
    expect(admin).to_have_url(re.compile("/setup/guide$"))
    # The server's output does not contain the secret of the link.
    assert link.rpartition("/")[2] not in run.said()

    expect(admin.get_by_text("还剩 7 步")).to_be_visible()
    no_violations(admin)
    fits(admin)
    admin.locator("#step-areas").get_by_role("link", name="建一个").click()
    admin.locator("#s-code").fill("110101")
    admin.locator("#s-name").fill("青山区")
    save(admin)
    back_to_guide(admin)
    admin.locator("#step-units").get_by_role("link", name="建一个").click()
    admin.locator("#s-code").fill("helpers")
    admin.locator("#s-name").fill("帮帮组")
    admin.locator("#s-kind").select_option("group")
    save(admin)
    back_to_guide(admin)
    expect(admin.get_by_text("还缺：研判员、派单员、经办人")).to_be_visible()
    admin.get_by_role("button", name="先由我一个人都当").click()
    admin.get_by_role("button", name="用备好的这一套").click()
    expect(admin.get_by_text("还剩 3 步")).to_be_visible()

    admin.locator("#step-rules").get_by_role("link", name="写一条").click()
    choose(admin, "类别", "奶粉")
    choose(admin, "派给", "帮帮组")
    admin.get_by_role("button", name="先看会改变什么").last.click()
    # Save beside the preview of the rule's effect.
    admin.locator(".rule-effect").get_by_role("button", name="保存").click()
    back_to_guide(admin)
    admin.locator("#step-places").get_by_role("link", name="建一个").click()
    admin.locator("#s-name").fill("东门菜市场")
    admin.locator("#s-area").fill("110101")
    save(admin)
    back_to_guide(admin)
    expect(admin.get_by_text("还剩 1 步")).to_be_visible()

    citizen.goto("/")
    citizen.get_by_role("link", name="奶粉").click()
    citizen.locator("#f-words").fill("孩子的奶粉只够今晚，请帮忙买两罐一段的")
    citizen.locator("#f-where").fill("东门菜市场旁边")
    citizen.get_by_role("button", name="提交").click()
    expect(citizen.get_by_text("已收到您的诉求")).to_be_visible()
    number = citizen.locator("#number").inner_text()

    # Sorted by hand, assigned by the rule, accepted and resolved by the unit.
    admin.reload()
    admin.get_by_role("link", name="去工作台接着办").click()
    expect(admin.locator("#case-number")).to_have_text(number)
    admin.locator("[data-act=sort] button[type=submit]").first.click()
    expect(admin.locator("#messages")).to_contain_text(f"{number}：已研判")
    admin.goto(f"/desk/case/{number}")
    # The rule assigns the case and the page updates, so that it can be accepted.
    admin.locator("[data-act=accept] button[type=submit]").click()
    expect(admin.locator("#messages")).to_contain_text(f"{number}：已接单")
    # A newly drawn case ignores input at first: it may be meant for the previous case.
    expect(admin.locator(".is-ready")).to_have_count(1)
    resolve = admin.locator("[data-act=resolve]")
    resolve.locator("summary").click()
    resolve.locator("textarea").first.fill("两罐一段奶粉已经送到东门")
    resolve.locator("button[type=submit]").last.click()
    expect(admin.locator("#messages")).to_contain_text(f"{number}：已办结")

    admin.goto("/setup/guide")
    expect(admin.get_by_text("都设好了，可以对外用了。")).to_be_visible()
    fits(admin)
    no_violations(admin)
    admin.goto("/setup/")
    expect(admin.get_by_role("link", name="回到第一次设置")).to_have_count(0)
