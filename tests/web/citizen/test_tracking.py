"""The tracking page: following an appeal by its secret link, and its verbs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pytest_django import Settings

from tests.cast import PHONE, Cast, file_one, requester, taken_milk
from tests.web.citizen.test_filing import photo
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.numbers import number_of
from yinghu.appeals.states import Status
from yinghu.common import rate_limit
from yinghu.people.access import requester_of
from yinghu.reactions import react


def test_tracking_page_shows_unit_but_no_names(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.report(appeal.pk, city.milk, words="今天下午送到")
    handling_actions.note(appeal.pk, city.milk, why="内部：库存紧张")
    said = text_of(browse().get(f"/t/{appeal.token}"))
    assert "奶粉组正在为您办理" in said
    assert "今天下午送到" in said
    assert "内部：库存紧张" not in said
    assert "奶粉组小李" not in said
    assert PHONE not in said


@pytest.mark.parametrize("wrong", ["1-aaaaaaaaaaaaaaaaaaaaaaaa", "x", "1", "-", "999999-abc"])
def test_wrong_links_get_the_same_404(browse: Browse, city: Cast, wrong: str) -> None:
    appeal = file_one()
    wrong = wrong.replace("1-", f"{appeal.pk}-")
    client = browse()
    page, other = client.get(f"/t/{wrong}"), client.get("/t/5-zzz")
    assert (page.status_code, other.status_code) == (404, 404)
    assert _without_hidden(page) == _without_hidden(other)
    for path in ("filed", "qr.svg", "photo/1"):
        assert client.get(f"/t/{wrong}/{path}").status_code == 404
    assert client.post(f"/t/{wrong}/urge").status_code == 404


def _without_hidden(page: Any) -> str:
    """The page without the hidden fields that differ between requests: token and address."""
    return re.sub(r'type="hidden" name="\w+" value="[^"]*"', "", text_of(page))


def test_a_requester_supplies_urges_rates_and_reopens(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse()

    def say(verb: str, **typed: str) -> int:
        fresh = Appeal.objects.get(pk=appeal.pk)
        return client.post(
            f"/t/{appeal.token}/{verb}", {"version": fresh.version, **typed}
        ).status_code

    assert say("supply", words="要的是一段") == 302
    assert say("urge") == 302
    handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    asked, thanked = "请告诉我们是否真的解决了", "谢谢您的评价"
    said = text_of(client.get(f"/t/{appeal.token}"))
    assert (asked in said, thanked in said) == (True, False)
    assert say("rate", solved="yes", satisfaction="fairly", words="慢了点") == 302
    said = text_of(client.get(f"/t/{appeal.token}"))
    assert (asked in said, thanked in said) == (False, True)
    assert say("reopen", words="打开是坏的") == 302
    appeal.refresh_from_db()
    assert (appeal.state, appeal.holder_id) == (Status.HANDLING, city.milk.user_id)
    verbs = list(appeal.events.order_by("seq").values_list("verb", flat=True))
    assert verbs[-5:] == ["supply", "urge", "resolve", "rate", "reopen"]


def test_early_urge_is_refused_and_double_press_counts_once(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse()
    for _press in range(2):
        assert client.post(f"/t/{appeal.token}/urge", {"words": ""}).status_code == 302
    page = client.post(f"/t/{appeal.token}/urge", {"words": "快一点"})
    assert page.status_code == 409
    assert "刚刚催过" in text_of(page)
    assert "快一点</textarea>" in text_of(page)
    assert appeal.events.filter(verb="urge").count() == 1


def test_stale_form_shows_conflict_and_keeps_input(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.report(appeal.pk, city.milk, words="在路上")
    page = browse().post(
        f"/t/{appeal.token}/supply", {"version": appeal.version, "words": "换成二段"}
    )
    assert page.status_code == 409
    assert "请看最新情况" in text_of(page)
    assert "换成二段</textarea>" in text_of(page)
    assert "在路上" in text_of(page)


def test_words_for_a_withdrawn_case_are_kept_to_copy(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    closing_actions.withdraw(appeal.pk, requester_of(appeal.pk))
    page = browse().post(f"/t/{appeal.token}/supply", {"words": "写了很久的话"})
    assert page.status_code == 409
    assert "写了很久的话" in text_of(page)


def test_tracking_page_accepts_only_requester_verbs(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    for verb in ("close", "sort", "note", "file", "drop"):
        assert browse().post(f"/t/{appeal.token}/{verb}", {"words": "x"}).status_code == 404
    assert browse(enforce_csrf_checks=True).post(f"/t/{appeal.token}/urge").status_code == 403


def test_merged_appeal_shows_unit_but_not_words_of_master(browse: Browse, city: Cast) -> None:
    master = file_one("小区停水三天了，我是三幢的李大姐，电话13900001111")
    copy = file_one("我们小区停水了", phone="+8613700000000")
    actions.sort(master.pk, city.clerk, category="urban")
    actions.assign(master.pk, city.dispatcher, unit="bureau-urban")
    closing_actions.merge(copy.pk, city.clerk, master=master.pk)
    said = text_of(browse().get(f"/t/{copy.token}"))
    assert "住房和城乡建设局" in said
    assert "李大姐" not in said
    assert "13900001111" not in said


def test_find_needs_number_and_matching_phone(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    client = browse()
    right = client.post("/find", {"number": appeal.number, "phone": "138-1234-5678"})
    assert right.headers["Location"] == f"/t/{appeal.token}"
    # Full-width digits, as a Chinese keyboard may type them.
    wide = appeal.number.translate(str.maketrans("0123456789-", "０１２３４５６７８９－"))
    found = client.post("/find", {"number": wide, "phone": "138-1234-5678"})
    assert found.headers["Location"] == f"/t/{appeal.token}"
    wrong = [
        client.post("/find", {"number": number, "phone": phone})
        for number, phone in (
            (appeal.number, ""),
            (appeal.number, "13900000000"),
            ("0009-9999-9", "13812345678"),
            ("0009-9999-3", "13812345678"),
            ("garbage", "13812345678"),
        )
    ]
    assert [page.status_code for page in wrong] == [404] * 5
    assert ["没有找到" in text_of(page) for page in wrong] == [True, True, True, False, False]
    # The check digit detects a misread number for every visitor.
    assert ["这个编号不对" in text_of(page) for page in wrong] == [False, False, False, True, True]


def test_appeal_without_phone_is_not_found_by_empty_phone(browse: Browse, city: Cast) -> None:
    appeal = file_one(phone="")
    assert browse().post("/find", {"number": appeal.number, "phone": ""}).status_code == 404


def test_guessing_phones_for_a_number_is_rate_limited(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    client = browse()
    answers = [
        client.post(
            "/find",
            {"number": appeal.number, "phone": f"1390000{turn:04d}"},
            # A new address each time: the limit is also per number.
            REMOTE_ADDR=f"192.0.2.{turn}",
        ).status_code
        for turn in range(32)
    ]
    assert answers == [404] * 30 + [429] * 2
    late = client.post("/find", {"number": appeal.number, "phone": "13812345678"})
    assert late.status_code == 429


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("of", ["number", "phone"])
def test_attack_from_one_address_does_not_block_requester(
    browse: Browse, city: Cast, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    clock = Clock()
    monkeypatch.setattr(rate_limit, "buckets", rate_limit.Buckets(clock))
    appeal = file_one()
    attacker, victim = browse(), browse()

    def attack(turn: int) -> int:
        given = {"number": appeal.number, "phone": f"139{turn:08d}"}
        if of == "phone":
            given = {"number": number_of(appeal.pk + 1 + turn), "phone": "13812345678"}
        return attacker.post("/find", given, REMOTE_ADDR="192.0.2.66").status_code

    def mine() -> int:
        given = {"number": appeal.number, "phone": "13812345678"}
        return victim.post("/find", given, REMOTE_ADDR="192.0.2.7").status_code

    answers = [attack(turn) for turn in range(100)]
    assert answers == [404] * 10 + [429] * 90
    assert mine() == 302
    # A long attack does not block the requester, either. If every try counted, the 30 of the
    # number or phone would be used up after 60 turns.
    for turn in range(100, 250):
        clock.now += 5
        attack(turn)
        if turn % 50 == 0:
            assert mine() == 302


def test_sender_limit_is_below_number_and_phone_limits() -> None:
    burst, seconds = rate_limit.LIMITS["find"]
    for name in ("number", "caller"):
        theirs = rate_limit.LIMITS[name]
        assert theirs[0] >= 2 * burst
        assert theirs[1] * 2 <= seconds


def test_invalid_phone_does_not_count_against_the_number(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    for turn in range(40):
        given = {"number": appeal.number, "phone": "not a phone"}
        page = browse().post("/find", given, REMOTE_ADDR=f"192.0.2.{turn}")
        assert page.status_code == 404
    given = {"number": appeal.number, "phone": "\u202d13812345678\u202c"}
    assert browse().post("/find", given).status_code == 302


def test_verbs_on_a_tracking_link_are_rate_limited(
    browse: Browse, city: Cast, settings: Settings
) -> None:
    settings.RATE_LIMITS = {"act": (5, 60.0)}
    appeal, other = file_one(), file_one("另一件")
    client = browse()

    def say(of: Appeal, verb: str, turn: int) -> Any:
        # A new address each time: the limit is also per appeal.
        address = f"192.0.2.{turn}"
        return client.post(f"/t/{of.token}/{verb}", {"words": f"第{turn}次"}, REMOTE_ADDR=address)

    said = [say(appeal, "supply", turn).status_code for turn in range(7)]
    assert said == [302] * 5 + [429] * 2
    assert appeal.events.filter(verb="supply").count() == 5
    for verb in ("urge", "withdraw"):
        page = say(appeal, verb, 8)
        assert page.status_code == 429
        assert int(page.headers["Retry-After"]) > 0
        assert "第8次</textarea>" in text_of(page)
    assert say(other, "supply", 9).status_code == 302


def test_supplement_without_visible_characters_is_refused(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    page = browse().post(f"/t/{appeal.token}/supply", {"words": "\u200b\u202e"})
    assert page.status_code == 422
    assert appeal.events.count() == 1


def test_timeline_shows_newest_hundred_and_links_to_older(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    for turn in range(1, 151):
        handling_actions.supply(appeal.pk, requester_of(appeal.pk), words=f"补充之{turn}。")
        if turn % 5 == 0:
            handling_actions.note(appeal.pk, city.clerk, why="内部的话")
    client = browse()

    def shown(address: str) -> tuple[list[int], str]:
        page = text_of(client.get(address))
        assert "内部的话" not in page
        older = re.search(r'href="([^"]*)\?before=(\d+)#story"', page)
        return (
            [int(turn) for turn in re.findall(r"补充之(\d+)。", page)],
            f"{older[1]}?before={older[2]}" if older else "",
        )

    newest, older = shown(f"/t/{appeal.token}")
    assert newest == list(range(150, 50, -1))
    assert older.startswith(f"/t/{appeal.token}?")
    rest, end = shown(older)
    assert (rest, end) == (list(range(50, 0, -1)), "")
    page = text_of(client.get(older))
    assert "您提交了诉求" in page
    assert f'href="/t/{appeal.token}#story">最新的经过' in page
    # A live update fetches the same page of the timeline.
    assert f"?part=state&amp;before={older.rpartition('=')[2]}" in page
    for wrong in ("x", "-1", "9" * 30, "%00", "²"):
        assert shown(f"/t/{appeal.token}?before={wrong}")[0] == newest


def test_requester_is_told_when_they_may_urge_again(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse()
    action = f'action="/t/{appeal.token}/urge"'
    assert action in text_of(client.get(f"/t/{appeal.token}"))
    handling_actions.urge(appeal.pk, requester_of(appeal.pk))
    said = text_of(client.get(f"/t/{appeal.token}"))
    assert action not in said
    assert "以后可以再催" in said
    # Urging by staff does not count against the requester.
    other = taken_milk(city)
    handling_actions.urge(other.pk, city.commander, words="请尽快")
    assert f'action="/t/{other.token}/urge"' in text_of(client.get(f"/t/{other.token}"))


def test_photos_are_shown_at_their_supplement(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse()
    page = client.post(
        f"/t/{appeal.token}/supply",
        {"version": appeal.version, "words": "罐子是这样的", "photos": [photo()]},
    )
    assert page.status_code == 302
    said = text_of(client.get(f"/t/{appeal.token}"))
    picture = f"/t/{appeal.token}/photo/{appeal.attachments.get().pk}"
    words = said.index("罐子是这样的")
    assert said.count(f'href="{picture}"') == 1
    assert words < said.index(picture) < said.index("您写的")
    assert client.get(picture).status_code == 200
    other = file_one()
    assert client.get(picture.replace(appeal.token, other.token)).status_code == 404


def test_progress_steps_are_shown_and_withdrawal_is_confirmed(browse: Browse, city: Cast) -> None:
    def at(appeal: Appeal) -> list[tuple[str, str]]:
        said = text_of(browse().get(f"/t/{appeal.token}"))
        return re.findall(r'<li class="is-(\w+)"[^>]*><span>(\w+)</span>', said)

    fresh, taken = file_one(), taken_milk(city)
    assert at(fresh)[:3] == [("done", "提交"), ("now", "研判"), ("ahead", "派单")]
    assert [state for state, _name in at(taken)] == ["done"] * 4 + ["now", "ahead"]
    assert "确定不需要了吗" in text_of(browse().get(f"/t/{fresh.token}"))
    closing_actions.withdraw(fresh.pk, requester_of(fresh.pk))
    assert at(fresh) == []


def test_rating_can_be_corrected_and_double_press_counts_once(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    appeal.refresh_from_db()
    client, at = browse(), f"/t/{appeal.token}/rate"
    first = {"version": appeal.version, "solved": "yes", "satisfaction": "fairly"}
    assert client.post(at, first).status_code == 302
    assert client.post(at, first).status_code == 302
    assert appeal.events.filter(verb="rate").count() == 1
    appeal.refresh_from_db()
    second = {"version": appeal.version, "solved": "no", "satisfaction": "no"}
    assert client.post(at, second).status_code == 302
    appeal.refresh_from_db()
    assert appeal.solved is False
    assert appeal.events.filter(verb="rate").count() == 2


def _react() -> None:
    react(events=list(Event.objects.order_by("pk").values_list("pk", flat=True)))


def _sorry(said: str, then: str) -> bool:
    """Does the page apologise and continue with `then`?"""
    return bool(re.search(rf'对不起，这件事没有办好。</p>\s*<p class="lead">{then}', said))


def test_unsolved_case_is_reopened_with_an_apology(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse(headers={"accept-language": "zh-CN"})

    def page() -> str:
        return text_of(client.get(f"/t/{appeal.token}"))

    def say(verb: str, **typed: str) -> None:
        version = Appeal.objects.get(pk=appeal.pk).version
        sent = client.post(f"/t/{appeal.token}/{verb}", {"version": version, **typed})
        assert sent.status_code == 302

    handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    say("rate", solved="no", satisfaction="no", words="送来的是空罐子")
    said = page()
    assert re.search(
        r"对不起，这件事没有办好。</p>\s*<p class=\"lead\">马上退回奶粉组重新办理", said
    )
    assert "请告诉我们是否真的解决了" not in said
    assert "现在就评价" not in said
    _react()
    said = page()
    assert "正在重新办理" in said
    assert re.search(r"对不起，这件事没有办好。</p>\s*<p class=\"lead\">奶粉组正在为您办理。", said)
    assert re.search(r'您告诉我们</b>\s*<div dir="auto">送来的是空罐子', said)
    # At the top and at the rating, but not again at the reopening that followed.
    assert said.count("送来的是空罐子") == 2
    assert "最迟办结" in said
    assert "您评价了：没有解决 · 不满意" in said
    handling_actions.resolve(appeal.pk, city.milk, words="换了两罐新的")
    said = page()
    assert "上次没有解决，这次请告诉我们是否真的解决了" in said
    assert "对不起" not in said
    assert "现在就评价" in said
    say("rate", solved="yes", satisfaction="fairly", words="")
    said = page()
    assert "谢谢您的评价" in said
    assert "改一改评价" in said
    say("reopen", words="又坏了")
    assert re.search(r'您告诉我们</b>\s*<div dir="auto">又坏了', page())


def test_reopening_a_withdrawn_case_shows_no_apology(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    mine = requester_of(appeal.pk)
    closing_actions.withdraw(appeal.pk, mine)
    closing_actions.reopen(appeal.pk, mine, words="还是要的")
    said = text_of(browse().get(f"/t/{appeal.token}"))
    assert "已收到" in said
    assert "对不起" not in said


def test_tracking_page_avoids_the_staff_term_for_urging(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse(headers={"accept-language": "zh-CN"})
    assert "催办" not in text_of(client.get(f"/t/{appeal.token}"))
    assert client.post(f"/t/{appeal.token}/urge").status_code == 302
    said = text_of(client.get(f"/t/{appeal.token}"))
    assert "您催了一次" in said
    assert "催办" not in said


def test_unsolved_rating_needs_no_satisfaction(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    client, link = browse(), f"/t/{appeal.token}"
    appeal.refresh_from_db()
    said = {"version": appeal.version, "solved": "yes"}
    refused = client.post(f"{link}/rate", said)
    assert refused.status_code == 422
    assert "请选择满意程度" in text_of(refused)
    assert client.post(f"{link}/rate", said | {"solved": "no"}).status_code == 302
    appeal.refresh_from_db()
    assert (appeal.solved, appeal.satisfaction) == (False, "no")
    # The case is reopened automatically: the page asks for no rating and no reopening.
    page = text_of(client.get(link))
    assert "待评价" not in page
    assert 'id="act-reopen"' not in page
    assert "上一次的办理结果" in page


def test_rated_case_is_shown_as_done_with_own_address(browse: Browse, city: Cast) -> None:
    appeal = file_one(address="3号楼402")
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.answer(appeal.pk, city.clerk, words="已送到")
    closing_actions.rate(appeal.pk, requester(appeal), solved=True, satisfaction="yes")
    page = text_of(browse().get(f"/t/{appeal.token}"))
    assert "待评价" not in page
    assert 'class="is-now"' not in page
    assert "3号楼402" in page


def test_supplement_recorded_by_staff_resumes_the_case(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.ask(appeal.pk, city.milk, words="几段？")
    appeal.refresh_from_db()
    said = {"version": appeal.version, "words": "一段", "back": "inbox"}
    client = browse("milk-handler")
    assert client.post(f"/desk/case/{appeal.number}/supply", said).status_code == 302
    appeal.refresh_from_db()
    assert appeal.status == "handling"
