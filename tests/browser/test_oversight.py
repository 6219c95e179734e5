"""A case that is left alone climbs from a grid to the city's command, and everybody is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import fits, no_violations, taps
from tests.browser.test_loop import log_in
from tests.cast import Cast, file_one
from tests.conftest import DESK, PHONE
from tests.live import Live, until
from yinghu.appeals import loop
from yinghu.appeals.models import Appeal

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]

CLIMB = (
    ("community-head", "community-futian", "福田社区居委会"),
    ("town-head", "town-futian", "福田街道办事处"),
    ("bureau-handler", "bureau-environment", "生态环境局"),
    ("duty", "command", "城市运行指挥中心"),
)
"""Who is there at each level, and of which unit."""


def test_a_case_left_alone_climbs_and_each_level_sees_it(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one("楼下污水倒灌，一个星期没人来", area="330782008001003")
    loop.sort(appeal.pk, live_city.clerk, category="environment")
    loop.assign(appeal.pk, live_city.dispatcher, unit="grid-futian-3")
    grid = log_in(open_page(PHONE), "grid-futian")
    expect(grid.locator("#bell .bell-count")).to_contain_text("1")
    boss = log_in(open_page(DESK), "supervisor")
    for who, unit, name in CLIMB:
        # The demo's button; what that brings, the worker does.
        boss.goto("/desk/oversight")
        boss.get_by_role("button", name="48 小时").click()
        expect(boss.locator(".alert")).to_contain_text("过了 48 小时")
        until(
            lambda unit=unit: Appeal.objects.filter(pk=appeal.pk, unit__code=unit).exists(),
            f"the case to be with {unit}",
            60,
        )
        page = log_in(open_page(DESK), who)
        expect(page.locator("#bell .bell-count")).to_be_visible()
        page.goto("/desk/notices")
        expect(page.locator(".notice-said").first).to_contain_text(f"提级到{name}，等人接单")
        page.goto("/desk/inbox")
        expect(page.locator(f"#row-{appeal.number}")).to_contain_text("提级")
    # Every step was told to somebody: the holder's unit, its head, the supervisor.
    grid.goto("/desk/notices")
    said = grid.locator(".notice-said").all_inner_texts()
    assert any("催办" in each and "响应" in each for each in said)
    boss.goto("/desk/notices")
    assert sum("上报" in each for each in boss.locator(".notice-said").all_inner_texts()) >= 4
    # The supervisor's list has it, and the first receiver still answers for it.
    boss.goto("/desk/oversight")
    expect(boss.locator(f"#raised #row-{appeal.number}")).to_contain_text("城市运行指挥中心")
    boss.goto(f"/desk/case/{appeal.number}")
    expect(boss.locator(".facts-list")).to_contain_text("福田社区第三网格")
    for page in (boss, grid):
        page.goto("/desk/own" if page is grid else "/desk/oversight")
        no_violations(page)
        fits(page)
    taps(grid)
