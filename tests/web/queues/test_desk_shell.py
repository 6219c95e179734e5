"""The desk around the list: skipping, counts, templates, duplicates side by side, ended logins."""

from __future__ import annotations

import io
import re
from datetime import timedelta

from django.utils import timezone
from PIL import Image

from tests.cast import PHONE, Cast, file_one, taken_milk
from tests.web.conftest import Browse, text_of
from tests.web.queues.test_views import numbers, queries_of, read
from yinghu.appeals import actions, handling_actions, inboxes, reply_templates
from yinghu.appeals.handling_actions import RESOLVE
from yinghu.appeals.models import Attachment, Category, ReplyTemplate
from yinghu.common import photos
from yinghu.people.models import Post, Reveal, Unit
from yinghu.triage.models import Duplicate
from yinghu.web.case.duplicates import mark_differences
from yinghu.web.models import Skip


def test_skipped_case_leaves_the_users_own_list_for_a_while(browse: Browse, city: Cast) -> None:
    one, two = file_one(), file_one("小区路灯坏了", phone="")
    clerk, dispatcher = browse("clerk"), browse("dispatcher")
    page = clerk.post("/desk/skip", {"number": one.number, "back": "triage"}, follow=True)
    assert numbers(page) == [two.number]
    assert f"{one.number}：已跳过" in text_of(page)
    assert "跳过 1 件" in text_of(page)
    # Skipping again changes nothing; other users' lists and the case stay the same.
    clerk.post("/desk/skip", {"number": one.number, "back": "triage"})
    assert Skip.objects.count() == 1
    one.refresh_from_db()
    assert one.version == 1
    Post.objects.filter(user__username="dispatcher").update(role="clerk")
    assert numbers(dispatcher.get("/desk/triage")) == [one.number, two.number]
    # The case returns to the list when the skip expires.
    Skip.objects.update(until=timezone.now() - timedelta(seconds=1))
    said = clerk.get("/desk/triage")
    assert numbers(said) == [one.number, two.number]
    assert "跳过 1 件" not in text_of(said)


def test_skips_can_be_undone_one_by_one_or_all_at_once(browse: Browse, city: Cast) -> None:
    appeals = [file_one(f"第{turn}件", phone="") for turn in range(3)]
    clerk = browse("clerk")
    for appeal in appeals:
        clerk.post("/desk/skip", {"number": appeal.number, "back": "triage"})
    page = clerk.get("/desk/triage")
    assert numbers(page) == []
    assert "跳过 3 件" in text_of(page)
    assert "都研判完了" not in text_of(page)
    undone = clerk.post("/desk/unskip", {"number": appeals[1].number, "back": "triage"})
    assert undone.headers["Location"] == f"/desk/triage?case={appeals[1].number}"
    assert numbers(clerk.get("/desk/triage")) == [appeals[1].number]
    back = clerk.post("/desk/unskip", {"back": "triage"}, follow=True)
    assert numbers(back) == [appeal.number for appeal in appeals]


def test_skip_is_limited_to_visible_cases_and_known_desks(browse: Browse, city: Cast) -> None:
    appeal = file_one(area="330782100")
    post = Post.objects.get(user__username="clerk")
    post.area_id = "330782008"
    post.save()
    clerk = browse("clerk")
    for address in ("/desk/skip", "/desk/unskip"):
        given = {"number": appeal.number, "back": "triage"}
        assert clerk.post(address, given).status_code == 404
        for back in ("", "https://evil.example/", "inbox", "board"):
            assert clerk.post(address, {**given, "back": back}).status_code == 404
        assert browse("milk-handler").post(address, given).status_code == 403
        assert clerk.get(address).status_code == 405
    assert not Skip.objects.exists()


def test_badges_count_waiting_cases_in_scope(browse: Browse, city: Cast) -> None:
    for turn in range(3):
        file_one(f"第{turn}件", phone="")
    taken_milk(city)

    def shown(username: str) -> list[str]:
        page = text_of(browse(username).get("/desk/badges?here=triage"))
        return re.findall(r'class="waiting">([0-9]+)<', page)

    assert inboxes.counted(inboxes.desks_with(city.clerk)) == {"triage": 3, "callback": 0}
    assert inboxes.counted(inboxes.desks_with(city.volunteer)) == {}
    assert shown("clerk") == ["3"]
    assert shown("milk-handler") == ["1"]
    assert shown("urban-handler") == []
    assert browse().get("/desk/badges").status_code == 302
    assert queries_of(browse("clerk"), "/desk/badges") <= 5


def test_reply_templates_match_verb_category_and_unit(browse: Browse, city: Cast) -> None:
    ReplyTemplate.objects.all().delete()
    milk = Unit.objects.get(code="milk")
    Category.objects.create(code="milk.special", name="特殊奶粉", klass="need")

    def made(name: str, **given: object) -> None:
        fields = {"verb": "resolve", "words": "{编号}/{number} {单位}{unit} {类别}", "name": name}
        ReplyTemplate.objects.create(**fields | given)

    made("谁都行", order=2)
    made("奶粉类", category="milk", order=1)
    made("本组的", unit=milk, order=3)
    made("别组的", unit=Unit.objects.get(code="food"))
    made("别类的", category="mil")
    made("更细的", category="milk.special")
    made("停用的", active=False)
    made("别的动作", verb="ask")
    appeal = taken_milk(city)
    found = reply_templates.for_verbs(appeal, [RESOLVE])[RESOLVE.name]
    assert [each.name for each in found] == ["奶粉类", "谁都行", "本组的"]
    assert found[0].words == f"{appeal.number}/{appeal.number} 奶粉组奶粉组 奶粉"
    appeal.category_id = "milk.special"
    names = {each.name for each in reply_templates.for_verbs(appeal, [RESOLVE])[RESOLVE.name]}
    assert names == {"奶粉类", "谁都行", "本组的", "更细的"}
    # Without scripts a link fills the field and opens its form.
    handler = browse("milk-handler")
    page = text_of(handler.get(f"/desk/case/{appeal.number}?template={found[0].pk}"))
    assert re.search(r'<details class="act" open data-act="resolve"', page)
    assert f"{found[0].words}</textarea>" in page
    for template in ("0", "x", str(ReplyTemplate.objects.get(name="别组的").pk)):
        page = text_of(handler.get(f"/desk/case/{appeal.number}?template={template}"))
        assert f"{found[0].words}</textarea>" not in page


def test_duplicates_are_compared_and_either_can_be_kept(browse: Browse, city: Cast) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    old = file_one("3幢路灯坏了三天，请来修", photos=(photos.store(out.getvalue()),))
    new, other = file_one("3幢路灯坏了一周，请来修"), file_one("3幢路灯坏了，请来修")
    read(old, new, other)
    clerk = browse("clerk")
    said = text_of(clerk.get(f"/desk/triage?case={new.number}"))
    assert "<mark>一周</mark>" in said
    assert "<mark>三天</mark>" in said
    assert "同一个电话" in said
    assert f'src="/photo/{Attachment.objects.get().pk}"' in said
    # Keeping the open case merges the other one and leaves this one open.
    form = {"version": "1", "back": "triage", "master": new.number, "stay": new.number}
    page = clerk.post(f"/desk/case/{old.number}/merge", form)
    assert page.headers["Location"] == f"/desk/triage?case={new.number}"
    old.refresh_from_db()
    assert (old.status, old.master_id) == ("merged", new.pk)
    # An ended case cannot be the one to keep.
    said = text_of(clerk.get(f"/desk/triage?case={new.number}"))
    assert f"/desk/case/{new.number}/merge" in said
    assert f'name="master" value="{old.number}"' not in said
    assert "并到这一件里的" in said


def test_duplicate_outside_the_users_scope_is_not_shown(browse: Browse, city: Cast) -> None:
    far = file_one("王阿姨在佛堂镇丢了钱包", area="330782100")
    near = file_one("王阿姨丢了钱包", area="330782008")
    Duplicate.objects.create(appeal=near, other=far, score=0.9, why="caller")
    post = Post.objects.get(user__username="clerk")
    post.area_id = "330782008"
    post.save()
    said = text_of(browse("clerk").get(f"/desk/triage?case={near.number}"))
    assert near.number in said
    assert far.number not in said
    assert "佛堂镇丢了" not in said


def test_mark_differences_ignores_single_matching_characters() -> None:
    mine, theirs = mark_differences("甲乙丙丁戊", "甲乙戊己")
    assert "".join(piece.text for piece in mine) == "甲乙丙丁戊"
    assert "".join(piece.text for piece in theirs) == "甲乙戊己"
    assert [piece.differs for piece in mine] == [False, True]
    assert mark_differences("", "") == ([], [])
    same, also = mark_differences("一样", "一样")
    assert same == also == [("一样", False)]


def test_ended_login_shows_the_text_and_a_safe_way_back(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    stranger = browse()
    words = "请带<script>alert(1)</script>身份证"
    page = stranger.post(
        f"/desk/case/{appeal.number}/answer",
        {"words": words, "why": "ok", "version": "1", "back": "triage", "password": "别 记"},
        headers={"referer": f"http://testserver/desk/triage?case={appeal.number}"},
    )
    said = text_of(page)
    assert page.status_code == 401
    assert "no-store" in page.headers["Cache-Control"]
    assert "请带&lt;script&gt;alert(1)&lt;/script&gt;身份证</textarea>" in said
    assert ">ok</textarea>" in said
    assert "别 记" not in said
    assert f"next=%2Fdesk%2Ftriage%3Fcase%3D{appeal.number}" in said
    assert appeal.number not in re.sub(r"next=[^\"]+", "", said)
    for referer in ("https://evil.example/x", "http://testserver//evil.example/", "\\\\evil", ""):
        page = stranger.post("/desk/skip", {"why": "x"}, headers={"referer": referer})
        assert "next=%2Fdesk&" in text_of(page) or 'next=%2Fdesk"' in text_of(page), referer
    # A request for a part of a page gets an empty answer with a header, not the login page.
    part = stranger.get("/desk/triage?part=rows", headers={"HX-Request": "true"})
    assert (part.status_code, part.content) == (204, b"")
    assert part.headers["X-Logged-Out"] == "yes"
    appeal.refresh_from_db()
    assert appeal.version == 1


def test_event_photos_appear_beside_their_event_only(browse: Browse, city: Cast) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    appeal = taken_milk(city)
    handling_actions.report(
        appeal.pk, city.milk, words="在路上", photos=(photos.store(out.getvalue()),)
    )
    said = text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))
    src = f'src="/photo/{Attachment.objects.get().pk}"'
    assert said.count(src) == 1
    story = said[said.index('class="story"') :]
    assert src in story[: story.index("</li>")]
    # A volunteer who does not hold the case sees no photo.
    assert src not in text_of(browse("volunteer").get(f"/desk/case/{appeal.number}"))


def test_map_shows_the_exact_point_only_after_a_reveal(browse: Browse, city: Cast) -> None:
    appeal = file_one(lon=120.0712345, lat=29.3098765, area="330782008", phone="")
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    for who in ("clerk", "milk-handler"):
        client = browse(who)
        assert "120.0712345" not in text_of(client.get(f"/desk/case/{appeal.number}"))
        shown = client.post(f"/desk/case/{appeal.number}/reveal", {"why": "找不到门"})
        assert "120.0712345" in text_of(shown)
    assert Reveal.objects.count() == 2
    said = text_of(browse("volunteer").get(f"/desk/case/{appeal.number}"))
    assert "120.0712345" not in said
    assert "blurred" in said


def test_printout_is_masked_even_after_a_reveal(browse: Browse, city: Cast) -> None:
    appeal = file_one(address="3号楼501")
    page = browse("clerk").post(f"/desk/case/{appeal.number}/reveal", {"why": "核对"})
    person = re.search(r'<div class="person">.*?</section>', text_of(page), re.DOTALL)
    assert person is not None
    printed = re.sub(r'<(\w+) class="[^"]*d-print-none">.*?</\1>', "", person[0], flags=re.DOTALL)
    assert PHONE in person[0]
    assert PHONE not in printed
    assert "3号楼501" not in printed
    assert "王小明" not in printed
    assert "<span>138</span><span>****</span><span>5678</span>" in printed


def test_case_pane_is_served_as_a_part(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    clerk = browse("clerk")
    page = clerk.get(f"/desk/triage?part=pane&case={appeal.number}")
    assert f'data-number="{appeal.number}"' in text_of(page)
    assert 'id="rows"' not in text_of(page)
    assert "没有这件诉求" in text_of(clerk.get("/desk/triage?part=pane&case=0000-9999-0"))
    other = browse("urban-handler").get(f"/desk/inbox?part=pane&case={appeal.number}")
    assert appeal.body not in text_of(other)
