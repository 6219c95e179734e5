"""A volunteer's own page and certificate, including forged certificates."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, dispatched, file_one
from tests.web.conftest import Browse, text_of
from tests.web.volunteers.test_views import active, leg_of
from yinghu.appeals import actions
from yinghu.common.privacy.sealing import derived_key
from yinghu.people import volunteers
from yinghu.people.access import actor_of
from yinghu.people.models import Change, Skill, User, Volunteer
from yinghu.web.volunteers import volunteer_profile

ME = "/field/-/me"


def browser_of(one: Volunteer) -> Client:
    client = Client()
    client.force_login(one.user)
    return client


def press(client: Client, verb: str, **given: Any) -> Any:
    return client.post(f"{ME}/{verb}", given)


def fresh(one: Volunteer) -> Volunteer:
    return Volunteer.objects.get(pk=one.pk)


@pytest.mark.parametrize("hours", ["1", "2", "4", "8"])
def test_volunteer_sets_ready_and_away(city: Cast, hours: str) -> None:
    one = active()
    client = browser_of(one)
    assert "现在不来问您" in text_of(client.get(ME))
    assert press(client, "ready", hours=hours).status_code == 302
    until = fresh(one).ready_until
    assert until is not None
    left = until - timezone.now()
    assert timedelta(hours=int(hours)) - left < timedelta(minutes=1)
    assert "有空，到" in text_of(client.get(ME))
    assert press(client, "away", **{"for": "72"}).status_code == 302
    assert fresh(one).ready_until is None
    assert "以前不来问您" in text_of(client.get(ME))


def test_unknown_choices_are_not_found(city: Cast) -> None:
    one = active()
    client = browser_of(one)
    for verb, given in (
        ("ready", {"hours": "9999"}),
        ("ready", {}),
        ("away", {"for": "x"}),
        ("fly", {}),
    ):
        assert press(client, verb, **given).status_code == 404
    assert client.get(f"{ME}/ready").status_code == 405


def test_weekly_hours_are_saved_and_cleared(city: Cast) -> None:
    one = active()
    client = browser_of(one)
    press(client, "hours", part=["0-6", "6-18", "9-0", "x", "0-7"])
    assert fresh(one).hours == [*range(6, 12), *range(6 * 24 + 18, 7 * 24)]
    page = text_of(client.get(ME))
    assert re.findall(r'name="part" value="([^"]+)" checked', page) == ["0-6", "6-18"]
    press(client, "hours")
    assert fresh(one).hours == []


def test_position_is_set_by_coordinates_or_area_name(city: Cast) -> None:
    one = active()
    client = browser_of(one)
    press(client, "here", lon="120.078456", lat="29.313456")
    assert (fresh(one).lon, fresh(one).lat) == (120.078, 29.313)
    press(client, "here", lon="", lat="", area="江东街道")
    assert (fresh(one).lon, fresh(one).lat) == (120.098, 29.288)
    assert "上次说的：" in text_of(client.get(ME))
    for area in ("", "没有的地方", "江滨社区居委会"):
        assert press(client, "here", area=area, lon="x").status_code == 422
    assert (fresh(one).lon, fresh(one).lat) == (120.098, 29.288)
    assert press(client, "here", lon="nan", lat="1e999").status_code == 422


def test_volunteer_sets_skills_and_areas_but_no_zone_pass(city: Cast) -> None:
    one = active()
    Skill.objects.update_or_create(code="car", defaults={"name": "开车"})
    client = browser_of(one)
    given = {"skills": ["car"], "more": "330782008", "zones": ["z1"], "inside": "z1"}
    assert press(client, "service", **given).status_code == 302
    now = fresh(one)
    assert (now.skills, now.areas, now.zones, now.inside) == (["car"], ["330782008"], [], "")
    last = Change.objects.filter(kind="volunteer", key=one.user.username).latest("pk")
    assert last.user == one.user
    assert press(client, "service", more="没有的地方").status_code == 422


def test_own_hours_and_tasks_show_no_requester_data(city: Cast) -> None:
    one = active()
    leg_of(one, 90)
    leg_of(one, 45, kind="hand_over", title="在门口交接")
    leg_of(one, 30, done_at=timezone.now() - timedelta(days=40), title="送到门口")
    page = text_of(browser_of(one).get(ME))
    assert re.findall(r"<b>(\d+) 件</b><span>([^<]+)</span>", page) == [
        ("1", "1 小时 30 分"),
        ("2", "2 小时"),
    ]
    assert "去医院买药" in page
    assert "在门口交接" not in page
    for secret in ("王小明", "13812345678", "<span>138</span>", "奶粉"):
        assert secret not in page


def test_leaving_requires_confirmation_and_ends_all_sessions(city: Cast) -> None:
    one = active()
    client, elsewhere = browser_of(one), browser_of(one)
    assert press(client, "leave").status_code == 422
    assert fresh(one).state == "active"
    page = press(client, "leave", sure="1")
    assert page.status_code == 200
    assert "已经不在队里" in text_of(page)
    assert fresh(one).state == "left"
    for each in (client, elsewhere):
        assert each.get(ME).status_code == 302


@pytest.mark.parametrize("what", ["leg", "case"])
def test_leaving_is_refused_with_work_in_hand(city: Cast, what: str) -> None:
    one = active()
    if what == "leg":
        leg_of(one, state="taken", done_at=None)
    else:
        appeal = dispatched(file_one(), city, category="care", unit="care")
        actions.accept(appeal.pk, actor_of(one.user))
    client = browser_of(one)
    assert "我真的要退出" not in text_of(client.get(ME))
    page = press(client, "leave", sure="1")
    assert page.status_code == 409
    assert "手上还有没办完的" in text_of(page)
    assert fresh(one).state == "active"


def test_profile_is_refused_to_suspended_and_other_users(browse: Browse, city: Cast) -> None:
    one = active()
    client = browser_of(one)
    volunteers.suspend(one, User.objects.get(username="care-head"), "x")
    assert client.get(ME).status_code == 302
    assert browser_of(one).get(ME).status_code == 403
    assert press(browser_of(one), "ready", hours="1").status_code == 403
    assert browse().get(ME).status_code == 302
    assert browse("clerk").get(ME).status_code == 403


def test_handler_sees_their_work_but_no_volunteer_settings(browse: Browse, city: Cast) -> None:
    client = browse("milk-handler")
    page = text_of(client.get(ME))
    assert "我做了多少" in page
    assert "我现在有空" not in page
    assert press(client, "ready", hours="1").status_code == 404
    assert client.get("/field/-/certificate").status_code == 404


# --- the certificate ------------------------------------------------------------------------------


def certificate(one: Volunteer) -> tuple[str, str]:
    """The page, and the path of its verification link."""
    page = text_of(browser_of(one).get("/field/-/certificate"))
    found = re.search(r'href="[^"]*(/certificate/[^"]+)"', page)
    assert found is not None
    return page, found[1]


def test_anybody_can_verify_a_certificate(browse: Browse, city: Cast) -> None:
    one = active()
    leg_of(one, 90)
    leg_of(one, 60)
    page, path = certificate(one)
    assert "赵大勇" in page
    assert "2 小时 30 分" in page
    said = text_of(browse().get(path))
    assert "这份证明是真的" in said
    day = timezone.localdate()
    today = f"{day.year}年{day.month}月{day.day}日"
    for fact in ("赵**", "关爱帮扶队", "2 件", "2 小时 30 分", today):
        assert fact in said
    assert "大勇" not in said


def test_forged_or_altered_certificate_is_rejected(browse: Browse, city: Cast) -> None:
    one = active()
    leg_of(one, 90)
    _page, path = certificate(one)
    token = path.removeprefix("/certificate/")
    key = derived_key("certificate").hex()
    data = signing.loads(token, key=key, salt=volunteer_profile._SALT)
    forged = (
        signing.dumps(data | {"minutes": 9000}),
        signing.dumps(data, salt=volunteer_profile._SALT),
        signing.dumps(data, key="guess", salt=volunteer_profile._SALT),
        token[:-1],
        token[:-1] + ("a" if token[-1] != "a" else "b"),
        ("b" if token[0] != "b" else "c") + token[1:],
        "x",
        "::",
        "%00",
        "赵大勇:a:b",
    )
    for each in forged:
        page = browse().get(f"/certificate/{each}")
        assert page.status_code == 404, each
        assert "这不是我们开的证明" in text_of(page)


def test_no_certificate_without_a_finished_task(city: Cast) -> None:
    one = active()
    page = browser_of(one).get("/field/-/certificate", follow=True)
    assert "办完第一件" in text_of(page)
