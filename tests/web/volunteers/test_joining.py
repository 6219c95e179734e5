"""Joining a squad and logging in by phone, as an applicant and as an attacker."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast, file_one
from tests.cities import City, in_threads
from tests.web.conftest import Browse, text_of
from yinghu.common import sms
from yinghu.common.privacy.opening import unseal
from yinghu.common.rate_limit import buckets
from yinghu.intake import one_time_codes
from yinghu.intake.models import Code
from yinghu.intake.one_time_codes import Purpose
from yinghu.people import volunteers
from yinghu.people.models import Post, Role, Skill, Unit, User, Volunteer
from yinghu.places.models import Zone
from yinghu.web.live import stream_permissions

PHONE, BARE = "+8613700000001", "13700000001"
FORM = {"name": "赵大勇", "area": "", "consent": "on"}


def code_in(page: Any) -> str:
    found = re.search(r"演示城市：验证码是 <b dir=\"ltr\">(\d{6})</b>", text_of(page))
    assert found is not None
    return found[1]


def prove(client: Client, address: str, phone: str = BARE) -> Any:
    """Request a code and enter it."""
    code = code_in(client.post(address, {"phone": phone}))
    return client.post(address, {"phone": phone, "code": code})


def join(client: Client, phone: str = BARE, squad: str = "care", **given: Any) -> Any:
    assert prove(client, f"/join/{squad}", phone).status_code == 302
    return client.post(f"/join/{squad}", FORM | given)


def head() -> User:
    return User.objects.get(username="care-head")


def approved(client: Client, phone: str = BARE) -> Volunteer:
    join(client, phone)
    one = Volunteer.objects.get(user__display_name="赵大勇", state="applied")
    return volunteers.approve(one, head())


def test_applicant_can_log_in_after_approval(browse: Browse, city: Cast) -> None:
    client = browse()
    Skill.objects.update_or_create(code="car", defaults={"name": "开车"})
    page = client.get("/join/care")
    assert "关爱帮扶队" in text_of(page)
    assert 'name="skills"' not in text_of(page)
    said = text_of(join(client, skills=["car"], area="福田街道"))
    assert "报名收到了" in said
    one = Volunteer.objects.get(user__display_name="赵大勇")
    assert (one.state, one.skills, one.areas) == ("applied", ["car"], ["330782008"])
    assert unseal(one.phone) == PHONE
    assert one.consented_at is not None
    other = browse()
    waiting = prove(other, "/volunteer")
    assert waiting.status_code == 403
    assert "等队长审核" in text_of(waiting)
    assert other.get("/field").status_code == 302
    volunteers.approve(one, head())
    assert prove(other, "/volunteer").status_code == 302
    assert other.get("/field").status_code == 200
    assert "赵大勇" in text_of(other.get("/field"))


def test_invalid_application_is_refused_and_creates_nothing(browse: Browse, city: Cast) -> None:
    client = browse()
    Skill.objects.update_or_create(code="car", defaults={"name": "开车"})
    Zone.objects.update_or_create(code="z1", defaults={"name": "一号", "status": "sealed"})
    for wrong, why in (
        ({"name": " "}, "请写一个名字"),
        ({"consent": ""}, "要您同意"),
        ({"area": "没有这个地方"}, "没有找到这个地方"),
        ({"skills": ["flying"]}, "flying"),
        ({"inside": "nowhere"}, "nowhere"),
    ):
        Code.objects.all().delete()
        buckets.clear()
        page = join(client, **wrong)
        assert page.status_code == 422, wrong
        assert why in text_of(page)
    assert not Volunteer.objects.filter(user__display_name="赵大勇").exists()


@pytest.mark.parametrize("code", ["bureau-urban", "town-futian", "nobody", "platform"])
def test_only_active_squads_and_groups_can_be_joined(browse: Browse, city: Cast, code: str) -> None:
    assert browse().get(f"/join/{code}").status_code == 404
    assert browse().post(f"/join/{code}", {"phone": BARE}).status_code == 404
    assert browse().get(f"/join/{code}/qr.svg").status_code == 404
    Unit.objects.filter(code="care").update(active=False)
    assert browse().get("/join/care").status_code == 404


def test_application_form_requires_a_code_for_that_squad(browse: Browse, city: Cast) -> None:
    client = browse()
    assert "提交报名" not in text_of(client.post("/join/care", FORM))
    assert not Volunteer.objects.filter(user__display_name="赵大勇").exists()
    # The code counts for one squad only.
    prove(client, "/join/care")
    assert "提交报名" in text_of(client.get("/join/care"))
    assert "提交报名" not in text_of(client.get("/join/milk"))


def test_code_is_valid_for_its_purpose_only(browse: Browse, city: Cast) -> None:
    file_one(phone=PHONE)
    approved(browse())
    doors = {"/mine": 302, "/join/care": 302, "/volunteer": 302}
    for made in doors:
        for tried in doors:
            Code.objects.all().delete()
            buckets.clear()
            client = browse()
            code = code_in(client.post(made, {"phone": BARE}))
            opened = client.post(tried, {"phone": BARE, "code": code}).status_code
            assert (opened == 302) is (made == tried), (made, tried)


def test_pages_do_not_reveal_whether_a_phone_is_known(
    browse: Browse, settings: Settings, city: Cast
) -> None:
    approved(browse())
    settings.DEMO, settings.SMS_URL = False, "http://127.0.0.1:9/"
    for address in ("/join/care", "/volunteer"):
        said = []
        for phone in (BARE, "13900009999"):
            pages = (
                browse().post(address, {"phone": phone}),
                browse().post(address, {"phone": phone, "code": "000000"}),
            )
            said.append(
                [
                    (
                        page.status_code,
                        re.sub(r'value="[^"]*"', "", text_of(page)).replace(phone, ""),
                    )
                    for page in pages
                ]
            )
        assert said[0] == said[1]
        assert [status for status, _text in said[0]] == [200, 422]


def test_codes_are_sent_only_where_useful(city: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    sent: list[tuple[str, str]] = []

    monkeypatch.setattr(sms, "send_text", lambda phone, text: sent.append((phone, text)))
    care = Unit.objects.get(code="care")
    volunteers.create_application(care, "赵大勇", PHONE)
    made = [
        (phone, purpose, one_time_codes.make_code(phone, purpose).code)
        for phone in (PHONE, "+8613900009999")
        for purpose in Purpose
    ]
    for job in ProcrastinateJob.objects.filter(task_name="yinghu.code").order_by("id"):
        one_time_codes.send_code(**job.args)
    # Volunteers and guardians are not known before they apply.
    expected = {(PHONE, "join"), (PHONE, "volunteer"), (PHONE, "guardian")}
    expected |= {("+8613900009999", "join"), ("+8613900009999", "guardian")}
    reached = [(phone, code) for phone, purpose, code in made if (phone, purpose) in expected]
    assert [phone for phone, _text in sent] == [phone for phone, _code in reached]
    assert all(code in text for (_p, code), (_q, text) in zip(reached, sent, strict=True))
    assert "报名" in sent[0][1]
    assert "登录" in sent[1][1]


def test_repeated_application_creates_one_and_shows_it_pending(browse: Browse, city: Cast) -> None:
    client = browse()
    join(client)
    assert client.post("/join/care", FORM).status_code == 200
    assert "在等队长审核" in text_of(client.get("/join/care"))
    assert Volunteer.objects.filter(user__display_name="赵大勇").count() == 1


def test_concurrent_applications_of_one_phone_create_one(own_city: City) -> None:
    buckets.clear()
    clients = [Client() for _n in range(4)]
    for client in clients:
        Code.objects.all().delete()
        buckets.clear()
        prove(client, "/join/care")
    statuses: list[int] = []

    def press(client: Client) -> None:
        statuses.append(client.post("/join/care", FORM, follow=True).status_code)

    in_threads(*[lambda client=client: press(client) for client in clients])
    assert statuses == [200] * 4
    assert Volunteer.objects.filter(user__display_name="赵大勇").count() == 1


def test_suspended_and_former_volunteers_cannot_log_in(browse: Browse, city: Cast) -> None:
    client = browse()
    one = approved(client)
    assert prove(client, "/volunteer").status_code == 302
    assert client.get("/field").status_code == 200
    volunteers.suspend(one, head(), "没有按时到")
    assert client.get("/field").status_code == 403
    said = prove(browse(), "/volunteer")
    assert said.status_code == 403
    assert "没有按时到" in text_of(said)
    volunteers.leave(one, head())
    Code.objects.all().delete()
    buckets.clear()
    assert "已经不在队里" in text_of(prove(browse(), "/volunteer"))
    again = browse()
    assert "报名收到了" in text_of(join(again))
    assert Volunteer.objects.filter(user__display_name="赵大勇", state="applied").count() == 1
    one.refresh_from_db()
    assert bytes(one.phone) == b""


def test_unknown_phone_is_told_so_only_after_its_code(browse: Browse, city: Cast) -> None:
    page = prove(browse(), "/volunteer", "13900009999")
    assert page.status_code == 403
    assert "还没有报过名" in text_of(page)


def test_login_by_phone_is_refused_for_desk_users(browse: Browse, city: Cast) -> None:
    client = browse()
    one = approved(client)
    Post.objects.create(user=one.user, unit=one.squad, role=Role.HEAD)
    page = prove(client, "/volunteer")
    assert page.status_code == 403
    assert "请用登录名和密码登录" in text_of(page)
    assert client.get("/field").status_code == 302
    User.objects.filter(pk=one.user.pk).update(is_active=False)
    Code.objects.all().delete()
    assert prove(client, "/volunteer").status_code == 403


def test_phone_login_is_a_second_factor_for_volunteers_only(
    browse: Browse, settings: Settings, city: Cast
) -> None:
    client = browse()
    one = approved(client)
    assert prove(client, "/volunteer").status_code == 302
    settings.SECOND_FACTOR_REQUIRED = True
    assert client.get("/field").status_code == 200
    # A login by password alone still needs a second factor.
    by_password = browse(one.user.username)
    assert by_password.get("/field").headers["Location"] == "/accounts/2fa/totp/activate/"
    assert browse("clerk").get("/desk/triage").status_code == 302
    # Once the login has another role, the phone no longer suffices.
    Post.objects.create(user=one.user, unit=one.squad, role=Role.HEAD)
    assert client.get("/field").headers["Location"] == "/volunteer"
    assert client.get("/desk/inbox").status_code == 302


def test_join_codes_are_rate_limited_per_squad(
    browse: Browse, settings: Settings, city: Cast
) -> None:
    settings.RATE_LIMITS = {"join": (2, 60.0)}
    tried = [
        browse(REMOTE_ADDR=f"192.0.2.{n}").post("/join/care", {"phone": f"1390000000{n}"})
        for n in range(3)
    ]
    assert [page.status_code for page in tried] == [200, 200, 429]
    assert browse().post("/join/milk", {"phone": BARE}).status_code == 200


def test_without_sms_no_code_can_be_requested(
    browse: Browse, settings: Settings, city: Cast
) -> None:
    settings.DEMO, settings.SMS_URL = False, ""
    for address in ("/join/care", "/volunteer"):
        assert "还没有开通短信" in text_of(browse().get(address))
        assert browse().post(address, {"phone": BARE}).status_code == 404


def test_qr_code_and_poster_access(browse: Browse, city: Cast) -> None:
    assert browse().get("/join/care/qr.svg").headers["Content-Type"] == "image/svg+xml"
    page = text_of(browse("care-head").get("/desk/volunteers/-/poster/care"))
    assert "/join/care" in page
    assert "扫一扫，来当志愿者" in page
    assert browse("care-head").get("/desk/volunteers/-/poster/milk").status_code == 404
    assert browse("admin").get("/desk/volunteers/-/poster/milk").status_code == 200
    for name in ("clerk", "volunteer", "milk-handler", "town-head"):
        assert browse(name).get("/desk/volunteers/-/poster/care").status_code == 403
    assert 'href="/volunteer"' in text_of(browse().get("/accounts/login/"))


def test_area_search_is_open_to_applicants(browse: Browse, city: Cast) -> None:
    found = browse().get("/geo/areas", {"q": "futian"}).json()
    found += browse().get("/geo/areas", {"q": "福田"}).json()
    assert "330782008" in {each["code"] for each in found}
    assert browse().get("/geo/areas", {"q": "\x00"}).status_code == 200


@pytest.mark.parametrize("needed", [True, False])
def test_phone_login_cannot_take_over_the_account(
    browse: Browse, settings: Settings, city: Cast, needed: bool
) -> None:
    client = browse()
    one = approved(client)
    assert prove(client, "/volunteer").status_code == 302
    settings.DEMO, settings.SECOND_FACTOR_REQUIRED = False, needed
    # Holding the phone for an hour is not enough to take over the login, neither now …
    for path in (
        "/accounts/2fa/",
        "/accounts/2fa/totp/activate/",
        "/accounts/password/set/",
        "/accounts/password/change/",
    ):
        page = client.get(path)
        assert (path, page.status_code) == (path, 403)
    # … nor after the volunteer has become a head.
    Post.objects.create(user=one.user, unit=one.squad, role=Role.HEAD)
    assert client.get("/desk/volunteers").headers["Location"] == "/volunteer"
    assert "_auth_user_id" not in client.session


def test_phone_login_gets_live_updates_as_volunteer_only(
    browse: Browse, settings: Settings, city: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The permission check closes its connection; here that would be the test's own.
    monkeypatch.setattr(stream_permissions, "connection", SimpleNamespace(close=lambda: None))
    client = browse()
    one = approved(client)
    assert prove(client, "/volunteer").status_code == 302
    settings.SECOND_FACTOR_REQUIRED = True
    key = client.session.session_key or ""
    wants, me = stream_permissions.requested_topics("notices=1&desk=field")
    assert stream_permissions.permitted_topics(wants, me, key).user == one.user.pk
    Post.objects.create(user=one.user, unit=one.squad, role=Role.HEAD)
    assert stream_permissions.permitted_topics(wants, me, key).user is None
