"""The list of cases: filters, search, saved filters, export, and links from the board."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, file_one, taken_milk
from tests.web.conftest import Browse, csv_of, text_of
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.numbers import id_of
from yinghu.appeals.states import Status
from yinghu.insight.tally import fold_all
from yinghu.people.models import Post, Unit, User
from yinghu.places.models import Area
from yinghu.triage import search
from yinghu.ui import pagination
from yinghu.web.cases import views as cases_views
from yinghu.web.cases.filters import Filter, FilterForm
from yinghu.web.cases.views import MAX_SAVED_VIEWS
from yinghu.web.models import SavedView

pytestmark = pytest.mark.django_db
FUTIAN = "330782008"


def listed(client: Client, query: str) -> list[str]:
    """The case numbers listed for a filter."""
    page = client.get(f"/desk/cases?{query}")
    assert page.status_code == 200
    return re.findall(r'name="pick" value="([0-9-]+)"', text_of(page))


@pytest.fixture
def moved(city: Cast) -> dict[str, Appeal]:
    """Cases in different areas, states and units."""
    made = {
        "filed": file_one("路灯坏了", area=f"{FUTIAN}001003"),
        "milk": taken_milk(city),
        "food": file_one("没有米了", category="food", area=FUTIAN, urgency=3),
        "closed": taken_milk(city),
        "late": file_one("等了很久", channel="hotline"),
    }
    actions.sort(made["food"].pk, city.clerk, category="food")
    actions.assign(made["food"].pk, city.dispatcher, unit="food")
    handling_actions.resolve(made["closed"].pk, city.milk, words="已送到")
    closing_actions.close(made["closed"].pk, city.clerk)
    past = timezone.now() - timedelta(hours=1)
    Clock.objects.filter(appeal=made["late"], kind="receive").update(due_at=past)
    Appeal.objects.filter(pk=made["late"].pk).update(filed_at=timezone.now() - timedelta(days=3))
    return {name: Appeal.objects.get(pk=appeal.pk) for name, appeal in made.items()}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"filed", "milk", "food", "closed", "late"}),
        ("status=filed", {"filed", "late"}),
        ("status=filed&status=closed", {"filed", "late", "closed"}),
        ("category=milk", {"milk", "closed"}),
        ("category=-", {"filed", "late"}),
        ("unit=food", {"food"}),
        ("unit=-", {"filed", "late"}),
        (f"area={FUTIAN}", {"filed", "food"}),
        (f"area={FUTIAN}&area_only=1", {"food"}),
        ("area=-", {"milk", "closed", "late"}),
        ("area=福田街道", {"filed", "food"}),
        ("klass=need", {"milk", "closed", "food"}),
        ("channel=hotline", {"late"}),
        ("urgency=3", {"food"}),
        ("late=1", {"late"}),
        ("free=1&status=assigned", {"food"}),
        ("q=没有米", {"food"}),
        ("q=没有米&status=filed", set()),
    ],
)
def test_filter_finds_exactly_the_matching_cases(
    browse: Browse, moved: dict[str, Appeal], query: str, found: set[str]
) -> None:
    search.index(list(moved.values()))
    numbers = listed(browse("clerk"), query)
    assert numbers == [
        appeal.number
        for name, appeal in sorted(moved.items(), key=lambda item: -item[1].pk)
        if name in found
    ]


def test_since_and_until_cover_whole_local_days(browse: Browse, moved: dict[str, Appeal]) -> None:
    day = timezone.localdate(moved["late"].filed_at).isoformat()
    assert listed(browse("clerk"), f"since={day}&until={day}") == [moved["late"].number]
    page = browse("clerk").get("/desk/cases?since=2026-02-01&until=2026-01-01")
    assert "结束日期在开始日期之前" in text_of(page)
    part = browse("clerk").get("/desk/cases?since=2026-02-01&until=2026-01-01&part=found")
    assert "结束日期在开始日期之前" in text_of(part)


def test_filters_for_due_today_and_returned_cases(
    browse: Browse, moved: dict[str, Appeal], city: Cast
) -> None:
    midnight = timezone.localtime().replace(hour=23, minute=59, second=59)
    Clock.objects.filter(stopped_at=None).update(due_at=midnight + timedelta(minutes=5))
    Clock.objects.filter(appeal=moved["food"], kind="respond").update(due_at=midnight)
    assert listed(browse("clerk"), "today=1") == [moved["food"].number]
    actions.return_(moved["milk"].pk, city.milk, why="不归我们")
    again = taken_milk(city)
    actions.return_(again.pk, city.milk, why="不归我们")
    actions.assign(again.pk, city.dispatcher, unit="food")
    assert listed(browse("dispatcher"), "returned=1") == [moved["milk"].number]
    assert re.search(
        r'returned=1">退回来的 <b>1</b>',
        text_of(browse("dispatcher").get("/desk/cases?part=views")),
    )


@pytest.mark.parametrize("near", [(4, 6), (1, 2)])
def test_paging_lists_all_cases_beyond_the_count_limit(
    browse: Browse, city: Cast, monkeypatch: pytest.MonkeyPatch, near: tuple[int, int]
) -> None:
    made = [file_one(f"第{n}件") for n in range(9)]
    late = [appeal for n, appeal in enumerate(made) if n not in (3, 7, 8)]
    past = timezone.now() - timedelta(hours=1)
    Clock.objects.filter(appeal__in=late).update(due_at=past)
    few = {"searched": 3, "filtered": 3}
    for name, value in (("FEW", few), ("LATE_CANDIDATES", near), ("PAGE_SIZE", 2)):
        monkeypatch.setattr(cases_views, name, value)
    monkeypatch.setattr(pagination, "PAGE_SIZE", 2)
    for query, wanted in (("late=1", late), ("late=1&status=filed", late), ("", made)):
        address, numbers, client = f"/desk/cases?{query}", [], browse("clerk")
        while address:
            page = text_of(client.get(address))
            assert f"共 {len(wanted)} 件" in page or "after=" in address
            numbers += re.findall(r'name="pick" value="([0-9-]+)"', page)
            more = re.search(r'class="row-more" href="([^"]+)"', page)
            address = f"/desk/cases{more[1].replace('&amp;', '&')}" if more else ""
        assert numbers == [appeal.number for appeal in reversed(wanted)]


def test_mine_filter_lists_cases_held_by_the_user(browse: Browse, moved: dict[str, Appeal]) -> None:
    assert listed(browse("milk-handler"), "mine=1&status=handling") == [moved["milk"].number]
    assert listed(browse("volunteer"), "mine=1") == []


@pytest.mark.parametrize(
    "query",
    [
        "status=x&urgency=9&klass=<b>&channel='--&unit=nope&category=%00",
        "since=gestern&until=9999-99-99",
        "area=没有这样的地方",
        "after=1~2&late=maybe",
        "urgency=1e9&area_only=1&category_only=1",
        "area=%00&q=%00",
    ],
)
def test_invalid_filter_values_do_not_break_the_page(
    browse: Browse, moved: dict[str, Appeal], query: str
) -> None:
    page = browse("clerk").get(f"/desk/cases?{query}")
    assert page.status_code == 200
    assert len(re.findall('name="pick"', text_of(page))) in {1, 5}


def test_filter_round_trips_through_its_query() -> None:
    given = "q=a+b&status=filed&status=closed&category=-&urgency=2&since=2026-01-01&late=1"
    wanted = FilterForm(QueryDict(given)).filter()
    assert FilterForm(QueryDict(wanted.query())).filter() == wanted
    assert wanted.without("q").without("status").without("late") == Filter(
        category="-", urgency=2, since=wanted.since
    )


def test_list_shows_only_cases_visible_to_user(browse: Browse, moved: dict[str, Appeal]) -> None:
    everything = {appeal.number for appeal in moved.values()}
    assert set(listed(browse("food-handler"), "")) == {moved["food"].number}
    milk = {moved["milk"].number, moved["closed"].number}
    assert set(listed(browse("milk-handler"), "unit=food")) == set()
    assert set(listed(browse("milk-handler"), "")) == milk
    assert set(listed(browse("clerk"), "")) == everything
    assert Client().get("/desk/cases").status_code == 302


def test_search_excerpt_is_highlighted_and_masked(browse: Browse, city: Cast) -> None:
    body = "请看看我们小区，" * 20 + "电话13812345678，西门的路灯坏了三天<b>"
    appeal = file_one(body, category="milk")
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    search.index([appeal])
    shown = text_of(browse("clerk").get("/desk/search?q=路灯"))
    assert "西门的<mark>路灯</mark>坏了三天&lt;b&gt;" in shown
    assert "13812345678" in shown
    # For a volunteer who has not accepted the case, the text around the match is masked.
    shown = text_of(browse("volunteer").get("/desk/search?q=路灯"))
    assert "<mark>路灯</mark>" in shown
    assert "13812345678" not in shown


def test_saved_filters_are_private_editable_and_limited(browse: Browse, moved: Any) -> None:
    clerk, other = browse("clerk"), browse("dispatcher")
    clerk.post("/desk/cases/save", {"name": " 热线 的 ", "query": "channel=hotline&nonsense=1"})
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("热线 的", "channel=hotline")
    # The page loads first, the counts afterwards.
    assert re.search(r'channel=hotline">热线 的 <b', text_of(clerk.get("/desk/cases")))
    counted = text_of(clerk.get("/desk/cases?part=views&here=channel%3Dhotline"))
    assert re.search(r'channel=hotline" aria-current="true">热线 的 <b>1</b>', counted)
    assert "热线 的" not in text_of(other.get("/desk/cases"))
    for act in ("rename", "delete"):
        assert other.post(f"/desk/cases/view/{view.pk}/{act}", {"name": "x"}).status_code == 404
    clerk.post("/desk/cases/save", {"name": "热线 的", "query": "channel=hotline&late=1"})
    assert SavedView.objects.get().query == "channel=hotline&late=1"
    clerk.post(f"/desk/cases/view/{view.pk}/rename", {"name": "超时热线"})
    assert SavedView.objects.get().name == "超时热线"
    gone = text_of(clerk.post(f"/desk/cases/view/{view.pk}/delete", follow=True))
    assert not SavedView.objects.exists()
    # One button restores it, and only the next page offers that.
    again = dict(re.findall(r'name="(name|query)" value="([^"]+)"', gone[gone.index("已删除") :]))
    assert "已删除" not in text_of(clerk.get("/desk/cases"))
    clerk.post("/desk/cases/save", {k: v.replace("&amp;", "&") for k, v in again.items()})
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("超时热线", "channel=hotline&late=1")
    view.delete()
    for n in range(MAX_SAVED_VIEWS + 3):
        clerk.post("/desk/cases/save", {"name": f"第{n}个", "query": "late=1"})
    assert SavedView.objects.count() == MAX_SAVED_VIEWS


def test_export_is_masked_and_restricted(browse: Browse, moved: Any) -> None:
    lines = csv_of(browse("clerk").get("/desk/cases.csv?status=handling")).splitlines()
    heads = "编号,状态,紧急程度,类别,地点,承办单位,来源,提交时间,先到期的时限,诉求人,电话,内容"
    assert lines[0] == heads
    assert len(lines) == 2
    assert moved["milk"].number in lines[1]
    assert "王**,138****5678" in lines[1]
    for who in ("milk-handler", "volunteer", "town-head"):
        assert browse(who).get("/desk/cases.csv").status_code == 403


def test_board_figures_link_to_exactly_their_cases(
    browse: Browse, moved: dict[str, Appeal], city: Cast
) -> None:
    # A case of the county without a town, and more towns than the table shows.
    file_one("全市的事", area="330782")
    for town in Area.objects.filter(level=2):
        file_one("到处都有", area=town.pk)
    fold_all()
    client = browse("commander")
    opened = 0
    for period in ("today", "week", "all"):
        page = text_of(client.get(f"/board?period={period}&lines=all"))
        links = re.findall(r'<a href="(/desk/cases\?[^"]*)"[^>]*>(.*?)</a>', page)
        figures = [(link, re.sub(r"<[^>]*>", " ", said).split()[-1]) for link, said in links]
        assert len(figures) > 30
        # Every figure of all time, but every tenth of the other periods: each loads a page.
        for link, figure in figures[:: 1 if period == "all" else 10]:
            opened += 1
            said = text_of(client.get(link.replace("&amp;", "&")))
            (n,) = re.findall(r'<span role="status">共 (\d+)\+? 件', said)
            assert n == figure.replace(",", ""), f"{period}: {link}"
    assert opened > 50


def test_board_links_only_to_cases_that_the_user_may_see(browse: Browse, moved: Any) -> None:
    for who in ("admin", "town-head"):
        assert "/desk/cases?" not in text_of(browse(who).get("/board?period=all"))
    watcher = User.objects.get(username="commander")
    Post.objects.filter(user=watcher).update(area=FUTIAN)
    page = text_of(browse("commander").get("/board?period=all"))
    assert f"area={FUTIAN}" in page
    assert listed(browse("commander"), "") == [moved["food"].number, moved["filed"].number]
    assert Status.FILED.value in page


def test_phone_with_valid_check_digit_is_searched_as_phone(browse: Browse, city: Cast) -> None:
    # One phone in ten has the check digit of a case number by chance.
    appeal = file_one(phone="+8613800000102")
    assert id_of("13800000102") is not None
    assert listed(browse("clerk"), "q=13800000102") == [appeal.number]
    assert listed(browse("clerk"), f"q={appeal.number.replace('-', '')}") == [appeal.number]


def test_phone_is_not_saved_in_filters_and_limited_in_exports(browse: Browse, city: Cast) -> None:
    clerk = browse("clerk")
    clerk.post("/desk/cases/save", {"name": "他", "query": "q=13812345678"})
    assert not SavedView.objects.exists()
    codes = [clerk.get("/desk/cases.csv?q=13812345678").status_code for _turn in range(40)]
    assert codes[0] == 200
    assert codes[-1] == 429


def test_export_masks_requesters_as_the_pages_do(browse: Browse, city: Cast) -> None:
    free = file_one("请打 13712345671")
    actions.sort(free.pk, city.clerk, category="milk")
    actions.assign(free.pk, city.dispatcher, unit="milk")
    Post.objects.create(
        user=User.objects.get(username="volunteer"),
        unit=Unit.objects.get(code="platform"),
        role="clerk",
        area_id="330782100",
    )
    said = csv_of(browse("volunteer").get("/desk/cases.csv"))
    assert free.number in said
    assert "138****5678" not in said
    for who in ("volunteer", "clerk"):
        assert "13712345671" not in csv_of(browse(who).get("/desk/cases.csv"))


def test_export_has_every_case_once(
    browse: Browse, city: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Batches of three: a thousand cases would say no more.
    monkeypatch.setattr("yinghu.insight.exports.BATCH", 3)
    cases = [file_one(f"第{number}件：路灯不亮") for number in range(9)]
    lines = csv_of(browse("clerk").get("/desk/cases.csv")).splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [each.number for each in reversed(cases)]
    english = csv_of(
        browse("clerk").get("/desk/cases.csv", headers={"accept-language": "en"})
    ).splitlines()
    assert len(english) == 10
    assert english[0].startswith("Number,Status,Urgency,Category,Place,Unit,Source,Filed,")
    # The values are in the language of the headings.
    assert ",To sort,Normal,," in english[-1]
    assert not re.search(
        r"[\u4e00-\u9fff]", english[-1].replace(cases[0].body, "").replace("王**", "")
    )
    assert "待研判,一般," in lines[-1]
    assert "网页求助" in lines[-1]
