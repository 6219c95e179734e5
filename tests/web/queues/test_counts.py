"""Counts of many waiting cases are exact: badges, desks, one's own list, the list of cases."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, file_one
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, closing_actions
from yinghu.appeals.filing import Filing, file_many
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import OPEN, Status
from yinghu.insight import standing, tally
from yinghu.people.access import SYSTEM, Actor, Grant, visible_q
from yinghu.people.models import Role
from yinghu.web.cases import views

MANY = 1_204
FUTIAN, BEIYUAN = "330782008", "330782004"


@pytest.fixture
def waiting(city: Cast) -> list[int]:
    """A burst of filings in two towns, and some without a place."""
    areas = [FUTIAN] * 1_100 + [BEIYUAN] * 100 + [None] * 4
    return file_many([Filing(f"第{n}件", "hotline", area=a) for n, a in enumerate(areas)], SYSTEM)


def badges(browse: Browse, username: str) -> list[str]:
    page = text_of(browse(username).get("/desk/badges?here=triage"))
    return re.findall(r'class="waiting">([0-9]+)<', page)


def test_clerk_reads_how_many_wait(browse: Browse, city: Cast, waiting: list[int]) -> None:
    clerk = browse("clerk")
    for _time in range(2):
        assert badges(browse, "clerk") == ["1204"]
        assert "共 1204 件在等" in text_of(clerk.get("/desk/triage"))
        assert "共 1204 件在等" in text_of(clerk.get("/desk/triage?part=rows"))
        own = text_of(clerk.get("/desk/own"))
        assert re.search(r'href="/desk/triage" class="some">.*?<b>1204</b>', own)
        assert "共 1204 件" in text_of(clerk.get("/desk/cases"))
        assert "共 1204 件" in text_of(clerk.get("/desk/cases?status=filed"))
        # Before and after the events are folded into the counters.
        tally.fold_all()
    closing_actions.decline(waiting[0], city.clerk, words="不归我们")
    assert badges(browse, "clerk") == ["1203"]


def test_counts_end_where_the_area_ends(browse: Browse, city: Cast, waiting: list[int]) -> None:
    def counted(*grants: Grant) -> int:
        units = frozenset(grant.unit_id for grant in grants if grant.role == Role.HANDLER)
        actor = Actor("user", city.clerk.user_id, "", grants, unit_ids=units)
        found = Appeal.objects.filter(visible_q(actor), status=Status.FILED)
        n = standing.count_visible(actor, found, [Status.FILED])
        assert n == found.count()
        return n

    clerk = Grant(Role.CLERK, 1, FUTIAN)
    for _time in range(2):
        assert counted(clerk) == 1_100
        assert counted(clerk, Grant(Role.OPERATOR, 1, BEIYUAN)) == 1_200
        assert counted(Grant(Role.CLERK, 1)) == MANY
        assert counted(Grant(Role.CLERK, 1, f"{FUTIAN}001")) == 0
        tally.fold_all()
    milk = city.milk.grants[0].unit_id
    Appeal.objects.filter(pk__in=waiting[-4:]).update(unit=milk)
    assert counted(clerk, Grant(Role.HANDLER, milk)) == 1_104


def test_units_open_cases_are_counted_from_the_counters(city: Cast) -> None:
    milk = city.milk.grants[0].unit_id
    for n in range(3):
        appeal = file_one(f"第{n}件", phone="")
        actions.sort(appeal.pk, SYSTEM, category="milk")
        actions.assign(appeal.pk, SYSTEM, unit="milk")
        tally.fold(4)
    expected = Appeal.objects.filter(unit=milk, status__in=OPEN).count()
    assert standing.open_by_unit()[milk] == expected == 3


def test_long_filtered_list_is_counted_after_the_page(
    browse: Browse, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk, address = browse("clerk"), "/desk/cases?channel=hotline"
    assert "共 1204 件" in text_of(clerk.get(address))
    monkeypatch.setattr(views, "COUNTED_AT_ONCE", 1_200)
    page = text_of(clerk.get(address))
    assert 'hx-get="/desk/cases?channel=hotline&amp;part=count"' in page
    assert "1204" in text_of(clerk.get(f"{address}&part=count"))
    # Without scripts a link counts.
    assert 'href="/desk/cases?channel=hotline&amp;count=1"' in page
    assert "共 1204 件" in text_of(clerk.get(f"{address}&count=1"))
    chips = text_of(clerk.get("/desk/cases?part=views"))
    assert re.search(r"地点未定 <b>4</b>", chips)


def test_many_waiting_cost_no_page_a_scan(browse: Browse, waiting: list[int]) -> None:
    tally.fold_all()
    clerk = browse("clerk")
    clerk.get("/desk/badges")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        clerk.get("/desk/badges")
    counts = [each["sql"] for each in asked if "count(" in each["sql"].lower()]
    # Whatever is counted row by row has a limit; the rest comes from the counters.
    assert all(sql.count("LIMIT") >= sql.lower().count("count(") for sql in counts), counts
