"""The first-run guide, the start page of a city that is not set up, and `yinghu admin`."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast, file_one
from tests.cities import City
from tests.history import new_changes
from tests.web.conftest import Browse, text_of
from yinghu.appeals.models import Category, ClockLimit, ReplyTemplate, Text
from yinghu.errands.models import ErrandTemplate
from yinghu.people.access import actor_of
from yinghu.people.models import Invitation, Post, Unit, User
from yinghu.places.models import Place
from yinghu.routing.models import RoutingRule
from yinghu.web.admin.first_run import steps


def done() -> dict[str, bool]:
    return {step.name: step.done for step in steps()}


def test_guide_steps_follow_the_database(city: Cast) -> None:
    assert done() == {name: name not in ("texts", "oversight", "test") for name in done()}
    Place.objects.update(active=False)
    RoutingRule.objects.update(active=False)
    Post.objects.filter(role="dispatcher").update(active=False)
    Text.objects.create(key="name", words="青山")
    now = done()
    assert (now["places"], now["rules"], now["people"]) == (False, False, False)
    assert now["texts"]
    people = next(step for step in steps() if step.name == "people")
    assert people.now.endswith("还缺：派单员")
    # A volunteer does not count as a handler; a head does.
    Post.objects.filter(role="dispatcher").update(active=True)
    Post.objects.filter(role="handler").update(active=False)
    assert done()["people"]
    Post.objects.filter(role="head").update(active=False)
    assert not done()["people"]


def test_last_step_is_done_when_an_appeal_is_resolved(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    admin = browse("admin")
    page = text_of(admin.get("/setup/guide"))
    assert f"{appeal.number} 现在是“待研判”" in page
    assert "还剩 1 步" in page
    # Set-up pages link back to the guide until every step is done.
    assert "回到第一次设置" in text_of(admin.get("/setup/unit/"))
    type(appeal).objects.update(status="resolved")
    assert "都设好了" in text_of(admin.get("/setup/guide"))
    assert "回到第一次设置" not in text_of(admin.get("/setup/unit/"))


def test_administrator_starts_at_guide_until_done_or_dismissed(browse: Browse, city: Cast) -> None:
    admin, way = browse("admin"), "回到第一次设置"
    assert way not in text_of(admin.get("/"))
    assert admin.get("/desk").headers["Location"] == "/setup/guide"
    assert way not in text_of(admin.get("/setup/guide"))
    # From then on every page links back, including those for citizens and desks.
    for path in ("/", "/file", "/setup/", "/setup/unit/", "/setup/rule/", "/board", "/desk/try"):
        assert way in text_of(admin.get(path)), path
    assert way not in text_of(admin.get("/board?wall=1"))
    # An administrator who did not come from the login page has the link, too.
    past = browse("admin")
    past.get("/setup/")
    assert way in text_of(past.get("/setup/unit/"))
    # The second visit to /desk leads to the usual start page.
    assert admin.get("/desk").headers["Location"] == "/setup/"
    assert admin.post("/setup/guide/later").headers["Location"] == "/setup/"
    assert way not in text_of(admin.get("/setup/"))
    again = browse("admin")
    assert again.get("/desk").headers["Location"] == "/setup/"
    # Other roles never see the guide; administrators see it until every step is done.
    clerk = browse("clerk")
    assert clerk.get("/desk").headers["Location"] == "/desk/triage"
    assert way not in text_of(clerk.get("/desk/triage"))
    assert clerk.post("/setup/guide/later").status_code == 403
    other = User.objects.create(username="other-admin")
    Post.objects.create(user=other, unit=Unit.objects.get(kind="desk"), role="admin")
    type(file_one()).objects.update(status="resolved")
    assert browse("other-admin").get("/desk").headers["Location"] == "/setup/"


def test_guide_counts_equal_list_counts(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    guide = text_of(admin.get("/setup/guide"))

    def shown(kind: str) -> int:
        page = text_of(admin.get(f"/setup/{kind}/"))
        found = re.search(r'<h1>[^<]* <small class="text-secondary">(\d+)</small>', page)
        assert found, kind
        return int(found[1])

    for kind, said in {
        "unit": "单位共 %d 个",
        "user": "账号共 %d 个",
        "category": "%d 个类别",
        "limit": "%d 条时限",
        "rule": "%d 条规则",
        "place": "%d 个点位",
    }.items():
        assert said % shown(kind) in guide, kind


def test_missing_general_limit_keeps_set_up_incomplete(browse: Browse, city: Cast) -> None:
    type(file_one()).objects.update(status="resolved")
    admin = browse("admin")
    assert "都设好了" in text_of(admin.get("/setup/guide"))
    ClockLimit.objects.filter(category=None, kind="solve", urgency=1).delete()
    lacking = "通用时限没有定，不计时：一般的“解决”"
    assert lacking in text_of(admin.get("/setup/"))
    guide = text_of(admin.get("/setup/guide"))
    assert "都设好了" not in guide
    assert "还剩 1 步" in guide
    assert lacking in guide
    # Completing the existing row finishes the set-up.
    row = "/setup/limit/:1"
    page = text_of(admin.get(row))
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen
    typed = {limit.kind: f"{limit.minutes} 分钟" for limit in ClockLimit.objects.filter(urgency=1)}
    saved = admin.post(row, typed | {"seen": seen[1], "solve": "9 天", "running": "keep"})
    assert saved.status_code == 302
    assert "都设好了" in text_of(admin.get("/setup/guide"))


def test_starter_set_adds_only_missing_rows_with_history(browse: Browse, city: Cast) -> None:
    RoutingRule.objects.all().delete()
    before = Category.objects.count()
    ErrandTemplate.objects.filter(category="food").delete()
    Category.objects.filter(pk="food").delete()
    Category.objects.filter(pk="milk").update(name="婴儿奶粉")
    ClockLimit.objects.all().delete()
    ReplyTemplate.objects.all().delete()
    admin = browse("admin")
    assert admin.post("/setup/guide/starter").status_code == 302
    assert Category.objects.count() == before
    assert Category.objects.get(pk="milk").name == "婴儿奶粉"
    assert ClockLimit.objects.filter(kind="receive", urgency=3).get().minutes == 5
    assert not ReplyTemplate.objects.exclude(unit=None).exists()
    assert ReplyTemplate.objects.exists()
    change = new_changes().get(kind="category")
    assert (change.key, change.user) == ("food", User.objects.get(username="admin"))
    made = new_changes().count()
    admin.post("/setup/guide/starter")
    assert new_changes().count() == made


def test_administrator_may_take_all_posts_alone(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    for _press in range(2):
        assert admin.post("/setup/guide/alone").status_code == 302
    me = actor_of(User.objects.get(username="admin"))
    assert me.has("clerk")
    assert me.has("dispatcher")
    assert me.has("handler")
    assert Post.objects.filter(user__username="admin", active=True).count() == 4


@pytest.mark.parametrize("who", ["clerk", "dispatcher", "commander", "milk-handler", "volunteer"])
def test_guide_is_for_administrators_only(browse: Browse, city: Cast, who: str) -> None:
    client = browse(who)
    assert client.get("/setup/guide").status_code == 403
    for path in ("/setup/guide/starter", "/setup/guide/alone"):
        assert client.post(path).status_code == 403
    assert browse("admin").get("/setup/guide/starter").status_code == 405
    assert not Post.objects.filter(user__username=who, role="admin").exists()


def test_start_page_without_administrator_says_what_to_do(
    browse: Browse, city: Cast, settings: Settings
) -> None:
    settings.DEMO = False
    assert "平台还没有设置好" not in text_of(browse().get("/"))
    Post.objects.filter(role="admin").update(active=False)
    said = text_of(browse().get("/"))
    assert "平台还没有设置好" in said
    assert "yinghu admin NAME" in said
    assert "120、119 或 110" in said


def test_admin_command_invites_and_only_newest_link_works(own_city: City) -> None:
    first = own_city.run("admin", "mayor", "--display-name", "老市长")
    again = own_city.run("admin", "mayor")
    assert (first.code, again.code) == (0, 0)
    secrets = [re.sub(r".*/invite/", "", ran.out.strip()) for ran in (first, again)]
    user = User.objects.get(username="mayor")
    assert (str(user), user.has_usable_password()) == ("老市长", False)
    assert [client_sees(secret) for secret in secrets] == [404, 200]
    assert actor_of(user).has("admin")
    # The command reactivates an account; the history records that without a user.
    User.objects.filter(username="mayor").update(is_active=False)
    Post.objects.filter(user=user).update(active=False)
    assert own_city.run("admin", "mayor").code == 0
    assert actor_of(user).has("admin")
    assert set(new_changes().values_list("user", flat=True)) == {None}
    assert {"user", "post"} == set(new_changes().values_list("kind", flat=True))
    bad = own_city.run("admin", "Not a name")
    assert (bad.code, bad.out) == (1, "")
    assert "登录名" in bad.err


def client_sees(secret: str) -> int:
    return Client().get(f"/invite/{secret}").status_code


def test_admin_command_creates_missing_desk_unit(own_city: City) -> None:
    Invitation.objects.all().delete()
    Unit.objects.filter(kind="desk").update(active=False, code="old", name="旧")
    assert own_city.run("admin", "mayor").code == 0
    desk = Unit.objects.get(code="platform")
    assert (desk.kind, desk.name, desk.active) == ("desk", "应呼平台", True)
    assert Post.objects.get(user__username="mayor").unit == desk
