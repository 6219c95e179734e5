"""The story of a scan in browsers: a stranger, the family, and the same without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.guardian.scanned import protect
from tests.live import until
from yinghu.guardian.models import Scan
from yinghu.guardian.tag_codes import guardian_token
from yinghu.notifications.models import Notification, Reason

pytestmark = pytest.mark.browser


def test_a_stranger_and_the_family_meet(live_city: Cast, open_page: Callable[..., Page]) -> None:
    person = protect()
    stranger = open_page(
        permissions=["geolocation"],
        geolocation={"longitude": 121.5, "latitude": 29.3, "accuracy": 20},
    )
    stranger.goto(f"/g/{person.code}")
    expect(stranger.get_by_role("heading", name="请帮帮王奶奶")).to_be_visible()
    stranger.get_by_role("button", name="带上我的位置").click()
    expect(stranger.get_by_text("已带上您的位置")).to_be_visible()
    stranger.get_by_label("你们在哪里？").fill("在公园门口的长椅上")
    stranger.get_by_role("button", name="告诉他们：我和他在一起").click()
    expect(stranger.get_by_text("收到了，已经通知")).to_be_visible()

    scan = Scan.objects.get(person=person.person)
    guardian = person.guardians[0].pk
    told = Notification.objects.filter(subject_id=scan.pk, reason=Reason.FOUND)
    until(lambda: list(told.values_list("reference", flat=True)) == [guardian], "the notice")

    family = open_page()
    family.goto(f"/g/w/{guardian_token(scan.pk, guardian)}")
    expect(family.get_by_text("在公园门口的长椅上")).to_be_visible()
    link = family.get_by_role("link", name="在地图上看位置")
    expect(link).to_have_attribute(
        "href", "https://uri.amap.com/marker?position=121.500000,29.300000&coordinate=wgs84"
    )
    family.get_by_role("button", name="我知道了，正在联系，马上到").click()
    family.get_by_label("给发现人留言").fill("谢谢您，十分钟到")
    family.get_by_role("button", name="发出留言").click()
    expect(family.get_by_text("谢谢您，十分钟到")).to_be_visible()

    # Without a press: the boards look by themselves.
    expect(stranger.get_by_text("谢谢您，十分钟到")).to_be_visible()
    expect(stranger.get_by_text("已经有人回应")).to_be_visible()
    stranger.get_by_label("给家人和值班的人留言").fill("好的，我们不走开")
    stranger.get_by_role("button", name="发出留言").click()
    expect(family.get_by_text("好的，我们不走开")).to_be_visible()
    family.get_by_role("button", name="我接到了").click()
    expect(stranger.get_by_text("已经接到他了。谢谢您！")).to_be_visible()


def test_the_finder_needs_no_script(live_city: Cast, open_page: Callable[..., Page]) -> None:
    person = protect()
    stranger = open_page(java_script_enabled=False)
    stranger.goto(f"/g/{person.code}")
    expect(stranger.get_by_role("button", name="带上我的位置")).to_be_hidden()
    stranger.get_by_label("你们在哪里？").fill("在桥头")
    stranger.get_by_role("button", name="告诉他们：我和他在一起").click()
    expect(stranger.get_by_text("收到了，已经通知")).to_be_visible()
    stranger.get_by_role("link", name="要写留言，请先按这里").click()
    stranger.get_by_label("给家人和值班的人留言").fill("他有点冷")
    stranger.get_by_role("button", name="发出留言").click()
    expect(stranger.get_by_text("他有点冷")).to_be_visible()
