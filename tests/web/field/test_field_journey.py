"""Volunteers on their phones: nearest cases, competing takes, reports and a flaky network."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser_checks import fits, no_violations, taps
from tests.browser_logins import log_in
from tests.cast import Cast, dispatched, file_one
from tests.conftest import PHONE
from tests.journeys.test_loop import OpenPage, photo
from tests.live import Live
from yinghu.appeals.models import Appeal
from yinghu.errands.models import ErrandTemplate
from yinghu.people.models import Reveal
from yinghu.places.models import Place

pytestmark = pytest.mark.browser
SMALL = {"width": 360, "height": 640}


def free_at(city: Cast, code: str, body: str) -> Appeal:
    place = Place.objects.get(code=code)
    ErrandTemplate.objects.update(active=False)
    appeal = file_one(body, place=place.pk, area=place.area_id)
    return dispatched(appeal, city, category="medicine", unit="medicine-central")


def test_first_take_wins_and_the_other_is_offered_the_next_case(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    far = free_at(live_city, "fotang", "佛堂的老人要降压药")
    near = free_at(live_city, "futian", "福田的病人要胰岛素")
    live.drain()
    here = {"longitude": 120.104, "latitude": 29.339}
    one = log_in(open_page(SMALL, permissions=["geolocation"], geolocation=here), "volunteer")
    two = log_in(open_page(PHONE, permissions=[]), "volunteer-2")

    # The position is requested only on a press; the nearest case then comes first.
    expect(one.locator(".job").first).to_contain_text("佛堂")
    one.locator("[data-near]").click()
    expect(one.locator(".job").first).to_contain_text("福田")
    expect(one.locator(".job .far").first).to_contain_text("米")
    fits(one)
    no_violations(one)
    two.locator("[data-near]").click()
    expect(two.locator("#near-said")).to_contain_text("没有拿到您的位置")

    # Both have the case open; the button is visible without scrolling.
    for page in (one, two):
        page.goto(f"/field/{near.number}")
        expect(page.locator(".take button")).to_be_in_viewport()
    one.locator(".take button").click()
    expect(one.locator(".person")).to_contain_text("王小明")
    # The other volunteer's page updates before they can press.
    expect(two.locator("#case")).to_contain_text("已经有人接了")
    expect(two.locator(".take")).to_have_count(0)
    assert "王小明" not in two.content()
    two.locator(".next-free .job").click()
    expect(two).to_have_url(f"{live.url}/field/{far.number}")

    # The first volunteer arrives, reports, and resolves with a photo.
    way = one.get_by_text("用手机地图打开")
    expect(way).to_have_attribute("href", "geo:29.3387,120.1036?q=29.3387,120.1036")
    one.fill("#report-words", "已经在医院排队")
    one.get_by_label("已到场").check()
    one.locator("form:has(#report-words) button[type=submit]").click()
    expect(one.locator("#messages")).to_contain_text("进展已发给诉求人")
    expect(one.locator("#messages")).to_be_in_viewport()
    one.get_by_role("link", name="办好了").click()
    one.fill("#resolve-words", "胰岛素已经送到")
    one.set_input_files("#resolve-photos", [photo()])
    fits(one)
    one.locator("form:has(#resolve-words) button[type=submit]").click()
    expect(one.locator("#messages")).to_contain_text("辛苦了")
    expect(one.locator("#messages")).to_be_in_viewport()
    one.get_by_text("办过的").click()
    expect(one.locator(".job")).to_contain_text(near.number)
    assert "王小明" not in one.content()
    near.refresh_from_db()
    assert near.status == "resolved"
    assert near.attachments.count() == 1


def test_flaky_network_neither_loses_nor_duplicates_steps(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = free_at(live_city, "futian", "福田的病人要胰岛素")
    live.drain()
    phone = log_in(open_page(SMALL), "volunteer")
    phone.goto(f"/field/{appeal.number}")

    def answer_lost(route: Route) -> None:
        if route.request.method == "POST":
            route.fetch(max_redirects=0)
            route.abort()
        else:
            route.continue_()

    # The case was taken but the response was lost: its next refresh shows the result.
    phone.route("**/field/**", answer_lost, times=1)
    phone.locator(".take button").click()
    expect(phone.locator(".person")).to_contain_text("王小明")
    expect(phone.locator(".take")).to_have_count(0)
    assert Reveal.objects.filter(appeal_number=appeal.number).count() == 1

    # Offline: words and photo stay in the form and are sent with the next press.
    phone.get_by_role("link", name="报进展").click()
    expect(phone.locator("#report-words")).to_be_focused()
    phone.fill("#report-words", "已经在医院排队")
    phone.set_input_files("#report-photos", [photo()])
    report = phone.locator("form:has(#report-words)")
    phone.context.set_offline(True)
    report.locator("button[type=submit]").click()
    expect(report.locator(".send-note")).to_contain_text("网络断了")
    expect(phone.locator("#report-words")).to_have_value("已经在医院排队")
    fits(phone)
    no_violations(phone)
    taps(phone)
    phone.context.set_offline(False)
    phone.route("**/field/**", answer_lost, times=1)
    report.locator("button[type=submit]").click()
    expect(report).not_to_have_attribute("data-sent", "yes")
    expect(report.locator(".send-note")).to_contain_text("网络断了")
    report.locator("button[type=submit]").click()
    expect(phone.locator("#messages")).to_contain_text("进展已发给诉求人")
    assert appeal.events.filter(verb="report", words="已经在医院排队").count() == 1
    assert appeal.attachments.count() == 1

    # Drafts survive a reload and are deleted once sent.
    phone.get_by_role("link", name="办好了").click()
    phone.fill("#resolve-words", "胰岛素已经送到")
    phone.reload()
    expect(phone.locator("#resolve-words")).to_have_value("胰岛素已经送到")
    phone.locator("form:has(#resolve-words) button[type=submit]").click()
    expect(phone).to_have_url(re.compile("/field$"))
    expect(phone.locator("#messages")).to_contain_text("辛苦了")
    assert phone.evaluate("Object.keys(sessionStorage).filter(key => /^draft/.test(key))") == []


def test_map_zooms_to_the_open_cases(live: Live, live_city: Cast, open_page: OpenPage) -> None:
    for code in ("futian", "siji"):
        free_at(live_city, code, "要配药")
    phone = open_page(PHONE)
    log_in(phone, "volunteer")
    phone.goto("/field/-/map")
    expect(phone.locator(".map.is-drawn .pin")).to_have_count(2)
    expect(phone.locator(".map .area-outline")).to_have_count(1)
    spread = """() => {
        const box = document.querySelector(".map"), frame = box.getBoundingClientRect();
        const at = Array.from(box.querySelectorAll(".pin"), (pin) => pin.getBoundingClientRect());
        const inside = at.every((a) => a.left >= frame.left && a.right <= frame.right
            && a.top >= frame.top && a.bottom <= frame.bottom);
        const apart = Math.hypot(at[0].left - at[1].left, at[0].top - at[1].top);
        return inside && apart > frame.width / 3;
    }"""
    phone.wait_for_function(spread)
