"""The rates page: access, drill-down and workbook."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook
from pytest_django import DjangoAssertNumQueries

from tests.cast import Cast, cast, file_one, requester, taken_milk
from tests.web.conftest import Browse, csv_of, text_of
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal, Clock
from yinghu.oversight.rates import DIMENSIONS, FIGURES
from yinghu.people.models import Post, Role, Unit
from yinghu.web.cases.drilldown import parse_drilldown

pytestmark = pytest.mark.usefixtures("savepoint")
FUTIAN, FOTANG = "330782008", "330782100"


@pytest.fixture
def city(savepoint: None) -> Cast:
    return cast()


@pytest.fixture(scope="module")
def history(module_db: None) -> dict[str, Appeal]:
    """Four cases of the milk group in two towns, and one that has not been received in time."""
    city, made = cast(), {}
    said = [("good", "yes", FUTIAN), ("fair", "fairly", FOTANG), ("bad", "no", FUTIAN)]
    for name, satisfaction, area in said:
        appeal = made[name] = taken_milk(city)
        Appeal.objects.filter(pk=appeal.pk).update(area=area)
        if name == "bad":
            past = timezone.now() - timedelta(hours=1)
            Clock.objects.filter(appeal=appeal, kind="solve").update(due_at=past)
        handling_actions.resolve(appeal.pk, city.milk, words="已送到")
        solved = satisfaction != "no"
        closing_actions.rate(
            appeal.pk,
            requester(appeal) if name == "good" else city.operator,
            solved=solved,
            satisfaction=satisfaction,
            unreached=not solved,
        )
    closing_actions.reopen(made["bad"].pk, city.operator, words="没送到")
    made["back"] = taken_milk(city)
    actions.return_(made["back"].pk, city.milk, why="不归我们")
    made["new"] = file_one(channel="hotline", phone="")
    past = timezone.now() - timedelta(minutes=1)
    Clock.objects.filter(appeal=made["new"], kind="receive").update(due_at=past)
    return made


def numbers(page: str) -> list[tuple[str, str]]:
    """(address, number) of every number on the page that links to a list of cases."""
    links = re.findall(r'<a href="(/desk/cases\?behind[^"]*)"[^>]*>(.*?)</a>', page)
    return [
        (link.replace("&amp;", "&"), re.sub(r"<[^>]*>", " ", said).split()[-1])
        for link, said in links
    ]


def opened(client: Client, link: str) -> str:
    """The number of cases that the list at an address states."""
    (n,) = re.findall(r'<span role="status">共 (\d+)\+? 件', text_of(client.get(link)))
    return str(n)


def test_each_figure_links_to_exactly_its_cases(browse: Browse, history: Any) -> None:
    client, seen = browse("commander"), set()
    views = ("period=all", "period=today", f"period=all&scope={FUTIAN}")
    # One dimension for each view, because the test loads a page for every number;
    # tests/oversight/test_rates.py covers the cases behind all numbers.
    for by, view in zip(DIMENSIONS, views, strict=False):
        found = numbers(text_of(client.get(f"/rates?by={by}&{view}")))
        assert found, view
        for link, n in found:
            assert opened(client, link) == n, link
            seen.add(unquote(link).split("=")[1].split("~")[0])
    # All except figures without cases here and figures that the page does not link.
    assert set(FIGURES) - seen == {
        *("vain", "extended", "raised", "whistled", "called", "came"),
        *("unreached", "unsolved", "unsatisfied"),
    }


def test_rates_page_shows_the_computed_rates(browse: Browse, history: Any) -> None:
    page = text_of(browse("commander").get("/rates?period=days&by=unit"))
    whole, milk, none = re.findall(r"<tr[^>]*><th scope=\"row\">(.*?)</tr>", page, re.DOTALL)
    assert [re.sub("<.*", "", each, flags=re.DOTALL) for each in (whole, milk, none)] == [
        "全部",
        "奶粉组",
        "未定",
    ]
    # responded, solved, satisfied (1 + 0.9) / 3, overall; then in time, returned, redone.
    assert re.findall(r"<b>(.*?)</b>", milk) == [
        *("66.7%", "66.7%", "63.3%", "65.3%"),
        *("—", "66.7%", "25.0%", "33.3%"),
    ]
    assert re.findall(r"<b>(.*?)</b>", none)[4] == "80.0%"


def test_drilldown_list_has_a_title_and_combines_with_filters(
    browse: Browse, history: dict[str, Appeal]
) -> None:
    client = browse("commander")
    today = timezone.localdate().isoformat()
    asked = f"behind=unsolved~unit~milk~{today}~{today}~"
    page = text_of(client.get(f"/desk/cases?{asked}"))
    assert f"没有解决的 · 奶粉组 · {today}" in page
    assert history["bad"].number in page
    assert opened(client, f"/desk/cases?{asked}&status=handling") == "1"
    assert opened(client, f"/desk/cases?{asked}&status=closed") == "0"
    # The filter form keeps the drill-down, and the CSV file has the same cases.
    assert f'name="behind" value="unsolved~unit~milk~{today}~{today}~"' in page
    lines = csv_of(client.get(f"/desk/cases.csv?{asked}")).splitlines()
    assert len(lines) == 2
    assert history["bad"].number in lines[1]


def test_malformed_drilldown_is_reported(browse: Browse, history: Any) -> None:
    commander = browse("commander")
    for bad in (
        "nothing~~~~~",
        "valid",
        "valid~~",
        "valid~nobody~~~~",
        "valid~~milk~~~",
        "valid~unit~milk~yesterday~~",
        "valid~unit~milk~0001-01-01~~",
        "valid~~~~~~",
        "valid~unit~\x00~~~",
    ):
        assert parse_drilldown(bad) is None, bad
        page = commander.get("/desk/cases", {"behind": bad})
        assert page.status_code == 200, bad
        assert 'class="wrong"' in text_of(page), bad


@pytest.mark.parametrize(
    "odd",
    [
        "valid~unit~' OR true --~~~",
        "valid~area~%~~~%",
        "valid~category~%~~~",
        "solved~klass~nothing~~~",
        "solved~channel~nothing~~~",
        "valid~unit~奶粉组~~~",
    ],
)
def test_unknown_drilldown_keys_find_nothing(browse: Browse, history: Any, odd: str) -> None:
    page = browse("commander").get("/desk/cases", {"behind": odd})
    assert "共 0 件" in text_of(page)


def test_drilldown_lists_only_cases_the_user_may_see(
    browse: Browse, history: dict[str, Appeal]
) -> None:
    asked = "/desk/cases?behind=valid~~~~~"
    assert opened(browse("commander"), asked) == "3"
    # A handler of another unit and a volunteer find none, a handler of the unit their own.
    for who in ("urban-handler", "volunteer-2"):
        assert opened(browse(who), asked) == "0"
    assert opened(browse("milk-handler"), asked) == "3"


def test_only_board_users_see_rates(browse: Browse, history: Any) -> None:
    assert browse().get("/rates").status_code == 302
    for who in ("volunteer", "milk-handler", "operator"):
        for path in ("/rates", "/rates.xlsx"):
            assert browse(who).get(path).status_code == 403, who
        assert 'href="/rates"' not in text_of(browse(who).get("/desk/cases"))
    for who in ("commander", "supervisor", "clerk", "dispatcher", "admin"):
        assert browse(who).get("/rates").status_code == 200, who


def test_town_head_sees_only_their_own_towns_rates(browse: Browse, history: Any) -> None:
    post = Post.objects.get(user__username="town-head", role=Role.HEAD)
    assert post.area
    assert post.area_id
    whole = text_of(browse("commander").get("/rates?period=all"))
    own = text_of(browse("town-head").get("/rates?period=all"))
    assert own != whole
    for asked in ("", FOTANG, "3", "%", "330782", "' OR 1=1"):
        if asked.startswith(post.area_id):
            continue
        page = text_of(browse("town-head").get("/rates", {"period": "all", "scope": asked}))
        assert f"scope={post.area_id}" in page
        assert "/desk/cases?behind" not in page  # figures, not cases
        cells = re.findall(r"<b>.*?</b>", page)
        assert cells == re.findall(r"<b>.*?</b>", own)
    book = browse("town-head").get("/rates.xlsx", {"period": "all", "scope": FOTANG})
    shown = load_workbook(io.BytesIO(book.content)).worksheets[0]
    assert shown["C1"].value == post.area.name
    # A head whose unit has no area has no rates.
    Post.objects.filter(pk=post.pk).update(area=None)
    assert browse("town-head").get("/rates").status_code == 403


def test_rates_of_a_custom_date_range(browse: Browse, history: Any) -> None:
    client, today = browse("commander"), timezone.localdate()
    page = text_of(client.get(f"/rates?since={today}&until={today}"))
    assert len(numbers(page)) > 10
    before = today - timedelta(days=1)
    page = text_of(client.get(f"/rates?since={before}&until={before}"))
    assert numbers(page) == []
    assert 'aria-current="true">今天' not in page
    for wrong in ("since=x", "since=2026-02-30", "since=0001-01-01", "until=9999-12-31"):
        assert client.get(f"/rates?{wrong}").status_code == 200
    page = text_of(client.get(f"/rates?since={today}&until={before}"))
    assert "结束日期在开始日期之前" in page


def test_every_column_sorts_and_the_total_stays_first(browse: Browse, history: Any) -> None:
    client = browse("commander")
    page = text_of(client.get("/rates?period=today&by=area"))
    sorts = re.findall(r'href="\?([^"]*sort=[^"]*)"', page.split("<thead>")[1].split("</thead>")[0])
    assert len(sorts) == 13
    for query in sorts:
        for way in (query, query + ".up", query.removesuffix(".up")):
            shown = text_of(client.get("/rates?" + way.replace("&amp;", "&")))
            names = re.findall(r'<th scope="row">(?:<a[^>]*>)?([^<]*)', shown)
            assert names[0] == "全部"
            assert sorted(names) == sorted(["全部", "福田街道", "佛堂镇", "未定"])
    by_solved = text_of(client.get("/rates?period=today&by=area&sort=solved"))
    names = re.findall(r'<th scope="row">(?:<a[^>]*>)?([^<]*)', by_solved)
    assert names == ["全部", "佛堂镇", "福田街道", "未定"]  # no rate: last either way
    by_solved = text_of(client.get("/rates?period=today&by=area&sort=solved.up"))
    names = re.findall(r'<th scope="row">(?:<a[^>]*>)?([^<]*)', by_solved)
    assert names == ["全部", "福田街道", "佛堂镇", "未定"]
    assert 'aria-sort="ascending"' in by_solved


def test_workbook_contains_the_figures_and_their_definitions(browse: Browse, history: Any) -> None:
    page = browse("commander").get("/rates.xlsx?period=today&by=unit")
    assert page.headers["Content-Disposition"].startswith('attachment; filename="rates-')
    rates, meanings = load_workbook(io.BytesIO(page.content)).worksheets
    rows = [[cell.value for cell in row] for row in rates.iter_rows(min_row=2)]
    heads, whole, milk = rows[:3]
    told = dict(zip(heads, milk, strict=True))
    assert (whole[0], told["单位"]) == ("全部", "奶粉组")
    assert told["解决率"] == pytest.approx(2 / 3)
    assert told["满意率"] == pytest.approx(1.9 / 3)
    assert (told["有效回访"], told["解决了的"], told["办结超时的"], told["派出的"]) == (3, 2, 1, 4)
    assert told["按时接收率"] is None
    means = {row[0].value: row[1].value for row in meanings.iter_rows()}
    assert means["综合"] == "0.1 × 响应率 + 0.5 × 解决率 + 0.4 × 满意率"
    assert "王小明" not in str(rows)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_workbook_has_no_twin_columns(browse: Browse, history: Any, language: str) -> None:
    client = browse("commander", headers={"accept-language": language})
    page = client.get("/rates.xlsx?period=all&by=unit")
    for sheet in load_workbook(io.BytesIO(page.content)).worksheets[:-1]:
        heads = [cell.value for cell in sheet[2 if sheet.title in ("三率", "Rates") else 1]]
        assert len(set(heads)) == len(heads) > 9, heads
        # Each figure once, though several rates are made of it.
        columns = list(sheet.iter_cols(min_row=3, values_only=True))
        assert all(len(column) == len(columns[0]) for column in columns)


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-2", "@SUM(A1)", '=HYPERLINK("http://x")', "a\x01b"]
)
def test_unit_names_are_not_formulas_in_workbook(browse: Browse, history: Any, name: str) -> None:
    Unit.objects.filter(code="milk").update(name=name)
    page = browse("commander").get("/rates.xlsx?period=today&by=unit")
    cell = load_workbook(io.BytesIO(page.content)).worksheets[0]["A4"]
    assert (cell.value, cell.data_type) == (name.replace("\x01", ""), "s")
    shown = text_of(browse("commander").get("/rates?period=today"))
    assert "<script" not in shown.split("<tbody>")[1].split("</tbody>")[0]


def test_rates_page_query_count_is_bounded(
    browse: Browse, history: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("commander")
    client.get("/rates")
    for by in DIMENSIONS:
        with django_assert_max_num_queries(14):
            client.get(f"/rates?period=all&by={by}")
