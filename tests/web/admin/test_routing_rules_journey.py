"""A dispatcher sees why no rule matched a case and creates one that assigns the next."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import browser_checks
from tests.browser_logins import log_in
from tests.cast import Cast, file_one
from tests.conftest import DESK, PHONE
from tests.journeys.test_loop import OpenPage
from tests.live import Live
from yinghu.appeals import actions
from yinghu.people.models import Post, Role, Unit, User
from yinghu.routing.models import RoutingRule

pytestmark = pytest.mark.browser
PILLS = "老人的降压药吃完了，想请人帮忙配药"


def test_rule_created_from_a_case_assigns_the_next_one(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    RoutingRule.objects.filter(category="medicine", field="").delete()
    user = User.objects.get(username="dispatcher")
    Post.objects.create(user=user, unit=Unit.objects.get(code="medicine"), role=Role.ADMIN)
    left = file_one(PILLS)
    actions.sort(left.pk, live_city.clerk, category="medicine")
    live.drain()

    desk = log_in(open_page(DESK), "dispatcher")
    desk.goto("/desk/dispatch")
    why = desk.locator(".unrouted")
    expect(why).to_contain_text("为什么没有自动派")
    expect(why).to_contain_text("规则 20 差一点：“在哪家医院配药”没有填")
    browser_checks.no_violations(desk)
    browser_checks.fits(desk)

    # Create a rule from the case: prefilled, previewed, saved.
    why.get_by_role("link", name="照这件新建规则").click()
    expect(desk.locator("#s-category")).to_have_value("药品")
    desk.locator("#s-unit").fill("药品组")
    desk.keyboard.press("Enter")
    expect(desk.locator("#s-unit")).to_have_value("药品组")
    desk.get_by_role("button", name="先看会改变什么").last.click()
    effect = desk.locator(".rule-effect")
    expect(effect).to_contain_text("现在等派单、以后合得上的")
    expect(effect.get_by_role("link", name=left.number)).to_be_visible()
    assert not RoutingRule.objects.filter(category="medicine", field="").exists()
    browser_checks.no_violations(desk)
    browser_checks.fits(desk)
    effect.get_by_role("button", name="保存").click()
    expect(desk.locator("#messages")).to_contain_text("马上生效")
    browser_checks.no_violations(desk)
    assert RoutingRule.objects.get(category="medicine", field="").unit.code == "medicine"

    # The waiting case stays where it is; the next one is assigned by the rule.
    left.refresh_from_db()
    assert left.status == "sorted"
    after = file_one(PILLS, phone="")
    actions.sort(after.pk, live_city.clerk, category="medicine")
    live.drain()
    after.refresh_from_db()
    assert after.unit is not None
    assert (after.status, after.unit.code) == ("assigned", "medicine")

    # One button assigns the waiting case.
    desk.get_by_role("button", name="按规则派出这些").click()
    expect(desk.locator("#messages")).to_contain_text("按规则派出了 1 件")
    left.refresh_from_db()
    assert left.status == "assigned"


def test_rules_and_trial_work_on_a_phone(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    page = log_in(open_page(PHONE), "admin")
    page.goto("/setup/rule/")
    expect(page.locator(".rule-line").first).to_contain_text("奶粉")
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    browser_checks.fits(page)
    page.get_by_role("button", name="规则 10 下移").click()
    expect(page.locator(".rule-line").first).to_contain_text("中心医院")
    page.goto("/setup/rule/-/new")
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    browser_checks.fits(page)
    page.goto("/desk/try")
    page.locator("#try-words").fill("家里婴儿没有奶粉了")
    page.get_by_role("button", name="试一试").click()
    expect(page.locator("#tried-title")).to_contain_text("规则 20 派给 奶粉组")
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    browser_checks.fits(page)
