"""A phone without a network: taken legs stay readable, recorded steps arrive once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser_checks import fits, no_violations, taps
from tests.browser_logins import start_session
from tests.cast import Cast
from tests.errands.errands import Relay, begun_relay, helper
from tests.journeys.test_loop import OpenPage, photo
from tests.live import Live, until
from yinghu.appeals.models import Attachment
from yinghu.errands import leg_actions
from yinghu.errands.leg_actions import FINISH
from yinghu.errands.models import FieldRecord, Leg
from yinghu.people.access import Actor
from yinghu.people.models import User

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}

KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys()) if (name.startsWith("yinghu-pages-")) {
    for (const key of await (await caches.open(name)).keys()) found.push(new URL(key.url).pathname);
  }
  return found;
}"""
QUEUED = "yinghuQueue.all().then((all) => all.map((each) => [each.leg, each.verb, each.state]))"


@pytest.fixture
def task(live: Live, live_city: Cast) -> Relay:
    found = begun_relay(live_city)
    live.drain()
    return found


def log_in(page: Page, actor: Actor) -> Page:
    return start_session(page, User.objects.get(pk=actor.user_id or 0))


def kept(page: Page) -> list[str]:
    found: list[str] = page.evaluate(KEPT)
    return found


def queued(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate(QUEUED)
    return found


def is_kept(page: Page, *paths: str) -> None:
    until(lambda: set(paths) <= set(kept(page)), f"{paths} to be kept")


def address(leg: Leg) -> str:
    return f"/field/-/leg/{leg.pk}"


def counts(task: Relay) -> dict[str, int]:
    found = task.appeal.events
    return {verb: found.filter(verb=verb).count() for verb in ("say", "finish", "hand_over")}


def test_offline_steps_arrive_once_and_in_order(
    live: Live, task: Relay, open_page: OpenPage
) -> None:
    phone = log_in(open_page(PHONE, deaf=True), task.a)
    phone.goto("/field")
    # Own legs are stored without being opened.
    is_kept(phone, "/field", address(task.buy), address(task.gate))
    phone.goto(address(task.buy))
    phone.context.set_offline(True)
    phone.reload()
    expect(phone.locator("h1")).to_contain_text("排队买药")
    expect(phone.locator(".phone-strip")).to_contain_text("没有网络")
    expect(phone.locator(".person")).to_contain_text("王小明")

    finish = phone.locator("form[data-record=finish]")
    finish.get_by_role("button", name="办好了").click()
    expect(finish.locator(".send-note")).to_contain_text("拍一张照片")
    assert queued(phone) == []
    phone.fill("#say-words", "排到 35 号了，人很多")
    phone.get_by_role("button", name="发出").click()
    expect(phone.locator(".phone-strip")).to_contain_text("已记下 1 步")
    phone.set_input_files("#finish-photos", [photo()])
    phone.fill("#finish-paid", "42.50")
    phone.fill("#finish-words", "买好了，两盒")
    finish.get_by_role("button", name="办好了").click()
    expect(phone.locator(".phone-strip")).to_contain_text("已记下 2 步")
    step = phone.locator(".recorded-step", has_text="买好了，两盒")
    expect(step).to_contain_text("等待发出")
    expect(step.locator("img")).to_have_count(1)
    # The form is hidden once the step is recorded, also after a reload.
    expect(finish).to_be_hidden()
    phone.reload()
    expect(finish).to_be_hidden()
    expect(step).to_be_visible()
    fits(phone)
    no_violations(phone)
    taps(phone)

    phone.goto(address(task.gate))
    phone.get_by_role("button", name="东西交出去了").click()
    expect(phone.locator(".phone-strip")).to_contain_text("已记下 3 步")
    assert [each[:2] for each in queued(phone)] == [
        [task.buy.pk, "say"],
        [task.buy.pk, "finish"],
        [task.gate.pk, "hand_over"],
    ]
    phone.goto("/field/-/done")
    expect(phone.locator("h1")).to_contain_text("没有存在手机里")
    phone.goto(address(task.gate))
    expect(phone.locator(".recorded-step")).to_have_count(1)

    phone.context.set_offline(False)
    expect(phone.locator(".phone-strip")).to_contain_text("都发出去了")
    expect(phone.locator(".recorded-step")).to_have_count(0)
    expect(phone.locator("#case")).to_contain_text("等对方确认收到")
    assert counts(task) == {"say": 1, "finish": 1, "hand_over": 1}
    came = task.appeal.events.filter(user=task.a.user_id, verb__in=("say", "finish", "hand_over"))
    assert list(came.order_by("seq").values_list("verb", flat=True)) == [
        "say",
        "finish",
        "hand_over",
    ]
    assert Attachment.objects.filter(appeal=task.appeal).count() == 1
    assert FieldRecord.objects.count() == 3
    buy = Leg.objects.get(pk=task.buy.pk)
    assert (buy.state, buy.paid) == ("done", 4250)
    # The cached page is now the new one.
    phone.goto(address(task.buy))
    phone.context.set_offline(True)
    phone.reload()
    expect(phone.locator("#case")).to_contain_text("这一程已经办完")


def test_offline_take_shows_an_error_page_and_can_be_retried(
    live: Live, task: Relay, open_page: OpenPage
) -> None:
    leg_actions.give_back(task.buy.pk, task.a, why="孩子病了")
    me = helper("老郭")
    phone = log_in(open_page(PHONE, deaf=True), me)
    phone.goto("/field")
    is_kept(phone, "/field")
    phone.goto(address(task.buy))
    press = phone.locator("form[action$='/take']")
    expect(press).to_be_visible()
    phone.context.set_offline(True)
    # Submit without our script, as if the phone believed that it were online.
    press.evaluate("form => HTMLFormElement.prototype.submit.call(form)")
    expect(phone.locator("h1")).to_contain_text("没有发出去")
    assert Leg.objects.get(pk=task.buy.pk).holder_id is None
    phone.context.set_offline(False)
    phone.get_by_role("link", name="回到任务").click()
    phone.goto(address(task.buy))
    press.locator("button").click()
    expect(phone.locator("body")).to_contain_text("接下了")
    assert Leg.objects.get(pk=task.buy.pk).holder_id == me.user_id


def test_offline_hand_over_waits_for_the_other_helpers_steps(
    live: Live, task: Relay, open_page: OpenPage
) -> None:
    courier = log_in(open_page(PHONE, deaf=True), task.b)
    courier.goto("/field")
    is_kept(courier, address(task.gate), address(task.carry))
    courier.context.set_offline(True)
    courier.goto(address(task.gate))
    courier.get_by_role("button", name="东西收到了").click()
    courier.goto(address(task.carry))
    courier.set_input_files("#finish-photos", [photo()])
    courier.get_by_role("button", name="办好了").click()
    expect(courier.locator(".phone-strip")).to_contain_text("已记下 2 步")
    # The courier is online first; their steps wait for the buyer's, which are not sent yet.
    courier.context.set_offline(False)
    expect(courier.locator(".phone-strip")).to_contain_text("有 2 步要等前一程的人先办好")
    assert [each[2] for each in queued(courier)] == ["again", "again"]
    assert counts(task) == {"say": 0, "finish": 0, "hand_over": 0}

    buyer = log_in(open_page(PHONE, deaf=True), task.a)
    buyer.goto(address(task.buy))
    buyer.set_input_files("#finish-photos", [photo()])
    buyer.get_by_role("button", name="办好了").click()
    expect(buyer.locator("#case")).to_contain_text("这一程已经办完")
    buyer.goto(address(task.gate))
    buyer.get_by_role("button", name="东西交出去了").click()
    expect(buyer.get_by_role("button", name="东西交出去了")).to_have_count(0)
    # Waiting steps are sent again after a while, or at once when a page is loaded.
    courier.reload()
    until(lambda: queued(courier) == [], "the courier's steps to arrive")
    assert {leg.state for leg in Leg.objects.filter(appeal=task.appeal)} == {"done"}
    assert counts(task) == {"say": 0, "finish": 2, "hand_over": 2}


def test_refused_offline_step_is_explained_and_kept_until_read(
    live: Live, task: Relay, open_page: OpenPage
) -> None:
    phone = log_in(open_page(PHONE, deaf=True), task.a)
    phone.goto(address(task.buy))
    is_kept(phone, address(task.buy))
    phone.context.set_offline(True)
    phone.locator("#act-give_back summary").click()
    phone.fill("#back-why", "家里有急事")
    phone.locator("#act-give_back button").click()
    expect(phone.locator(".phone-strip")).to_contain_text("已记下 1 步")
    buy = Leg.objects.get(pk=task.buy.pk)
    leg_actions.release_leg(buy, buy.active_at, why="太久没有动静")

    phone.context.set_offline(False)
    card = phone.locator(".recorded-step.is-refused")
    expect(card).to_contain_text("放回给大家")
    expect(card.locator("textarea")).to_have_value("家里有急事")
    fits(phone)
    no_violations(phone)
    taps(phone)
    # The refused step stays on every page until it is acknowledged.
    phone.goto("/field")
    expect(card).to_contain_text("去中心医院排队买药")
    card.get_by_role("button", name="知道了").click()
    expect(card).to_have_count(0)
    phone.reload()
    expect(phone.locator("#lists")).to_be_visible()
    assert queued(phone) == []
    assert not task.appeal.events.filter(verb="give_back", user=buy.holder_id).exists()

    # Taking the leg again needs the network; an offline press is not recorded.
    phone.goto(address(task.buy))
    phone.context.set_offline(True)
    phone.get_by_role("button", name="我来办").click()
    expect(phone.locator(".send-note")).to_contain_text("没有网络，现在不能回答")
    assert queued(phone) == []
    phone.context.set_offline(False)
    phone.get_by_role("button", name="我来办").click()
    expect(phone.locator(".person")).to_contain_text("王小明")


def test_logout_clears_pages_and_keeps_steps_for_their_user(
    live: Live, task: Relay, open_page: OpenPage
) -> None:
    phone = log_in(open_page(PHONE, deaf=True), task.b)
    phone.goto(address(task.carry))
    is_kept(phone, address(task.carry))
    phone.context.set_offline(True)
    phone.reload()
    expect(phone.locator(".person")).to_contain_text("王小明")
    phone.set_input_files("#finish-photos", [photo()])
    phone.fill("#finish-words", "放在门口了")
    phone.get_by_role("button", name="办好了").click()
    expect(phone.locator(".phone-strip")).to_contain_text("已记下 1 步")
    phone.context.set_offline(False)
    expect(phone.locator(".phone-strip")).to_contain_text("有 1 步要等前一程的人先办好")
    phone.get_by_role("button", name=re.compile("退出登录")).click()
    expect(phone).to_have_url(f"{live.url}/")
    assert kept(phone) == []
    phone.context.set_offline(True)
    phone.goto(address(task.carry))
    expect(phone.locator("h1")).to_contain_text("没有存在手机里")
    assert "王小明" not in phone.content()
    phone.context.set_offline(False)

    log_in(phone, task.a)
    phone.goto("/field")
    expect(phone.locator(".phone-strip")).to_contain_text("别人登录时记下的 1 步")
    expect(phone.locator(".recorded-step")).to_have_count(0)
    assert "放在门口了" not in phone.content()
    phone.goto(address(task.buy))
    phone.set_input_files("#finish-photos", [photo()])
    phone.get_by_role("button", name="办好了").click()
    expect(phone.locator(".phone-strip")).to_contain_text("都发出去了")
    leg_actions.hand_over(task.gate.pk, task.a)
    leg_actions.hand_over(task.gate.pk, task.b)
    phone.reload()
    expect(phone.locator(".phone-strip")).to_contain_text("别人登录时记下的 1 步")
    assert queued(phone) == [[task.carry.pk, "finish", "again"]]
    assert counts(task)["finish"] == 1

    # The user who recorded it logs in again, and it is sent.
    log_in(phone, task.b)
    phone.goto("/field")
    expect(phone.locator(".phone-strip")).to_contain_text("都发出去了")
    assert queued(phone) == []
    assert task.appeal.events.filter(verb=FINISH.name, words="放在门口了").count() == 1


def test_expired_login_keeps_recorded_steps(live: Live, task: Relay, open_page: OpenPage) -> None:
    phone = log_in(open_page(PHONE, deaf=True), task.a)
    phone.goto(address(task.buy))
    is_kept(phone, address(task.buy))
    phone.context.set_offline(True)
    phone.fill("#say-words", "排到 35 号了")
    phone.get_by_role("button", name="发出").click()
    phone.context.clear_cookies()
    phone.context.set_offline(False)
    expect(phone.locator(".phone-strip")).to_contain_text("登录已过期：已记下 1 步")
    log_in(phone, task.a)
    phone.goto(address(task.buy))
    expect(phone.locator(".phone-strip")).to_contain_text("都发出去了")
    expect(phone.locator("#case")).to_contain_text("排到 35 号了")


def test_only_field_pages_are_cached(live: Live, task: Relay, open_page: OpenPage) -> None:
    phone = log_in(open_page(PHONE, deaf=True), task.a)
    phone.goto("/field")
    is_kept(phone, "/field", address(task.buy), address(task.gate))
    for other in ("/", "/file", "/desk/notices", f"{address(task.buy)}0", "/field/-/map"):
        phone.goto(other)
    is_kept(phone, "/field/-/map")
    assert set(kept(phone)) == {
        "/field",
        "/field/-/map",
        "/field/-/shopping",
        address(task.buy),
        address(task.gate),
    }
    # The page of a leg that was taken away is removed at the next visit.
    Leg.objects.filter(pk=task.buy.pk).update(state="open", holder=None)
    User.objects.get(pk=task.a.user_id or 0).posts.update(active=False)
    phone.goto(address(task.buy))
    until(lambda: address(task.buy) not in kept(phone), "the page to be forgotten")
