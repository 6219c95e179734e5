"""The board's figures equal a count of the appeals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.cast import cast
from tests.cities import City
from yinghu.appeals import actions, closing_actions, filing, handling_actions
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Appeal, Untallied
from yinghu.appeals.states import Status
from yinghu.insight import tally
from yinghu.insight.board import Board, BoardLine, Period, board
from yinghu.people.access import SYSTEM, requester_of

FUTIAN, FOTANG = "330782008", "330782100"


def file(channel: str = "web", area: str | None = None, **given: Any) -> int:
    return filing.file_many([Filing("要奶粉", channel, area=area, **given)], SYSTEM)[0]


def filed_on(appeal_id: int, days_ago: int) -> None:
    """Backdate the filing by that many days."""
    Appeal.objects.filter(pk=appeal_id).update(filed_at=timezone.now() - timedelta(days=days_ago))


def short(lines: list[BoardLine]) -> list[tuple[str, str, int, int, int]]:
    return [(line.key, line.name, line.received, line.open, line.closed) for line in lines]


def scenario() -> list[int]:
    """Six appeals: closed, resolved, assigned, merged, filed three days and forty days ago."""
    people = cast()
    done = file("web", "330782008001")
    actions.sort(done, people.clerk, category="milk")
    actions.assign(done, people.dispatcher, unit="milk")
    actions.accept(done, people.milk)
    handling_actions.resolve(done, people.milk, words="送到了")
    closing_actions.rate(done, requester_of(done), solved=True, satisfaction="yes")
    closing_actions.close(done, people.clerk)
    answered = file("hotline")
    actions.sort(answered, people.clerk, category="policy")
    actions.answer(answered, people.clerk, words="可以")
    given = file("feed", FOTANG)
    actions.sort(given, people.clerk, category="medicine")
    actions.assign(given, people.dispatcher, unit="medicine")
    twin = file("feed")
    closing_actions.merge(twin, people.clerk, master=given)
    recent, old = file("feed"), file("feed")
    filed_on(recent, 3)
    filed_on(old, 40)
    return [done, answered, given, twin, recent, old]


def assert_figures(found: Board) -> None:
    assert (found.received, found.open, found.closed) == (6, 3, 1)
    assert found[Status.RESOLVED] == 1
    assert found.late == 0
    assert found.closed_rate == pytest.approx(1 / 6)
    assert found[Status.ASSIGNED] == 1
    assert short(found.lines["klass"]) == [
        ("", "", 3, 2, 0),
        ("need", "社情需求", 2, 1, 1),
        ("policy", "政策解答", 1, 0, 0),
    ]
    assert short(found.lines["category"]) == [
        ("", "", 3, 2, 0),
        ("medicine", "药品", 1, 1, 0),
        ("milk", "奶粉", 1, 0, 1),
        ("policy", "政策咨询", 1, 0, 0),
    ]
    assert short(found.lines["unit"]) == [
        ("", "", 4, 2, 0),
        ("medicine", "药品组", 1, 1, 0),
        ("milk", "奶粉组", 1, 0, 1),
    ]
    assert short(found.lines["town"]) == [
        ("", "", 4, 2, 0),
        (FUTIAN, "福田街道", 1, 0, 1),
        (FOTANG, "佛堂镇", 1, 1, 0),
    ]
    assert short(found.lines["channel"]) == [
        ("feed", "feed", 4, 3, 0),
        ("hotline", "hotline", 1, 0, 0),
        ("web", "web", 1, 0, 1),
    ]
    assert found.lines["category"][1].name_en == "Medicine"
    today = timezone.localdate()
    assert len(found.days) == 30
    assert {day: n for day, n in found.days if n} == {today: 4, today - timedelta(days=3): 1}
    assert found.days[-1] == (today, 4)


def test_figures_are_unchanged_by_folding_and_rebuilding(own_city: City) -> None:
    scenario()
    assert_figures(board())
    assert tally.fold(5) == 5
    assert_figures(board())
    ran = own_city.run("tally")
    assert (ran.code, ran.out) == (0, "计入 12 条动态\n")
    assert not Untallied.objects.exists()
    assert_figures(board())
    ran = own_city.run("tally", "--rebuild")
    assert ran.out.endswith("计入 0 条动态\n")
    assert_figures(board())


def test_period_counts_appeals_filed_in_it(own_city: City) -> None:
    scenario()
    tally.fold(9)
    expected: dict[Period, int] = {"today": 4, "week": 5, "all": 6}
    for period, received in expected.items():
        found = board(period)
        assert found.received == received
        assert sum(line.received for line in found.lines["channel"]) == received
        assert sum(n for _day, n in found.days) == 5
    assert board("today").since == timezone.localdate()
    assert board("week").since == timezone.localdate() - timedelta(days=6)
    assert board("all").since is None


def test_scope_counts_appeals_of_the_areas_under_it(own_city: City) -> None:
    scenario()
    assert board(scope=FUTIAN).received == 1
    found = board("today", "330782")
    assert (found.received, found.closed, found.open) == (2, 1, 1)
    assert [line.key for line in found.lines["town"]] == [FUTIAN, FOTANG]
    assert board(scope="3307_2").received == 0
    assert sum(n for _day, n in found.days) == 2
    # Counters exist down to towns; in a village the appeals themselves are counted.
    for folded in (0, 5, 5000):
        tally.fold(folded)
        village = board(scope="330782008001")
        assert (village.received, village.closed, village.late) == (1, 1, 0)
        assert short(village.lines["unit"]) == [("milk", "奶粉组", 1, 0, 1)]
        assert board(scope="330782008001001").received == 0
        assert board(scope=FUTIAN).received == 1


def test_late_counts_appeals_not_clocks(own_city: City) -> None:
    done, _answered, given, _twin, recent, old = scenario()
    with connection.cursor() as cursor:
        cursor.execute(
            # Due when filed: an hour ago may have been yesterday, when nothing was filed.
            "UPDATE appeals_clock c SET due_at = a.filed_at FROM appeals_appeal a"
            " WHERE a.id = c.appeal_id AND a.id = ANY(%s)",
            [[done, given, recent, old]],
        )
    assert board().late == 3
    assert board("week").late == 2
    assert board("today").late == 1
    assert board(scope=FOTANG).late == 1
    assert board("today", FUTIAN).late == 0
    # Somebody can answer, so the time stops.
    Appeal.objects.filter(pk=given).update(caller=b"0" * 16)
    handling_actions.ask(given, cast().medicine, words="哪家医院？")
    assert board().late == 2


def test_board_without_appeals_is_empty(own_city: City) -> None:
    found = board()
    assert (found.received, found.open, found.late, found.closed_rate) == (0, 0, 0, None)
    assert found.lines["category"] == []
    assert len(found.days) == 30


@pytest.mark.django_db
def test_board_takes_few_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_max_num_queries(12):
        board()
