"""The phone of a helper who is suspended while it holds a finished step."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser_checks import fits, no_violations, taps
from tests.cast import Cast
from tests.errands.errands import Relay, begun_relay
from tests.journeys.test_loop import OpenPage, photo
from tests.live import Live, until
from tests.web.field.test_offline_journey import PHONE, address, is_kept, kept, log_in, queued
from yinghu.errands import membership
from yinghu.errands.models import Leg
from yinghu.people.models import User, Volunteer

pytestmark = pytest.mark.browser


@pytest.fixture
def task(live: Live, live_city: Cast) -> Relay:
    found = begun_relay(live_city)
    live.drain()
    return found


def test_phone_sends_what_was_done_and_says_what_happened(
    live: Live, task: Relay, open_page: OpenPage
) -> None:
    phone = log_in(open_page(PHONE, deaf=True), task.a)
    phone.goto("/field")
    is_kept(phone, "/field", address(task.buy))
    phone.goto(address(task.buy))
    phone.context.set_offline(True)
    finish = phone.locator("form[data-record=finish]")
    phone.set_input_files("#finish-photos", [photo()])
    phone.fill("#finish-paid", "42.50")
    finish.get_by_role("button", name="办好了").click()
    expect(phone.locator(".phone-strip")).to_contain_text("已记下 1 步")

    volunteer = Volunteer.objects.get(pk=task.a.user_id)
    membership.suspend_volunteer(volunteer, User.objects.get(username="admin"), "核实一件事")
    phone.context.set_offline(False)
    step = phone.locator(".recorded-step")
    expect(step).to_contain_text("已收下")
    expect(step).to_contain_text("垫的钱由单位报销")
    expect(step).to_contain_text("您的志愿服务暂停了。原因：核实一件事。")
    leg = Leg.objects.get(pk=task.buy.pk)
    assert (leg.state, leg.holder_id, leg.paid) == ("done", task.a.user_id, 4250)

    # Opened again: no login page, and nothing of others is left on the phone.
    phone.goto("/field")
    expect(phone.locator("h1")).to_have_text("您的志愿服务暂停了。")
    expect(step).to_contain_text("已收下")
    until(lambda: kept(phone) == [], "pages to be deleted")
    fits(phone)
    no_violations(phone)
    taps(phone)
    step.get_by_role("button", name="知道了").click()
    expect(step).to_have_count(0)
    assert queued(phone) == []
