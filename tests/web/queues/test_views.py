"""The desks' lists: contents, query counts, pagination, search."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from tests.cast import Cast, file_one, taken_milk
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, city_texts, closing_actions
from yinghu.appeals.models import Appeal
from yinghu.appeals.numbers import number_of
from yinghu.common import rate_limit
from yinghu.oversight import actions as oversight_actions
from yinghu.people.models import Post, Role, Unit, User
from yinghu.places import locate
from yinghu.places.models import Area
from yinghu.triage import duplicates, search, suggest
from yinghu.ui.pagination import PAGE_SIZE


def numbers(page: Any) -> list[str]:
    """The case numbers in a list, in order."""
    return re.findall(r'id="row-([0-9-]+)"', text_of(page))


def queries_of(client: Client, path: str) -> int:
    city_texts.text("name")  # cached by the process, so not counted for the page
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


def read(*appeals: Appeal) -> None:
    """Run what the worker runs after filing."""
    search.index(appeals)
    suggest.suggest(appeals)
    duplicates.find_duplicates(appeals)


def test_triage_shows_the_most_urgent_first_then_the_oldest(browse: Browse, city: Cast) -> None:
    first, second = file_one(), file_one()
    urgent = file_one("老人摔倒了", urgency=3)
    assert numbers(browse("clerk").get("/desk/triage")) == [
        urgent.number,
        first.number,
        second.number,
    ]


def test_triage_list_query_count_is_constant(browse: Browse, city: Cast) -> None:
    for count in (1, 12):
        for turn in range(count):
            appeal = file_one(f"第{turn}件：路灯不亮了", phone=f"+86139{count:04d}{turn:04d}")
            read(appeal)
    client = browse("clerk")
    Appeal.objects.exclude(pk=Appeal.objects.order_by("pk")[0].pk).update(status="closed")
    one = queries_of(client, "/desk/triage?part=rows")
    Appeal.objects.update(status="filed")
    assert queries_of(client, "/desk/triage?part=rows") == one
    assert one <= 10
    assert queries_of(client, "/desk/triage") <= 27


def test_next_page_continues_where_the_last_ended(browse: Browse, city: Cast) -> None:
    for turn in range(PAGE_SIZE + 7):
        file_one(f"第{turn}件", urgency=1 + turn % 3, phone="")
    client = browse("clerk")
    first = client.get("/desk/triage")
    after = re.search(r'href="\?after=([^"]+)"', text_of(first))
    assert after is not None
    second = client.get(f"/desk/triage?part=rows&after={after[1]}")
    assert len(numbers(first)) == PAGE_SIZE
    wanted = Appeal.objects.order_by("-urgency", "id").values_list("pk", flat=True)
    assert numbers(first) + numbers(second) == [number_of(pk) for pk in wanted]
    assert "?after=" not in text_of(second)


@pytest.mark.parametrize("key", ["x", "1~", "~", "1~2~3", "1~2'; --", "9" * 30 + "~1", "%00~1"])
def test_invalid_page_key_shows_the_first_page(browse: Browse, city: Cast, key: str) -> None:
    appeal = file_one()
    assert numbers(browse("clerk").get(f"/desk/triage?after={key}")) == [appeal.number]


def test_callback_desk_is_paginated_by_time(browse: Browse, city: Cast) -> None:
    for turn in range(PAGE_SIZE + 2):
        actions.answer(file_one(f"第{turn}件", phone="").pk, city.clerk, words="请带身份证")
    client = browse("operator")
    first = client.get("/desk/callback")
    after = re.search(r'href="\?after=([^"]+)"', text_of(first))
    assert after is not None
    second = client.get(f"/desk/callback?part=rows&after={after[1]}")
    assert len(set(numbers(first) + numbers(second))) == PAGE_SIZE + 2


def test_confirming_a_suggestion_opens_the_next_case(browse: Browse, city: Cast) -> None:
    one, two = file_one("家里婴儿没有奶粉了，需要一段两罐"), file_one("小区路灯坏了", phone="")
    read(one, two)
    client = browse("clerk")
    said = text_of(client.get("/desk/triage"))
    assert f'action="/desk/case/{one.number}/sort"' in said
    assert re.search(r'<option value="milk" selected[^>]*>奶粉</option>', said)
    form = {"category": "milk", "klass": "need", "urgency": "1", "area": "", "why": ""}
    page = client.post(
        f"/desk/case/{one.number}/sort",
        {**form, "version": "1", "back": "triage"},
        follow=True,
    )
    one.refresh_from_db()
    assert one.category_id == "milk"
    assert page.redirect_chain == [("/desk/triage", 302)]
    assert f'action="/desk/case/{two.number}/sort"' in text_of(page)


def test_likely_duplicate_can_be_merged(browse: Browse, city: Cast) -> None:
    master, copy = file_one(), file_one()
    read(master, copy)
    client = browse("clerk")
    said = text_of(client.get(f"/desk/triage?case={copy.number}"))
    assert "可能是同一件" in said
    assert f'name="master" value="{master.number}"' in said
    page = client.post(f"/desk/case/{copy.number}/merge", {"version": "1", "master": master.number})
    assert page.status_code == 302
    copy.refresh_from_db()
    assert (copy.status, copy.master_id) == ("merged", master.pk)


def test_town_clerk_sees_only_their_own_town(browse: Browse, city: Cast) -> None:
    post = Post.objects.get(user__username="clerk")
    post.area_id = "330782008"
    post.save()
    inside = file_one(area="330782008")
    file_one(area="330782100", phone="")
    file_one(phone="")
    client = browse("clerk")
    assert numbers(client.get("/desk/triage")) == [inside.number]


def test_search_finds_numbers_phones_and_words_in_scope_only(browse: Browse, city: Cast) -> None:
    milk, light = file_one(), file_one("小区西门路灯坏了三天", phone="+8613900000009")
    read(milk, light)
    client = browse("clerk")

    def found(query: str) -> list[str]:
        return numbers(client.get("/desk/search", {"q": query}))

    assert found(milk.number) == [milk.number]
    assert found(milk.number.replace("-", "")) == [milk.number]
    assert found("139 0000 0009") == [light.number]
    assert found("1390000000") == []
    assert found("路灯") == [light.number]
    assert found("飞碟") == []
    assert found("' OR 1=1 --") == []
    assert found("\x00") == []
    actions.sort(milk.pk, city.clerk, category="milk")
    actions.assign(milk.pk, city.dispatcher, unit="milk")
    client = browse("milk-handler")
    assert found(milk.number) == [milk.number]
    assert found(light.number) == []
    assert found("路灯") == []
    assert found("13900000009") == []


def test_search_finds_answers_to_category_questions(browse: Browse, city: Cast) -> None:
    appeal = file_one(
        "药快吃完了", category="medicine", answers={"hospital": "妇幼保健院", "medicine": "优甲乐"}
    )
    read(appeal)
    client = browse("clerk")
    for query in ("妇幼保健院", "优甲乐", "优甲乐 药快吃完"):
        assert numbers(client.get("/desk/search", {"q": query})) == [appeal.number]


def test_open_case_is_marked_in_the_list_even_from_a_later_page(browse: Browse, city: Cast) -> None:
    cases = [file_one(f"第{n}件", phone="") for n in range(PAGE_SIZE + 2)]
    client, last = browse("clerk"), cases[-1].number
    marked = re.compile(r'id="row-([0-9-]+)"\s+href="[^"]*"( aria-current="true")?')
    for address in (f"/desk/triage?case={last}", f"/desk/triage?part=rows&case={last}"):
        rows = marked.findall(text_of(client.get(address, headers={"HX-Request": "true"})))
        assert len(rows) == PAGE_SIZE + 1
        assert [number for number, is_open in rows if is_open] == [last] == [rows[0][0]]
    # A case that is not on this desk is not put into its list.
    actions.sort(cases[-1].pk, city.clerk, category="milk")
    rows = marked.findall(text_of(client.get(f"/desk/triage?case={last}")))
    assert last not in dict(rows)


def test_search_by_any_part_of_a_number_in_scope_only(browse: Browse, city: Cast) -> None:
    appeals = [file_one(phone="") for _turn in range(12)]
    shown = {a.number: a.number.replace("-", "") for a in reversed(appeals)}
    number = appeals[5].number
    digits = shown[number]
    client = browse("clerk")
    parts = {digits[at:end] for at in range(7) for end in range(at + 3, min(at + 9, 10))}
    full_width = digits[-4:].translate({ord("0") + n: ord("０") + n for n in range(10)})
    for query in (*sorted(parts), number[3:], f"{digits[-5:-1]} {digits[-1]}", full_width):
        part = unicodedata.normalize("NFKC", query).replace("-", "").replace(" ", "")
        page = client.get("/desk/search", {"q": query})
        assert numbers(page) == [each for each in shown if part in shown[each]], query
        assert number in numbers(page)
        assert "按编号的一部分" in text_of(page)
    assert numbers(client.get("/desk/search", {"q": "99999999"})) == []
    assert numbers(browse("milk-handler").get("/desk/search", {"q": digits[-5:]})) == []


def test_part_of_a_number_can_be_searched_as_words_instead(browse: Browse, city: Cast) -> None:
    ends = file_one(phone="")
    digits = ends.number.replace("-", "")[-4:]
    says = file_one(f"{digits} 室没有水", phone="")
    read(ends, says)
    client = browse("clerk")
    page = client.get("/desk/search", {"q": digits})
    assert numbers(page) == [ends.number]
    assert f"?q={digits}&amp;by=words" in text_of(page)
    assert numbers(client.get("/desk/search", {"q": digits, "by": "words"})) == [says.number]


@pytest.mark.parametrize("username", ["clerk", "volunteer"])
def test_search_reports_a_number_with_a_wrong_check_digit(
    browse: Browse, city: Cast, username: str
) -> None:
    number = file_one().number
    wrong = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    client = browse(username)
    for query in (wrong, wrong.replace("-", ""), wrong.replace("-", " "), f"0{wrong}"):
        page = client.get("/desk/search", {"q": query})
        assert "这个编号不对，请再核对" in text_of(page)
    for query in (number, "13900000009", "400-123-4567", "飞碟"):
        assert "这个编号不对" not in text_of(client.get("/desk/search", {"q": query}))


@pytest.mark.parametrize(
    ("username", "desk", "then"),
    [
        ("clerk", "triage", "可以到“回访”"),
        ("dispatcher", "dispatch", "可以到“看板”"),
        ("grid-worker", "inbox", "按编号或关键词搜索"),
        ("operator", "callback", "按电话搜索"),
    ],
)
def test_empty_desk_suggests_what_to_do(
    browse: Browse, city: Cast, username: str, desk: str, then: str
) -> None:
    said = text_of(browse(username).get(f"/desk/{desk}"))
    assert "新的来了会自己出现在这里" in said
    assert then in said
    assert 'class="split bare"' in said


def test_area_hints_match_name_and_code(browse: Browse, city: Cast) -> None:
    client = browse("clerk")

    def codes(query: str) -> list[str]:
        return [area["code"] for area in client.get("/desk/areas", {"q": query}).json()]

    assert codes("福田")[0] == "330782008"
    # Hints name the parent area, also where codes have other lengths than China's.
    Area.objects.create(code="33-7", name="Rivertown", level=1)
    Area.objects.create(code="33-7.2", name="Millside", level=2)
    locate.refresh_areas()
    hints = client.get("/desk/areas", {"q": "Millside"}).json()
    assert hints == [{"code": "33-7.2", "name": "Millside", "under": "Rivertown"}]
    assert codes("330782100")[0] == "330782100"
    assert codes("") == []
    assert codes("%") == []


def test_board_counts_filed_cases(browse: Browse, city: Cast) -> None:
    file_one()
    two = file_one(area="330782008", phone="")
    actions.answer(two.pk, city.clerk, words="可以")
    closing_actions.close(two.pk, city.clerk)
    said = text_of(browse("commander").get("/board?period=today"))
    tiles = dict(re.findall(r'id="n-(\w+)">([^<]+)<', said))
    assert tiles == {"received": "2", "open": "1", "closed": "1", "late": "0", "rate": "50.0%"}
    assert "福田街道" in said
    assert 'id="at-merged"' not in said
    closing_actions.merge(file_one().pk, city.clerk, master=file_one(phone="").pk)
    said = text_of(browse("commander").get("/board?period=today"))
    # The counts by status add up to all received cases.
    stand = dict(re.findall(r'id="at-(\w+)">([^<]+)<', said))
    assert stand["merged"] == "1"
    assert sum(map(int, stand.values())) == 4
    assert browse("commander").get("/board?period=x&scope=9").status_code == 200


def test_town_heads_board_is_limited_to_their_town(browse: Browse, city: Cast) -> None:
    file_one(area="330782100")
    file_one(area="330782008001", phone="")
    client = browse("town-head")
    for query in ("", "?scope=", "?scope=330782100", "?period=all&scope=3"):
        said = text_of(client.get(f"/board{query}"))
        assert re.findall(r'id="n-received">([^<]+)<', said) == ["1"]


def test_head_of_a_unit_without_an_area_has_no_board(browse: Browse, city: Cast) -> None:
    file_one()
    client = browse("care-head")
    page = client.get("/board")
    assert page.status_code == 403
    assert 'id="n-received"' not in text_of(page)
    assert "/board" not in text_of(client.get("/desk/inbox"))
    assert client.get("/board?part=figures&scope=").status_code == 403


HIDDEN = "没有奶粉了，3号楼，电话 138 2746 9153 或①③⑨②⑧④⑦⑤①⑤④，一五七三六四八二九〇一"


def test_volunteer_cannot_search_masked_text(browse: Browse, city: Cast) -> None:
    appeal = file_one(
        HIDDEN, title="急 13 82 74 69 15 3", answers={"brand": "打 1,3,8,2,7,4,6,9,1,5,3"}
    )
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    read(appeal)
    thief = browse("volunteer")

    def found(query: str, client: Client = thief) -> list[str]:
        return numbers(client.get("/desk/search", {"q": query, "by": "words"}))

    groups = ["2746", "9153", "74", "69", "9", "①③⑨②⑧④⑦⑤①⑤④", "①③⑨②", "13928475154"]
    groups += ["一五", "七三", "六四", "九〇", "话 七三", "奶粉 2746", "²⁷⁴⁶", "２７４６", "❷❼❹❻"]
    for query in groups:
        assert found(query) == [], query
    # A handler of the unit and a clerk may read the full text, and find it.
    for query in ("2746", "9153", "七三", "奶粉 ２７４６"):
        assert found(query, browse("milk-handler")) == [appeal.number]
        assert found(query, browse("clerk")) == [appeal.number]
    # Unmasked words are found; the volunteer who took the case finds all words.
    for query in ("奶粉", "3", "3号楼", "电话 138", "或"):
        assert found(query) == [appeal.number], query
    actions.accept(appeal.pk, city.volunteer)
    for query in ("2746", "74", "七三"):
        assert found(query) == [appeal.number]
    assert found("2746", browse("volunteer-2")) == []


def test_search_by_words_is_rate_limited(browse: Browse, city: Cast, settings: Settings) -> None:
    thief = browse("volunteer")
    # Sixty searches in a row are normal work.
    assert rate_limit.LIMITS["words"][0] >= 60
    settings.RATE_LIMITS = {"words": (3, 60.0)}
    tried = [
        thief.get("/desk/search", query)
        for query in (
            *({"q": "奶粉"}, {"q": "2746"}, {"q": "2747", "by": "words"}),
            *({"q": "2748"}, {"q": "水", "after": "9"}, {"q": "0000-0001-3"}),
        )
    ]
    assert [page.status_code for page in tried] == [200, 200, 200, 429, 429, 429]
    assert int(tried[-1].headers["Retry-After"]) > 0
    assert "秒后再试" in text_of(tried[-1])
    assert thief.get("/desk/search").status_code == 200


def test_deactivated_post_or_login_loses_access_at_once(browse: Browse, city: Cast) -> None:
    client = browse("clerk")
    assert client.get("/desk/triage").status_code == 200
    Post.objects.filter(user__username="clerk").update(active=False)
    assert client.get("/desk/triage").status_code == 403
    User.objects.filter(username="clerk").update(is_active=False)
    assert client.get("/desk/triage").status_code == 302


def test_dispatcher_is_pointed_to_cases_awaiting_a_ruling(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    desk = browse("dispatcher")
    assert "等您裁定" not in text_of(desk.get("/desk/dispatch"))
    until = appeal.clocks.get(kind="solve").due_at + timedelta(days=2)
    answer = browse("milk-handler").post(
        f"/desk/case/{appeal.number}/extend",
        {"until": timezone.localtime(until).strftime("%Y-%m-%dT%H:%M"), "why": "等货"},
        follow=True,
    )
    assert f"{appeal.number}：已申请延期" in text_of(answer)
    assert "另有 1 件等您裁定" in text_of(desk.get("/desk/dispatch"))
    # An invitation to the dispatcher's other unit needs no ruling.
    user, food = User.objects.get(username="dispatcher"), Unit.objects.get(code="food")
    Post.objects.create(user=user, unit=food, role=Role.HANDLER)
    until = timezone.now() + timedelta(days=2)
    oversight_actions.invite(taken_milk(city).pk, city.milk, unit="food", until=until, why="借车")
    assert "另有 1 件等您裁定" in text_of(desk.get("/desk/dispatch"))
    # A return is in the desk's own list, so it is not counted here.
    actions.return_(taken_milk(city).pk, city.milk, why="不归我们")
    assert "另有 1 件等您裁定" in text_of(desk.get("/desk/dispatch"))
