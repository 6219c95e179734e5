"""An unattended case escalates from a grid to the command; a whistle reaches the figures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from procrastinate.exceptions import AlreadyEnqueued

from tests.browser_checks import fits, no_violations, taps
from tests.browser_logins import log_in
from tests.cast import Cast, dispatched, file_one
from tests.conftest import DESK, PHONE
from tests.live import Live, until
from tests.sessions import log_client_in
from yinghu.appeals import actions
from yinghu.appeals.models import Appeal
from yinghu.common.job_queue import queue
from yinghu.demo import time_travel
from yinghu.people.access import actor_of
from yinghu.people.models import User

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]

CLIMB = (
    ("community-head", "community-futian", "福田社区居委会"),
    ("town-head", "town-futian", "福田街道办事处"),
    ("bureau-handler", "bureau-environment", "生态环境局"),
    ("duty", "command", "城市运行指挥中心"),
)
"""The login at each level, and its unit."""


def test_unattended_case_escalates_and_each_level_is_notified(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one("楼下污水倒灌，一个星期没人来", area="330782008001003")
    dispatched(appeal, live_city, category="environment", unit="grid-futian-3")
    live.drain()
    grid = log_in(open_page(PHONE), "grid-futian")
    expect(grid.locator("#bell .bell-count")).to_contain_text("1")
    boss = log_in(open_page(DESK), "supervisor")
    for who, unit, name in CLIMB:
        # The demo's button moves time; the worker processes what is due.
        boss.goto("/desk/oversight")
        boss.get_by_role("button", name="48 小时").click()
        expect(boss.locator(".alert")).to_contain_text("过了 48 小时")
        if unit != CLIMB[0][1]:
            # The first level waits for the worker's own ten-second schedule instead.
            with suppress(AlreadyEnqueued):
                queue("yinghu.chase", timestamp=0)
        at_unit = Appeal.objects.filter(pk=appeal.pk, unit__code=unit)
        until(at_unit.exists, f"the case to be with {unit}", 60)
        live.drain()
        client = Client()
        log_client_in(client, User.objects.get(username=who))
        assert f"提级到{name}，等人接单" in client.get("/desk/notices").text
        row = client.get("/desk/inbox").text.partition(f'id="row-{appeal.number}"')[2]
        assert "提级" in row.partition("</li>")[0]
    # Every step was notified: to the holder's unit, its head, the supervisor.
    grid.goto("/desk/notices")
    said = grid.locator(".notice-said").all_inner_texts()
    assert any("催办" in each and "响应" in each for each in said)
    boss.goto("/desk/notices")
    assert sum("上报" in each for each in boss.locator(".notice-said").all_inner_texts()) >= 4
    # The supervisor's list has the case, and the first receiver remains its lead.
    boss.goto("/desk/oversight")
    expect(boss.locator(f"#raised #row-{appeal.number}")).to_contain_text("城市运行指挥中心")
    boss.goto(f"/desk/case/{appeal.number}")
    expect(boss.locator(".facts-list")).to_contain_text("福田社区第三网格")
    for page in (boss, grid):
        page.goto("/desk/own" if page is grid else "/desk/oversight")
        no_violations(page)
        fits(page)
    taps(grid)


def test_whistle_figures_show_which_unit_reported_in(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one("市场门口烧烤摊油烟太大", area="330782008001003")
    dispatched(appeal, live_city, category="environment", unit="community-futian")
    community = log_in(open_page(DESK), "community-head")
    actions.accept(appeal.pk, actor_of(User.objects.get(username="community-head")))
    live.drain()
    community.goto(f"/desk/case/{appeal.number}")
    community.click("[data-act=whistle] summary")
    form = community.locator("[data-act=whistle] form")
    # Units that are not above the caller, or not responsible for the place, are not offered.
    expect(form.get_by_text("佛堂镇人民政府")).to_have_count(0)
    for words in ("联合执法", "生态环境局", "卫生健康局"):
        form.locator(".choice", has_text=words).click()
    form.locator("[name=why]").fill("请两家到现场认定油烟")
    form.get_by_role("button").last.click()
    expect(community.locator(".alert-success")).to_be_visible()

    # One unit reports in with its position; the other does not respond.
    live.drain()
    phone = open_page(
        PHONE, geolocation={"longitude": 120.1037, "latitude": 29.3389}, permissions=["geolocation"]
    )
    log_in(phone, "bureau-handler")
    expect(phone.locator("#bell .bell-count")).to_be_visible()
    silent = log_in(open_page(PHONE), "health-handler")
    silent.goto("/desk/whistles")
    expect(silent.locator("#for-us")).to_contain_text("还没有报到")
    no_violations(silent)
    taps(silent)
    fits(silent)
    phone.goto("/desk/whistles")
    phone.locator("#for-us").get_by_role("button", name="报到").click()
    expect(phone.locator("#for-us .whistle-state")).to_contain_text("离集合地点")
    phone.locator("#for-us [name=spoken_to]").fill("社区老王")
    phone.locator("#for-us textarea[name=why]").fill("要求加装净化器，三天内复查")
    phone.get_by_role("button", name="报四要素").click()
    expect(phone.locator("#for-us .facts-list")).to_contain_text("加装净化器")

    time_travel.pass_time(24)
    community.goto("/desk/whistles")
    for unit, grade in (("生态环境局", "满意"), ("卫生健康局", "不满意")):
        card = community.locator("#ours .whistle", has_text=unit).filter(
            has=community.locator("form.grade")
        )
        card.get_by_role("button", name=grade, exact=True).click()
    expect(community.locator("#ours form.grade")).to_have_count(0)
    boss = log_in(open_page(DESK), "commander")
    boss.goto("/desk/whistles")
    figures = boss.locator("#figures tbody tr")
    expect(figures.filter(has_text="生态环境局")).to_contain_text("100%")
    expect(figures.filter(has_text="卫生健康局")).to_contain_text("0%")
    expect(figures.first).to_contain_text("50%")
    no_violations(boss)
    fits(boss)
