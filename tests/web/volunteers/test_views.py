"""The volunteers desk and the roster, for a squad's coordinator and for outsiders."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests.cast import Cast, dispatched, file_one
from tests.cities import City, in_threads
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions
from yinghu.errands.models import Errand, Leg
from yinghu.people import shifts, volunteers
from yinghu.people.access import actor_of
from yinghu.people.models import Change, Post, Role, Shift, Skill, Unit, User, Volunteer
from yinghu.places.models import Zone

PHONE = "+8613700000001"
DESK = "/desk/volunteers"


def head() -> User:
    return User.objects.get(username="care-head")


def applied(name: str = "赵大勇", phone: str = PHONE, squad: str = "care") -> Volunteer:
    return volunteers.create_application(Unit.objects.get(code=squad), name, phone)


def active(name: str = "赵大勇", phone: str = PHONE, squad: str = "care") -> Volunteer:
    return volunteers.approve(applied(name, phone, squad), head())


def page_of(one: Volunteer) -> str:
    return f"{DESK}/{one.user.username}"


def leg_of(one: Volunteer, minutes: int = 90, **given: Any) -> Leg:
    appeal = file_one(name="王小明")
    errand = Errand.objects.create(appeal=appeal, title="买药")
    values = {"kind": "buy", "state": "done", "done_at": timezone.now(), "title": "去医院买药"}
    return Leg.objects.create(
        **{"errand": errand, "appeal": appeal, "n": 1, "holder": one.user, "minutes": minutes}
        | values
        | given
    )


def test_coordinator_lists_and_searches_only_their_own_squad(browse: Browse, city: Cast) -> None:
    mine, other = applied(), active("别队的人", "+8613700000002", "milk")
    active("钱多多", "+8613700000003")
    client = browse("care-head")
    page = text_of(client.get(DESK))
    assert "赵大勇" in page
    assert "<span>137</span><span>****</span><span>0001</span>" in page
    assert PHONE[3:] not in page
    assert "钱多多" not in page
    both = text_of(client.get(DESK, {"state": "active"}))
    assert "钱多多" in both
    assert "别队的人" not in both
    for query, found in (
        ("大勇", True),
        ("没有", False),
        ("137 0000 0001", True),
        ("13700000002", False),
        ("1370000", False),
    ):
        said = text_of(client.get(DESK, {"q": query}))
        assert (page_of(mine) in said) is found, query
        assert page_of(other) not in said
    assert "请写完整的号码" in text_of(client.get(DESK, {"q": "1370000"}))
    assert "别队的人" in text_of(browse("admin").get(DESK, {"q": "别队"}))
    assert client.get(DESK, {"q": "\x00", "state": "x", "page": "x"}).status_code == 200


def test_phone_search_is_rate_limited(browse: Browse, settings: Settings, city: Cast) -> None:
    settings.RATE_LIMITS = {"phone": (2, 60.0)}
    client = browse("care-head")
    pages = [text_of(client.get(DESK, {"q": f"1370000000{n}"})) for n in range(3)]
    assert ["查得太多了" in page for page in pages] == [False, False, True]


def test_volunteers_desk_access_by_login(browse: Browse, city: Cast) -> None:
    for name, status in (
        ("care-head", 200),
        ("admin", 200),
        ("town-head", 403),
        ("milk-handler", 403),
        ("clerk", 403),
        ("supervisor", 403),
        ("volunteer", 403),
    ):
        assert browse(name).get(DESK).status_code == status, name
        assert (f'href="{DESK}"' in text_of(browse(name).get("/desk", follow=True))) is (
            status == 200
        ), name
    assert browse().get(DESK).status_code == 302


def test_coordinator_has_no_access_to_another_squad(browse: Browse, city: Cast) -> None:
    one = active(squad="milk")
    thief = browse("care-head")
    shift = shifts.add_shift(
        one.squad, one, timezone.now(), timezone.now() + timedelta(hours=1), head()
    )
    assert thief.get(page_of(one)).status_code == 404
    assert thief.post(page_of(one), {"skills": []}).status_code == 404
    for verb in ("approve", "suspend", "resume", "trained", "let-go", "phone"):
        assert thief.post(f"{page_of(one)}/{verb}", {"why": "x"}).status_code == 404
    assert thief.get(f"{DESK}/-/roster", {"squad": "milk"}).status_code == 404
    assert thief.post(f"{DESK}/-/roster/{shift.pk}/remove").status_code == 404
    added = {"squad": "milk", "name": "假的", "phone": "13700000009", "agreed": "on"}
    assert thief.post(f"{DESK}/-/add", added).status_code == 422
    for key in ("nobody", "clerk", "%00"):
        assert thief.get(f"{DESK}/{key}").status_code == 404
    one.refresh_from_db()
    assert one.state == "active"
    assert Shift.objects.filter(pk=shift.pk).exists()
    assert not User.objects.filter(display_name="假的").exists()
    # A former coordinator sees nothing of the squad any more.
    Post.objects.filter(user=head(), unit__code="care").update(active=False)
    assert thief.get(page_of(active("别人", "+8613700000004"))).status_code == 404


def test_coordinator_moves_a_volunteer_through_all_states(browse: Browse, city: Cast) -> None:
    one = applied()
    client = browse("care-head")
    assert "通过，请他加入" in text_of(client.get(page_of(one)))
    for verb, state, said in (
        ("approve", "active", "在队"),
        ("trained", "active", "培训过了"),
        ("suspend", "suspended", "没有按时到"),
        ("resume", "active", "在队"),
        ("let-go", "left", "已删掉"),
    ):
        done = client.post(f"{page_of(one)}/{verb}", {"why": "没有按时到"}, follow=True)
        assert done.status_code == 200
        assert said in text_of(done), verb
        one.refresh_from_db()
        assert one.state == state
    by = Change.objects.filter(kind="volunteer", key=one.user.username).values_list(
        "user__username", flat=True
    )
    assert set(by) == {one.user.username, "care-head"}
    assert client.post(f"{page_of(one)}/approve").status_code == 409
    assert client.post(f"{page_of(one)}/fly").status_code == 404


def test_suspending_requires_a_reason(browse: Browse, city: Cast) -> None:
    one = active()
    client = browse("care-head")
    assert client.post(f"{page_of(one)}/suspend", {"why": "  "}).status_code == 422
    one.refresh_from_db()
    assert one.state == "active"


def test_revealing_a_phone_is_logged(browse: Browse, city: Cast) -> None:
    one = applied()
    client = browse("care-head")
    assert PHONE not in text_of(client.get(page_of(one)))
    assert PHONE in text_of(client.post(f"{page_of(one)}/phone"))
    again = text_of(client.get(page_of(one)))
    assert PHONE not in again
    assert "看了手机号" in again


def test_coordinator_changes_skills_areas_and_zones(browse: Browse, city: Cast) -> None:
    one = active()
    Skill.objects.update_or_create(code="car", defaults={"name": "开车"})
    Zone.objects.update_or_create(code="z1", defaults={"name": "一号小区", "status": "sealed"})
    client = browse("care-head")
    given = {"skills": ["car"], "more": "330782008", "zones": ["z1"], "inside": "z1"}
    page = client.post(page_of(one), given, follow=True)
    assert "会什么：开车" in text_of(page)
    assert "住在管控区：一号小区" in text_of(page)
    one.refresh_from_db()
    assert (one.skills, one.areas, one.zones, one.inside) == (
        ["car"],
        ["330782008"],
        ["z1"],
        "z1",
    )
    client.post(page_of(one), given | {"areas": ["330782008"], "more": "330782001"})
    one.refresh_from_db()
    assert one.areas == ["330782001", "330782008"]
    client.post(page_of(one), {"inside": ""})
    one.refresh_from_db()
    assert (one.skills, one.areas, one.zones, one.inside) == ([], [], [], "")
    for wrong in ({"skills": ["flying"]}, {"zones": ["zz"]}, {"more": "无处"}):
        assert client.post(page_of(one), wrong).status_code == 422


def test_added_volunteer_can_log_in(browse: Browse, city: Cast) -> None:
    client = browse("care-head")
    given = {"squad": "care", "name": "孙小妹", "phone": "13700000005", "agreed": "on"}
    assert "先问过本人" in text_of(client.post(f"{DESK}/-/add", given | {"agreed": ""}))
    assert "请写完整的手机号码" in text_of(client.post(f"{DESK}/-/add", given | {"phone": "137"}))
    assert client.post(f"{DESK}/-/add", given).status_code == 302
    one = Volunteer.objects.get(user__display_name="孙小妹")
    assert (one.state, one.squad.code) == ("active", "care")
    again = client.post(f"{DESK}/-/add", given)
    assert again.status_code == 409
    assert "已经报过名" in text_of(again)
    phone = Client()
    page = phone.post("/volunteer", {"phone": "13700000005"})
    code = re.search(r"验证码是 <b dir=\"ltr\">(\d{6})<", text_of(page))
    assert code is not None
    phone.post("/volunteer", {"phone": "13700000005", "code": code[1]})
    assert phone.get("/field").status_code == 200


def test_hours_exclude_hand_overs_and_requester_data(browse: Browse, city: Cast) -> None:
    one = active()
    leg_of(one)
    leg_of(one, 45, kind="hand_over")
    leg_of(one, 30, done_at=timezone.now() - timedelta(days=40))
    leg_of(one, 20, state="taken", done_at=None)
    client = browse("care-head")
    listed = text_of(client.get(DESK, {"state": "active"}))
    assert "1 件 · 1 小时 30 分" in listed
    page = text_of(client.get(page_of(one)))
    assert "2 件 · 2 小时" in page
    assert "去医院买药" in page
    for secret in ("王小明", "13812345678", "<span>138</span>"):
        assert secret not in page


def test_suspending_a_volunteer_releases_their_case(browse: Browse, city: Cast) -> None:
    one = active()
    appeal = dispatched(file_one(), city, category="care", unit="care")
    actions.accept(appeal.pk, actor_of(one.user))
    browse("care-head").post(f"{page_of(one)}/suspend", {"why": "没有按时到"})
    appeal.refresh_from_db()
    assert (appeal.status, appeal.holder_id) == ("assigned", None)


def test_volunteer_list_query_count_is_bounded(
    browse: Browse, city: Cast, django_assert_max_num_queries: Any
) -> None:
    for n in range(12):
        active(f"志愿者{n}", f"+86137000001{n:02d}")
    client = browse("care-head")
    client.get(DESK)
    with django_assert_max_num_queries(24):
        client.get(DESK, {"state": "active"})


# --- the roster -----------------------------------------------------------------------------------

MONDAY = "2026-12-07"


def at(text: str) -> datetime:
    return timezone.make_aware(datetime.fromisoformat(text))


def plan(client: Client, one: Volunteer, starts: str, ends: str, day: str = MONDAY) -> Any:
    given = {"person": one.user.username, "day": day, "starts": starts, "ends": ends}
    return client.post(f"{DESK}/-/roster?squad=care&week={MONDAY}", given)


def test_roster_shows_shifts_and_gaps(browse: Browse, city: Cast) -> None:
    one, two = active(), active("钱多多", "+8613700000003")
    client = browse("care-head")
    assert plan(client, one, "08:00", "20:00").status_code == 302
    assert plan(client, two, "20:00", "08:00").status_code == 302
    page = text_of(client.get(f"{DESK}/-/roster", {"squad": "care", "week": "2026-12-09"}))
    assert "08:00–20:00" in page
    assert "20:00–次日 08:00" in page
    assert "00:00–08:00" in page
    assert page.count("从前一天起") == 1
    shift = Shift.objects.get(user=two.user)
    assert (shift.starts_at, shift.ends_at) == (at("2026-12-07T20:00"), at("2026-12-08T08:00"))
    assert client.post(f"{DESK}/-/roster/{shift.pk}/remove").status_code == 302
    assert client.post(f"{DESK}/-/roster/{shift.pk}/remove").status_code == 404
    told = Change.objects.filter(kind="shift").values_list("user__username", flat=True)
    assert list(told) == ["care-head"] * 3
    for odd in ("x", "0001-01-01", "9999-12-31", "2026-13-40"):
        assert client.get(f"{DESK}/-/roster", {"week": odd}).status_code == 200


@pytest.mark.parametrize(
    ("starts", "ends", "day", "fine"),
    [
        ("20:00", "22:00", MONDAY, True),
        ("19:59", "22:00", MONDAY, False),
        ("06:00", "08:01", MONDAY, False),
        ("23:00", "09:00", "2026-12-06", False),
        ("23:00", "08:00", "2026-12-06", True),
        ("10:00", "11:00", MONDAY, False),
    ],
)
def test_overlapping_shifts_are_refused(
    browse: Browse, city: Cast, starts: str, ends: str, day: str, fine: bool
) -> None:
    one = active()
    client = browse("care-head")
    plan(client, one, "08:00", "20:00")
    page = plan(client, one, starts, ends, day)
    assert page.status_code == (302 if fine else 409)
    assert Shift.objects.filter(user=one.user).count() == 1 + fine


def test_shift_ends_after_its_start_and_within_a_day(city: Cast) -> None:
    one = active()
    start = at("2026-12-07T08:00")
    for end in (start, start - timedelta(hours=1), start + timedelta(hours=24, minutes=1)):
        with pytest.raises(volunteers.VolunteerRefused):
            shifts.add_shift(one.squad, one, start, end, head())
    shifts.add_shift(one.squad, one, start, start + timedelta(hours=24), head())


def test_only_active_members_of_the_squad_can_be_planned(browse: Browse, city: Cast) -> None:
    client = browse("care-head")
    for one in (active(squad="milk"), applied("待审", "+8613700000006")):
        assert plan(client, one, "08:00", "20:00").status_code == 422
    assert plan(client, active("a", "+8613700000007"), "8点", "x").status_code == 422
    assert not Shift.objects.exists()


def test_concurrent_plans_for_one_person_create_one_shift(own_city: City) -> None:
    one, by = active(), head()
    refused: list[bool] = []
    start = at("2026-12-07T08:00")

    def press() -> None:
        try:
            shifts.add_shift(one.squad, one, start, start + timedelta(hours=8), by)
        except volunteers.VolunteerRefused:
            refused.append(True)

    in_threads(*[press] * 5)
    assert len(refused) == 4
    assert Shift.objects.count() == 1


def test_volunteers_desk_access_by_role_and_unit_kind(city: Cast) -> None:
    user = User.objects.create(username="x")
    for unit, role, has in (
        ("care", Role.HEAD, True),
        ("milk", Role.HEAD, True),
        ("bureau-urban", Role.HEAD, False),
        ("care", Role.HANDLER, False),
    ):
        Post.objects.filter(user=user).delete()
        Post.objects.create(user=user, unit=Unit.objects.get(code=unit), role=role)
        client = Client()
        client.force_login(user)
        assert (client.get(DESK).status_code == 200) is has, (unit, role)


def test_applicant_is_not_reported_as_login_without_a_post(browse: Browse, city: Cast) -> None:
    applied()
    assert "还没有岗位" not in text_of(browse("admin").get("/setup/user/"))


def test_history_describes_volunteer_changes_in_words(browse: Browse, city: Cast) -> None:
    one = active()
    volunteers.suspend(one, head(), "没有按时到")
    two = active("钱多多", "+8613700000003")
    start = timezone.now()
    shifts.add_shift(two.squad, two, start, start + timedelta(hours=2), head())
    page = text_of(browse("admin").get("/setup/history"))
    for words in ("暂停：没有按时到", "排班", "赵大勇", "待审核"):
        assert words in page
    assert "suspended" not in page
