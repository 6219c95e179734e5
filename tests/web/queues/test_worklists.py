"""A user's own list and the supervisor's list: sections, access and query counts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.cast import Cast, file_one, requester, taken_milk
from tests.oversight.clock import pass_time, sweep_all
from tests.oversight.test_rulings import login
from tests.oversight.test_whistles import at_community, call
from tests.web.conftest import Browse, text_of
from tests.web.queues.test_views import queries_of
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import whistle_actions
from yinghu.reactions import react

pytestmark = pytest.mark.django_db


def parts(page: str) -> dict[str, list[str]]:
    """The numbers of the cases in each section of a page."""
    sections = re.findall(
        r'<section class="list-part[ a-z-]*" id="(\w+)"(.*?)</section>', page, re.S
    )
    return {name: re.findall(r'id="row-([\d-]+)"', text) for name, text in sections}


def test_own_list_puts_cases_in_their_sections(browse: Browse, city: Cast) -> None:
    plain, late, back, watched, asked, foreign = (taken_milk(city) for _ in range(6))
    pass_time(100, late)
    handling_actions.resolve(back.pk, city.milk, words="送到了")
    event = closing_actions.rate(back.pk, requester(back), solved=False, satisfaction="no")
    react(events=[event.pk])
    until = timezone.now() + timedelta(days=2)
    oversight_actions.supervise(watched.pk, city.commander, until=until, why="今天办好")
    oversight_actions.invite(asked.pk, city.milk, unit="food", until=until, why="借车")
    actions.release(foreign.pk, city.milk, why="下班")
    mine = parts(text_of(browse("milk-handler").get("/desk/own")))
    assert mine["late"] == [late.number]
    assert mine["back"] == [back.number]
    assert mine["watched"] == mine["asked"] == [watched.number]
    # A released case waits to be accepted.
    assert set(mine["mine"]) == {
        each.number for each in (plain, late, back, watched, asked, foreign)
    }
    assert mine["mine"][0] == late.number
    helper = parts(text_of(browse("food-handler").get("/desk/own")))
    assert helper == {
        "asked": [asked.number],
        **{key: [] for key in ("late", "today", "back", "watched", "mine")},
    }
    # Others see none of it; volunteers have no such page.
    assert not any(parts(text_of(browse("urban-handler").get("/desk/own"))).values())
    assert browse("volunteer-2").get("/desk/own").status_code == 403


def test_supervisors_list_puts_cases_in_their_sections(browse: Browse, city: Cast) -> None:
    returned, extended, raised, watched, late, lost = (taken_milk(city) for _ in range(6))
    actions.return_(returned.pk, city.milk, why="不归我们")
    solve = extended.clocks.get(kind="solve").due_at
    handling_actions.extend(extended.pk, city.milk, until=solve + timedelta(days=2), why="等货")
    oversight_actions.escalate(raised.pk, city.milk, why="缺货")
    oversight_actions.supervise(
        watched.pk, city.commander, until=timezone.now() + timedelta(days=2), why="办"
    )
    pass_time(100, late)
    sweep_all()
    Appeal.objects.filter(pk=lost.pk).update(holder=city.volunteer_2.user_id)
    for who in ("dispatcher", "supervisor", "commander"):
        seen = parts(text_of(browse(who).get("/desk/oversight")))
        assert set(seen["rulings"]) == {returned.number, extended.number}
        assert seen["raised"] == [raised.number]
        assert seen["watched"] == [watched.number]
        assert seen["late"] == [late.number]
        assert seen["nobody"] == [lost.number]
    assert browse("milk-handler").get("/desk/oversight").status_code == 403
    assert browse("").get("/desk/oversight").status_code == 302


def test_supervisors_list_names_units_that_have_not_reported_in(browse: Browse, city: Cast) -> None:
    def silent() -> str:
        page = text_of(browse("supervisor").get("/desk/oversight"))
        return page.partition('id="silent"')[2].partition("</section>")[0]

    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    # Called and still in time: no unit is late.
    assert "没有到时还不来的" in silent()
    pass_time(3, appeal)
    clocks = re.findall(r'class="clock.*?<span>([^<]+)</span>', silent())
    assert sorted(clocks) == ["报到 · 卫生健康局", "报到 · 生态环境局"]
    whistle_actions.report_in(appeal.pk, login("bureau-handler"))
    clocks = re.findall(r'class="clock.*?<span>([^<]+)</span>', silent())
    assert clocks == ["报到 · 卫生健康局"]


def test_worklist_query_counts_are_bounded(browse: Browse, city: Cast) -> None:
    client = browse("milk-handler")
    taken_milk(city)
    one = queries_of(client, "/desk/own")
    for _ in range(5):
        taken_milk(city)
    assert queries_of(client, "/desk/own") == one
    file_one()
    assert queries_of(browse("dispatcher"), "/desk/oversight") <= 45
