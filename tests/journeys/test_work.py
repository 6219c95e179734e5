"""A unit's work: a saved filter, a batch accepted and undone, a batch resolved; and a commander who
opens the cases behind a figure.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser_checks import fits, no_violations, taps
from tests.browser_logins import log_in
from tests.cast import Cast, dispatched, file_one
from tests.conftest import DESK, PHONE
from tests.journeys.test_loop import OpenPage
from tests.live import Live
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Appeal, Clock

pytestmark = pytest.mark.browser


def for_milk(city: Cast, n: int) -> list[Appeal]:
    made = [file_one(f"第{i + 1}家没有奶粉了") for i in range(n)]
    for appeal in made:
        dispatched(appeal, city)
    return made


def statuses(made: list[Appeal]) -> list[str]:
    return [Appeal.objects.get(pk=appeal.pk).status for appeal in made]


def test_handler_accepts_and_undoes_batch(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    made = for_milk(live_city, 5)
    live.drain()
    page = log_in(open_page(DESK), "milk-handler")
    page.get_by_role("link", name="全部诉求").click()

    # A saved filter, without a reload.
    page.evaluate("window.neverReloaded = true")
    page.locator(".filter-box > summary").click()
    page.get_by_label("待接单", exact=True).check()
    page.locator("#filter button[type=submit]").click()
    expect(page.locator(".filter-chips")).to_contain_text("待接单")
    expect(page).to_have_url(re.compile(r"/desk/cases\?status=assigned$"))
    assert page.evaluate("window.neverReloaded") is True
    no_violations(page)
    page.locator(".save-view summary").click()
    page.fill("#view-name", "等我接的")
    page.keyboard.press("Enter")
    expect(page.locator(".views")).to_contain_text("等我接的 5")

    # By keyboard: down the list and pick one; by Shift and click, pick a range.
    expect(page.locator(".batch-bar")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-picked]")).to_have_text("1")
    page.locator(".pick input").first.click()
    page.locator(".pick input").last.click(modifiers=["Shift"])
    expect(page.locator("[data-picked]")).to_have_text("5")
    page.select_option("#batch-verb", "accept")
    page.locator(".batch-bar button").click()
    expect(page.locator("h1")).to_have_text("接单：5 件")
    no_violations(page)
    page.get_by_role("button", name="对这 5 件办理").click()
    expect(page.locator("h1")).to_have_text("接单：5 件，共选 5 件")
    assert statuses(made) == ["handling"] * 5

    # One case has moved on meanwhile; the others are put back.
    handling_actions.report(made[0].pk, live_city.milk, words="已买到")
    page.get_by_role("button", name="撤销这 5 件").click()
    expect(page.locator("h1")).to_have_text("撤销：4 件，共选 5 件")
    expect(page.locator(".line-why")).to_contain_text("别人已经处理过")
    assert statuses(made) == ["handling", *["assigned"] * 4]


def test_batch_resolve_works_on_a_phone_without_javascript(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    made = for_milk(live_city, 3)
    for appeal in made[:2]:
        actions.accept(appeal.pk, live_city.milk)
    live.drain()
    phone = log_in(open_page(PHONE), "milk-handler")
    phone.goto("/desk/cases")
    fits(phone)
    taps(phone)
    no_violations(phone)

    page = log_in(open_page(PHONE, java_script_enabled=False), "milk-handler")
    page.goto("/desk/cases")
    for box in page.locator(".pick input").all():
        box.check()
    page.select_option("#batch-verb", "resolve")
    page.locator(".batch-bar button").click()
    page.fill("[name=words]", "都送到了，家长签收")
    page.get_by_role("button", name="对这 2 件办理").click()
    assert page.locator("h1").inner_text() == "办结：2 件，共选 3 件"
    assert "现在是“待接单”" in page.content()
    assert statuses(made) == ["resolved", "resolved", "assigned"]
    fits(phone)


def test_commander_opens_the_cases_behind_a_figure(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    late, _calm = for_milk(live_city, 2)
    Clock.objects.filter(appeal=late, kind="respond").update(
        due_at=timezone.now() - timedelta(hours=1)
    )
    live.drain()
    page = log_in(open_page({"width": 1920, "height": 1080}), "commander")
    expect(page.locator("#n-late")).to_have_text("1")
    no_violations(page)
    page.keyboard.press("f")
    expect(page.locator("body.wall")).to_be_visible()
    expect(page.locator("[data-clock]")).to_have_text(re.compile(r"\d\d:\d\d"))
    hidden = page.evaluate("document.documentElement.scrollHeight - window.innerHeight")
    assert hidden <= 0
    no_violations(page)
    page.locator("a.figure.late").click()
    expect(page.locator(".row-item")).to_have_count(1)
    expect(page.locator(".row-number")).to_have_text(late.number)
    expect(page.locator(".filter-chips")).to_contain_text("超时的")
