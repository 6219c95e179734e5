"""Clocks on pages: one that is paused for a ruling shows the time left for that."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.cast import Cast, dispatched, file_one
from tests.oversight.test_rulings import login
from tests.oversight.test_whistles import at_community, call
from tests.web.conftest import Browse, text_of
from tests.web.oversight.test_whistles import sections
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Clock
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import whistle_actions

pytestmark = pytest.mark.django_db

CLOCK = re.compile(
    r'<span class="clock[^"]*" title="[^"]*"(?: data-due="(\d+)")?>.*?'
    r"<span>([^<]*)</span> <span class=\"clock-left\">([^<]*)</span>"
)


def shown(page: str) -> dict[str, tuple[str, str]]:
    """Clocks by their name: (due, in seconds since 1970; text)."""
    return {name: (due, text) for due, name, text in CLOCK.findall(page)}


def test_response_paused_by_a_return_shows_the_rulings_clock(browse: Browse, city: Cast) -> None:
    appeal = dispatched(file_one(), city)
    actions.return_(appeal.pk, city.milk, why="是药不是奶粉")
    soon = timezone.now() + timedelta(hours=5, minutes=30, seconds=30)
    Clock.objects.filter(appeal=appeal, kind="ruling").update(due_at=soon)
    waits = (str(int(soon.timestamp())), "还剩 5 小时 30 分")
    case = f"/desk/case/{appeal.number}"
    for who in ("milk-handler", "dispatcher"):
        found = shown(text_of(browse(who).get(case)))
        assert found["响应 · 等裁定"] == waits
        assert found["裁定"] == waits
        # The ruling is due first; what is not paused goes on.
        assert "响应" not in found
        assert next(iter(found)) == "裁定"
    assert shown(text_of(browse("milk-handler").get("/desk/cases"))) == {"响应 · 等裁定": waits}
    assert shown(text_of(browse("dispatcher").get("/desk/dispatch")))["裁定"] == waits
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="就是奶粉")
    assert "响应" in shown(text_of(browse("milk-handler").get(case)))


def test_clock_paused_for_the_requester_is_only_paused(browse: Browse, city: Cast) -> None:
    appeal = dispatched(file_one(), city)
    handling_actions.ask(appeal.pk, city.milk, words="几段？")
    found = shown(text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}")))
    assert found["响应"] == ("", "暂停计时")


def test_contested_call_shows_the_time_left_for_the_ruling(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    whistle_actions.contest(appeal.pk, login("health-handler"), why="不归我们")
    said = sections(browse("health-handler"))["for-us"]
    (name,) = shown(said)
    assert name.endswith("· 等裁定")
    assert shown(said)[name][1].startswith("还剩")


def test_case_that_nobody_decided_yet_has_its_plain_clock(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    found = shown(text_of(browse("clerk").get(f"/desk/case/{appeal.number}")))
    assert "接收" in found
