"""Accessibility and layout of the pages of every desk: on a phone in Chinese with the light theme,
and on a desktop in English with the dark theme.
"""

from __future__ import annotations

import pytest

from tests.browser_checks import (
    fits,
    no_violations,
    no_visual_violations,
    shifts,
    taps,
    watch_shifts,
)
from tests.browser_logins import log_in
from tests.cast import Cast, dispatched, file_one, taken_milk
from tests.conftest import DESK, PHONE
from tests.journeys.test_loop import OpenPage
from tests.live import Live
from yinghu.appeals import actions, closing_actions, handling_actions

pytestmark = pytest.mark.browser

PAGES: dict[str, tuple[str, ...]] = {
    "clerk": (
        "/desk/triage",
        "/desk/callback",
        "/desk/cases",
        "/desk/cases?status=filed&late=1",
        "/desk/search?q=奶粉",
        "/desk/search?q=0000-0000-1",
        "/desk/case/{filed}",
    ),
    "dispatcher": ("/desk/dispatch", "/board", "/desk/try", "/setup/rule/"),
    "milk-handler": ("/desk/inbox", "/desk/inbox?case={taken}", "/desk/case/{taken}", "/field"),
    "volunteer": ("/field", "/field/-/map", "/field/-/done", "/field/{free}", "/field/{mine}"),
    "commander": (
        "/board?period=all&lines=all",
        "/desk/case/{closed}",
    ),
    # A few configuration types stand for all, which share one template.
    "admin": (
        "/setup/",
        "/setup/area/",
        "/setup/unit/",
        "/setup/unit/-/new",
        "/setup/category/milk",
        "/setup/rule/",
        "/setup/rule/-/new",
        "/setup/place/siji",
        "/setup/place/-/new",
        "/setup/guide",
        "/setup/category/-/import",
        "/setup/user/clerk",
        "/setup/place/-/sheet?per=4",
        "/setup/place/-/sheet?code=siji&per=1",
        "/setup/history",
    ),
}


@pytest.mark.parametrize("who", PAGES)
@pytest.mark.parametrize("by_day", [True, False], ids=["phone-zh-light", "desk-en-dark"])
def test_pages_are_accessible_and_fit_the_screen(
    live: Live, live_city: Cast, open_page: OpenPage, who: str, by_day: bool
) -> None:
    closed = taken_milk(live_city)
    handling_actions.resolve(closed.pk, live_city.milk, words="已送到")
    closing_actions.close(closed.pk, live_city.clerk)
    free, mine = file_one("还差两罐奶粉"), file_one("一段奶粉一罐")
    for appeal in (free, mine):
        dispatched(appeal, live_city)
    actions.accept(mine.pk, live_city.volunteer)
    numbers = {
        "free": free.number,
        "mine": mine.number,
        "filed": file_one("我们小区门口的路灯坏了，晚上看不见路" * 8).number,
        "taken": taken_milk(live_city).number,
        "closed": closed.number,
    }
    live.drain()
    page = log_in(
        open_page(
            PHONE if by_day else DESK,
            locale="zh-CN" if by_day else "en-GB",
            color_scheme="light" if by_day else "dark",
        ),
        who,
    )
    watch_shifts(page)
    # In English and dark, a third of the pages: the parts that they share are the same.
    for path in PAGES[who][:: 1 if by_day else 3]:
        answer = page.goto(path.format(**numbers))
        assert answer is not None
        assert answer.status == 200, path
        fits(page)
        shifts(page)
        if by_day:
            no_violations(page)
            taps(page)
        else:
            # The structure is the same as in Chinese on a phone.
            no_visual_violations(page)
