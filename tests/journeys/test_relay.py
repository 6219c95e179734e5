"""Medicine from a hospital into a sealed zone: five browsers, one of them offline for a while."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser_logins import log_in as by_name
from tests.cast import Cast, file_one
from tests.conftest import DESK, PHONE
from tests.errands.errands import helper, hospital, legs_of, relay, sealed
from tests.journeys.test_loop import OpenPage, photo
from tests.live import Live
from tests.web.field.test_offline_journey import is_kept, log_in
from yinghu.appeals import actions
from yinghu.appeals.states import Status
from yinghu.errands.models import Offer
from yinghu.people.models import Reveal

pytestmark = pytest.mark.browser
HOME = "330782001004001"
DOOR = "3 幢 2 单元 501 室"


def test_medicine_is_relayed_into_a_sealed_zone(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    names = ("阿东", "阿南", "阿西")
    first, *others = (helper(name) for name in names)
    inside = helper("小红", inside=zone.code)
    appeal = file_one(
        "我妈妈的降压药只剩两天了，小区封着",
        area=HOME,
        address=DOOR,
        answers={"hospital": "中心医院", "medicine": "降压药", "count": 2},
    )
    requester = open_page(PHONE)
    requester.goto(f"/t/{appeal.token}")
    phones = [log_in(open_page(PHONE), who) for who in (first, *others)]
    courier = log_in(open_page(PHONE), inside)
    for phone in (*phones, courier):
        phone.goto("/field")
        expect(phone.locator(".offer")).to_have_count(0)

    # The clerk sorts; a rule finds the hospital's group, and a template plans the legs.
    actions.sort(appeal.pk, live_city.clerk, category="medicine", urgency=2)
    for phone in phones:
        expect(phone.locator(".offer")).to_contain_text("去中心医院排队买药")
        assert DOOR not in phone.content()
    buy, gate, carry = legs_of(appeal)
    assert Offer.objects.filter(leg=buy).count() == 3
    asks, late = phones[0], phones[1]
    asks.locator(".offer").get_by_role("button", name="我来办").click()
    expect(asks.locator(".person")).to_contain_text("王小明")
    for phone in phones[1:]:
        expect(phone.locator(".offer")).to_have_count(0)
    late.goto(f"/field/-/leg/{buy.pk}")
    expect(late.locator("#case")).to_contain_text("已经有人接了")
    assert "阿东" not in late.content()

    # At the hospital there is no network.
    is_kept(asks, f"/field/-/leg/{buy.pk}")
    asks.context.set_offline(True)
    asks.fill("#say-words", "排到 35 号")
    asks.get_by_role("button", name="发出").click()
    asks.set_input_files("#finish-photos", [photo()])
    asks.fill("#finish-paid", "42.50")
    asks.locator("form[data-record=finish]").get_by_role("button", name="办好了").click()
    expect(asks.locator(".phone-strip")).to_contain_text("已记下 2 步")
    # Meanwhile a helper inside takes the carrying leg.
    expect(courier.locator(".offer")).to_contain_text("送到家门口")
    courier.locator(".offer").get_by_role("button", name="我来办").click()
    expect(courier.locator(".address")).to_contain_text(DOOR)
    asks.context.set_offline(False)
    expect(asks.locator(".phone-strip")).to_contain_text("都发出去了")

    # At the gate both confirm the hand-over.
    presses = ((asks, "东西交出去了", "等对方确认"), (courier, "东西收到了", "交接完成"))
    for phone, said, then in presses:
        phone.goto(f"/field/-/leg/{gate.pk}")
        phone.get_by_role("button", name=said).click()
        expect(phone.locator("#case")).to_contain_text(then)
    expect(asks.locator("#case")).to_contain_text("交接完成")
    courier.goto(f"/field/-/leg/{carry.pk}")
    courier.set_input_files("#finish-photos", [photo()])
    courier.locator("form[data-record=finish]").get_by_role("button", name="办好了").click()
    expect(courier.locator("#case")).to_contain_text("这一程已经办完")
    live.drain()
    appeal.refresh_from_db()
    assert appeal.status == Status.RESOLVED

    _the_requester_reads_it(requester)
    for phone in (asks, courier):
        phone.goto("/field/-/me")
        expect(phone.locator(".me-sums")).to_contain_text("1 件")
        expect(phone.locator(".me-sums")).to_contain_text("1 分钟")
    # Showing the requester's data to a helper is logged once per leg taken.
    shown = Reveal.objects.filter(appeal_number=appeal.number).order_by("pk")
    assert list(shown.values_list("user_id", flat=True)) == [first.user_id, inside.user_id]


def _the_requester_reads_it(requester: Page) -> None:
    """The page has updated itself with each step, without names or internal details."""
    story = requester.locator(".story")
    for said in (
        "已安排人帮您办",
        "有人接下了“去中心医院排队买药”",
        "“去中心医院排队买药”办好了",
        "“在门口交接”完成",
        "“送到家门口”办好了",
        "已办结，等您评价",
    ):
        expect(story).to_contain_text(said)
    page = requester.content()
    for secret in ("阿东", "阿南", "阿西", "小红", "排到 35 号", "42.50"):
        assert secret not in page


def test_desk_sees_legs_and_sends_message(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    relay()
    hospital()
    one = helper("阿东")
    appeal = file_one("药吃完了", area=HOME, answers={"hospital": "中心医院"})
    actions.sort(appeal.pk, live_city.clerk, category="medicine", urgency=2)
    live.drain()
    phone = log_in(open_page(PHONE), one)
    phone.goto("/field")
    phone.locator(".offer").get_by_role("button", name="我来办").click()
    expect(phone.locator(".person")).to_contain_text("王小明")
    desk = by_name(open_page(DESK), "medicine-handler")
    desk.goto(f"/desk/case/{appeal.number}/errands")
    expect(desk.locator(".legs").first).to_contain_text("阿东")
    desk.fill("#say-words", "小票留好")
    desk.get_by_role("button", name="发出").click()
    expect(desk.locator(".chat-line")).to_contain_text("小票留好")
    expect(phone.locator(".chat-line")).to_contain_text("小票留好")
