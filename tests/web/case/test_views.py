"""The case page: what it shows to each role, its verbs, and its refusals."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone
from PIL import Image

from tests.cast import PHONE, Cast, file_one, requester, taken_milk
from tests.web.conftest import Browse, text_of
from tests.web.queues.test_views import queries_of
from yinghu import verbs
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.actions import ACCEPT
from yinghu.appeals.filing import RECORD, Filing, file_many
from yinghu.appeals.handling_actions import ASK
from yinghu.appeals.models import Appeal, Attachment, Clock
from yinghu.appeals.states import Satisfaction
from yinghu.common import photos
from yinghu.people.access import SYSTEM
from yinghu.people.models import Reveal
from yinghu.places.models import Place
from yinghu.ui.timeline import story_of

SHOWN_PHONE = "<span>138</span><span>****</span><span>5678</span>"


def acts_of(page: object) -> list[str]:
    """The verbs that have a form on the page."""
    return re.findall(r'action="/desk/case/[0-9-]+/(\w+)"', text_of(page))


def test_requester_is_masked_until_revealed_and_logged(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    client = browse("clerk")
    page = client.get(f"/desk/case/{appeal.number}")
    said = text_of(page)
    assert SHOWN_PHONE in said
    assert "王**" in said
    assert "王小明" not in said
    assert "13812345678" not in said
    assert Reveal.objects.count() == 0
    shown = client.post(f"/desk/case/{appeal.number}/reveal", {"why": "核对地址"})
    assert "王小明" in text_of(shown)
    assert PHONE in text_of(shown)
    assert "no-store" in shown.headers["Cache-Control"]
    seen = Reveal.objects.get()
    assert (seen.user.username, seen.appeal_number, seen.why) == (
        "clerk",
        appeal.number,
        "核对地址",
    )


def test_place_and_requesters_address_are_shown_separately(browse: Browse, city: Cast) -> None:
    place = Place.objects.get(code="xiuhu")
    appeal = file_one(place=place.pk, area=place.area_id, address="3号楼501")
    client = browse("clerk")
    said = text_of(client.get(f"/desk/case/{appeal.number}"))
    assert f'<b class="where" dir="auto">{place.name}</b>' in said
    assert place.address in said
    assert "3号楼501" not in said
    shown = text_of(client.post(f"/desk/case/{appeal.number}/reveal", {"why": "核对地址"}))
    assert re.search(r'诉求人写的地址</span> <b dir="auto">3号楼501</b>', shown)


def test_recorded_case_is_shown_as_closed_on_its_day(browse: Browse, city: Cast) -> None:
    said_at = datetime(2016, 12, 31, 9, tzinfo=UTC)
    filing = Filing("路灯不亮", "hotline", said_at=said_at)
    (pk,) = file_many([filing], SYSTEM, RECORD)
    appeal = Appeal.objects.get(pk=pk)
    said = text_of(browse("clerk").get(f"/desk/case/{appeal.number}"))
    assert "补录" in said
    assert "2016" in said
    tracked = text_of(browse().get(f"/t/{appeal.token}"))
    assert "以前的诉求，补录存档" in tracked
    assert appeal.number in text_of(browse("clerk").get("/desk/cases?until=2016-12-31"))


def test_case_at_a_place_opens_on_the_english_desk(browse: Browse, city: Cast) -> None:
    place = Place.objects.get(code="xiuhu")
    appeal = file_one(place=place.pk, area=place.area_id)
    client = browse("clerk", headers={"accept-language": "en"})
    assert appeal.number in text_of(client.get("/desk/triage"))
    assert place.name in text_of(client.get(f"/desk/case/{appeal.number}"))


def test_closing_an_unrated_case_shows_warning(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    client = browse("clerk")
    assert "诉求人还没有评价" in text_of(client.get(f"/desk/case/{appeal.number}"))
    satisfied = Satisfaction.SATISFIED
    closing_actions.rate(appeal.pk, requester(appeal), solved=True, satisfaction=satisfied)
    page = client.get(f"/desk/case/{appeal.number}")
    assert "close" in acts_of(page)
    assert "诉求人还没有评价" not in text_of(page)


def test_reveal_needs_a_reason_and_is_not_for_volunteers(browse: Browse, city: Cast) -> None:
    appeal = file_one("没有奶粉了，打13812345678给我")
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    page = browse("milk-handler").post(f"/desk/case/{appeal.number}/reveal", {"why": " "})
    assert page.status_code == 422
    volunteer = browse("volunteer")
    assert volunteer.post(f"/desk/case/{appeal.number}/reveal", {"why": "想看"}).status_code == 403
    said = text_of(volunteer.get(f"/desk/case/{appeal.number}"))
    assert "没有奶粉了" in said
    assert "13812345678" not in said
    assert Reveal.objects.count() == 0


def test_another_units_case_is_not_found(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse("urban-handler")
    for path in ("", "?part=case", "?back=inbox"):
        assert client.get(f"/desk/case/{appeal.number}{path}").status_code == 404
    assert client.get(f"/field/{appeal.number}").status_code == 404
    for verb in ("note", "resolve", "reveal"):
        page = client.post(f"/desk/case/{appeal.number}/{verb}", {"why": "x", "words": "x"})
        assert page.status_code == 404
    assert client.get(f"/desk/inbox?case={appeal.number}").status_code == 200
    assert appeal.body not in text_of(client.get(f"/desk/inbox?case={appeal.number}"))
    assert client.get("/desk/case/0000-9999-0").status_code == 404
    assert client.get("/desk/case/garbage").status_code == 404


def test_page_offers_exactly_the_available_verbs(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    for username, actor in (("milk-handler", city.milk), ("clerk", city.clerk)):
        wanted = {verb.name for verb in verbs.available(appeal, actor)}
        page = browse(username).get(f"/desk/case/{appeal.number}")
        assert set(acts_of(page)) - {"reveal"} == wanted


def test_forbidden_verb_is_refused_and_unknown_verb_is_404(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    page = browse("clerk").post(f"/desk/case/{appeal.number}/resolve", {"words": "办好了"})
    assert page.status_code == 403
    assert "您不能对这件诉求做“办结”" in text_of(page)
    assert "办好了" in text_of(page)
    for verb in ("file", "drop", "__class__"):
        assert browse("clerk").post(f"/desk/case/{appeal.number}/{verb}").status_code == 404


def test_double_submission_is_done_once(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse("milk-handler")
    form = {"version": appeal.version, "words": "送到了"}
    assert client.post(f"/desk/case/{appeal.number}/resolve", form).status_code == 302
    assert client.post(f"/desk/case/{appeal.number}/resolve", form).status_code == 302
    # Different words are a new submission, which comes too late.
    late = client.post(f"/desk/case/{appeal.number}/resolve", form | {"words": "没送到"})
    assert late.status_code == 409
    assert "不能再“办结”" in text_of(late)
    assert "待评价" in text_of(late)
    assert appeal.events.filter(verb="resolve").count() == 1


def test_stale_page_shows_conflict_and_keeps_input(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse("milk-handler")
    seen = appeal.version
    handling_actions.supply(appeal.pk, requester(appeal), words="改要二段")
    page = client.post(
        f"/desk/case/{appeal.number}/report", {"version": seen, "words": "一段已经买好"}
    )
    assert page.status_code == 409
    said = text_of(page)
    assert "请看最新情况" in said
    assert "改要二段" in said
    assert "一段已经买好</textarea>" in said
    assert f'name="version" value="{seen + 1}"' in said


def test_missing_or_invalid_input_is_explained_at_its_field(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    client = browse("clerk")

    def sort(**typed: str) -> tuple[int, str]:
        page = client.post(f"/desk/case/{appeal.number}/sort", typed)
        return page.status_code, text_of(page)

    status, said = sort(category="", why="写好的说明")
    assert status == 422
    assert re.search(
        r'id="sort-category-error"[^>]*>\s*(<svg.*?</svg>)?\s*请填写\s*<', said, re.S
    ), said
    assert "必填项" not in said
    assert "写好的说明</textarea>" in said
    assert sort(category="no-such")[0] == 422
    status, said = sort(category="milk", area="亚特兰蒂斯")
    assert status == 422
    assert "没有找到这个地方" in said
    status, said = sort(category="milk", urgency="9")
    assert status == 422
    merged = client.post(f"/desk/case/{appeal.number}/merge", {"master": "0000-0000-9"})
    assert merged.status_code == 422
    assert 'id="merge-master-error"' in text_of(merged)
    own = client.post(f"/desk/case/{appeal.number}/merge", {"master": appeal.number})
    assert "不能并入自己" in text_of(own)
    appeal.refresh_from_db()
    assert appeal.version == 1


def test_area_is_accepted_by_code_name_or_suggestion(browse: Browse, city: Cast) -> None:
    client = browse("clerk")
    for typed in ("330782008", "330782008 福田街道", "福田街道"):
        appeal = file_one()
        page = client.post(f"/desk/case/{appeal.number}/sort", {"category": "urban", "area": typed})
        assert page.status_code == 302
        appeal.refresh_from_db()
        assert appeal.area_id == "330782008"


def test_full_case_lifecycle_works_through_the_page(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    later = date.today() + timedelta(days=3)

    def do(username: str, verb: str, **typed: str) -> None:
        page = browse(username).post(f"/desk/case/{appeal.number}/{verb}", typed)
        assert page.status_code == 302, text_of(page)

    do("clerk", "note", why="老住户")
    do("clerk", "sort", category="milk", urgency="2")
    do("dispatcher", "assign", unit="medicine")
    do("medicine-handler", "return", why="不是药")
    do("dispatcher", "rule", agree="yes", why="确实不是药")
    do("dispatcher", "assign", unit="milk")
    do("dispatcher", "extend", until=f"{date.today() + timedelta(days=200)}T10:00", why="缺货")
    do("milk-handler", "accept")
    do("milk-handler", "release", why="下班")
    do("milk-handler", "accept")
    do("milk-handler", "ask", words="一段还是二段")
    do("operator", "supply", words="一段")
    do("commander", "urge")
    do("milk-handler", "escalate", why="全市缺货")
    do("bureau-handler", "accept")
    do("bureau-handler", "report", words="在路上", arrived="on")
    do("bureau-handler", "invite", unit="food", until=f"{later}T10:00", why="借车")
    do("food-handler", "reply", why="车已到")
    do("commander", "supervise", until=f"{later}T10:00", why="今天办好")
    do("bureau-handler", "account", why="下午送到")
    do("commander", "lift", why="已经送到")
    do("bureau-handler", "resolve", words="送到了")
    do("operator", "no_answer")
    do("operator", "rate", unreached="no", solved="yes", satisfaction="yes")
    do("clerk", "close")
    do("clerk", "reopen", words="又没了")
    verbs = appeal.events.order_by("seq").values_list("verb", flat=True)
    assert len(verbs) == 27


def test_internal_and_public_words_are_labelled(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    handling_actions.note(appeal.pk, city.clerk, why="<b>内部</b>情况")
    handling_actions.ask(appeal.pk, city.clerk, words="请问住几楼")
    said = text_of(browse("clerk").get(f"/desk/case/{appeal.number}"))
    assert "&lt;b&gt;内部&lt;/b&gt;情况" in said
    assert said.count("诉求人可见</span>") == 1
    assert said.count("内部</span>") == 1


def test_earlier_cases_of_a_caller_are_linked_only_in_scope(browse: Browse, city: Cast) -> None:
    other, appeal = file_one("上个月的事"), taken_milk(city)
    link = f'href="/desk/case/{other.number}"'
    assert link in text_of(browse("clerk").get(f"/desk/case/{appeal.number}"))
    assert link not in text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))


def test_photos_are_served_only_to_those_who_see_the_case(browse: Browse, city: Cast) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    appeal = file_one(photos=(photos.store(out.getvalue()),))
    photo = Attachment.objects.get()
    page = browse("clerk").get(f"/photo/{photo.pk}")
    assert page.status_code == 200
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Type"] == "image/jpeg"
    assert page.content[:2] == b"\xff\xd8"
    assert browse("urban-handler").get(f"/photo/{photo.pk}").status_code == 404
    assert browse().get(f"/photo/{photo.pk}").status_code == 404
    own = browse().get(f"/t/{appeal.token}/photo/{photo.pk}")
    assert own.status_code == 200
    stranger = file_one()
    assert browse().get(f"/t/{stranger.token}/photo/{photo.pk}").status_code == 404


def test_volunteer_sees_photos_only_while_holding_the_case(browse: Browse, city: Cast) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    appeal = file_one(photos=(photos.store(out.getvalue()),))
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    address = f"/photo/{Attachment.objects.get().pk}"
    pages = (f"/field/{appeal.number}", f"/desk/case/{appeal.number}")

    def shown(username: str) -> bool:
        client = browse(username)
        on_pages = {address in text_of(client.get(page)) for page in pages}
        assert on_pages == {client.get(address).status_code == 200}
        return on_pages.pop()

    assert not shown("volunteer")
    actions.accept(appeal.pk, city.volunteer)
    assert shown("volunteer")
    assert not shown("volunteer-2")
    handling_actions.resolve(appeal.pk, city.volunteer, words="送到了")
    assert not shown("volunteer")


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "nowhere", "board"])
def test_unknown_back_parameter_returns_to_the_case(browse: Browse, city: Cast, back: str) -> None:
    appeal = file_one()
    page = browse("clerk").post(f"/desk/case/{appeal.number}/note", {"why": "记一下", "back": back})
    assert page.headers["Location"] == f"/desk/case/{appeal.number}"


def test_cross_site_post_is_refused(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    client = browse("clerk", enforce_csrf_checks=True)
    for verb in ("note", "reveal"):
        page = client.post(f"/desk/case/{appeal.number}/{verb}", {"why": "x"})
        assert page.status_code == 403
        assert "页面放得太久了" in text_of(page)
    appeal.refresh_from_db()
    assert appeal.version == 1


def test_case_page_query_count_is_constant(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse("milk-handler")
    before = queries_of(client, f"/desk/case/{appeal.number}")
    for turn in range(10):
        handling_actions.report(appeal.pk, city.milk, words=f"第{turn}步")
    assert queries_of(client, f"/desk/case/{appeal.number}") == before
    assert before <= 23


def test_timeline_shows_a_hundred_events_per_page(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    for turn in range(1, 131):
        handling_actions.note(appeal.pk, city.clerk, why=f"备注之{turn}。")
    clerk = browse("clerk")
    page = text_of(clerk.get(f"/desk/case/{appeal.number}"))
    assert re.findall(r"备注之(\d+)。", page) == [str(turn) for turn in range(130, 30, -1)]
    older = re.search(r'href="(/desk/case/[0-9-]+\?before=\d+)#story"', page)
    assert older is not None
    page = text_of(clerk.get(older[1]))
    assert re.findall(r"备注之(\d+)。", page) == [str(turn) for turn in range(30, 0, -1)]
    assert 'class="chapter now"' not in page
    assert f'href="/desk/case/{appeal.number}#story">最新的经过' in page
    # Readers without access to notes get no empty pages for them.
    page = text_of(browse("volunteer").get(f"/desk/case/{appeal.number}"))
    assert "备注之" not in page
    assert "before=" not in page
    assert page.count('class="chapter') >= 3
    actions.accept(appeal.pk, city.volunteer)
    assert browse("volunteer").get(f"/field/{appeal.number}").status_code == 200


def test_timeline_omits_events_after_the_case_was_read(city: Cast, rf: RequestFactory) -> None:
    appeal = taken_milk(city)
    read = Appeal.objects.get(pk=appeal.pk)
    handling_actions.ask(appeal.pk, city.milk, words="几段的")
    verbs = [event.verb for event in story_of(rf.get("/"), read).events]
    assert verbs[-1] == ACCEPT.name
    read.refresh_from_db()
    assert story_of(rf.get("/"), read).events[-1].verb == ASK.name


def test_collapsed_verb_shows_its_shortcut_key(browse: Browse, city: Cast) -> None:
    page = text_of(browse("clerk").get(f"/desk/case/{file_one().number}"))
    found = dict(re.findall(r'<summary data-key="(\w)">.*?<kbd>(\w)</kbd></summary>', page))
    assert found
    assert all(key == shown for key, shown in found.items())


def test_extension_shows_the_deadline_and_proposes_a_later_time(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    due = Clock.objects.get(appeal=appeal.pk, kind="solve").due_at
    page = text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))
    form = page.split('id="act-extend"')[1].split("</form>")[0]
    assert "现在的时限：" in form
    proposed = re.search(r'name="until"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="until"', form)
    assert proposed is not None
    moment = datetime.fromisoformat(proposed[1] or proposed[2])
    assert moment > timezone.localtime(due).replace(tzinfo=None)
