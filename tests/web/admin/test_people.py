"""Accounts and posts in the set-up, and invitations, including attempts to misuse them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, taken_milk
from tests.jobs import do_queued
from tests.web.conftest import Browse, text_of
from yinghu.common.rate_limit import buckets
from yinghu.config.log_config import without_secrets
from yinghu.errands.membership import FREE_TASK
from yinghu.people.access import actor_of
from yinghu.people.models import Change, Invitation, Post, User

pytestmark = pytest.mark.django_db
GOOD = "应呼-longer-than-8"


def make_user(admin: Client, name: str = "wang.xm") -> User:
    admin.post("/setup/user/-/new", {"username": name, "display_name": "王小明"})
    return User.objects.get(username=name)


def invite(admin: Client, name: str = "wang.xm") -> str:
    """Invite the user; return the secret of the link on the page."""
    page = text_of(admin.post(f"/setup/user/{name}/invite"))
    found = re.search(r"/invite/([\w-]+)", page)
    assert found
    return found[1]


def choose(client: Client, secret: str, password: str = GOOD, again: str = "") -> int:
    words = {"new_password1": password, "new_password2": again or password}
    return client.post(f"/invite/{secret}", words).status_code


def test_user_is_created_given_a_post_and_invited(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    user = make_user(admin)
    assert not user.has_usable_password()
    post = {"user": "wang.xm", "unit": "milk", "role": "handler", "area": ""}
    assert admin.post("/setup/post/-/new", post).status_code == 302
    again = admin.post("/setup/post/-/new", post)
    assert "这个人已经有这个岗位了" in text_of(again)
    assert actor_of(user).has("handler")
    told = Change.objects.filter(user__username="admin").order_by("pk")
    assert [(change.kind, change.key) for change in told] == [
        ("user", "wang.xm"),
        ("post", "wang.xm:milk:handler:"),
    ]

    secret = invite(admin)
    assert secret not in str(list(Change.objects.values_list("before", "after")))
    stranger = Client()
    welcome = text_of(stranger.get(f"/invite/{secret}"))
    assert "王小明，欢迎" in welcome
    assert "奶粉组 · 经办人" in welcome
    for password, again_, why in (
        ("12345678", "", 422),
        ("short", "", 422),
        (GOOD, "another-one", 422),
        ("wang.xm1", "", 422),
    ):
        assert choose(stranger, secret, password, again_) == why
    assert choose(stranger, secret) == 302
    assert stranger.get("/desk/inbox").status_code == 200
    user.refresh_from_db()
    assert user.check_password(GOOD)
    # A used link is as invalid as an unknown one.
    assert choose(Client(), secret, "another-password-9") == 404
    user.refresh_from_db()
    assert user.check_password(GOOD)


def test_revoke_button_is_shown_only_for_an_open_link(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    make_user(admin)
    where, end = "/setup/user/wang.xm", "作废已发的链接"
    assert end not in text_of(admin.get(where))
    invite(admin)
    page = text_of(admin.get(where))
    assert end in page
    assert "前一个就作废" in page
    assert "登录名 <code>wang.xm</code>" in page
    admin.post(f"{where}/revoke")
    assert end not in text_of(admin.get(where))
    secret = invite(admin)
    assert choose(Client(), secret) == 302
    assert end not in text_of(admin.get(where))


def test_administrator_post_with_area_gives_no_access(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    make_user(admin)
    post = {"user": "wang.xm", "unit": "platform", "role": "admin", "area": "330782001"}
    assert "管理员不能只管一片" in text_of(admin.post("/setup/post/-/new", post))
    assert not Post.objects.filter(user__username="wang.xm").exists()
    # A post from before this rule gives no access and is not counted as an administrator.
    mine = Post.objects.get(user__username="admin", role="admin")
    user = User.objects.get(username="wang.xm")
    Post.objects.create(user=user, unit=mine.unit, role="admin", area_id="330782001")
    limited = Client()
    limited.force_login(user)
    assert limited.get("/setup/").status_code == 403
    assert limited.post("/setup/user/wang.xm/invite").status_code == 403
    assert "最后一位管理员" in text_of(admin.post("/setup/user/admin/retire"))


def test_invalid_invitation_links_look_identical(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    user = make_user(admin)
    replaced, expired = invite(admin), invite(admin)
    Invitation.objects.filter(used_at=None, revoked_at=None).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    revoked = invite(admin)
    admin.post("/setup/user/wang.xm/revoke")
    off = invite(admin)
    User.objects.filter(pk=user.pk).update(is_active=False)
    pages = set()
    for secret in (replaced, expired, revoked, off, "x" * 32, "%00", "..%2f"):
        buckets.clear()
        page = Client().get(f"/invite/{secret}")
        assert page.status_code == 404, secret
        assert choose(Client(), secret) in {404, 403}
        if secret.isascii() and "%" not in secret:
            pages.add(re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text_of(page)))
    assert len({re.sub(r"/invite/[\w-]+", "", page) for page in pages}) == 1
    user.refresh_from_db()
    assert not user.has_usable_password()


def test_guessing_invitation_links_is_rate_limited(browse: Browse, city: Cast) -> None:
    thief = Client()
    said = [thief.get(f"/invite/{n:032d}").status_code for n in range(15)]
    assert said[0] == 404
    assert said[-1] == 429


def test_invitation_secret_is_removed_from_logs() -> None:
    secret = "aB3-_" * 6 + "xY"
    assert secret not in without_secrets(f"GET /invite/{secret} 200")
    assert secret not in without_secrets(f"GET /setup/invitation/{secret}.svg 200")


def test_only_administrators_manage_users_and_posts(browse: Browse, city: Cast) -> None:
    make_user(browse("admin"))
    for who in ("clerk", "commander", "milk-handler", "volunteer"):
        client = browse(who)
        for path in ("/setup/user/", "/setup/post/", "/setup/user/wang.xm"):
            assert client.get(path).status_code == 403
        for path in ("/setup/user/wang.xm/invite", "/setup/user/-/new", "/setup/post/-/new"):
            assert client.post(path, {"username": "x1", "display_name": "x"}).status_code == 403
    assert not Invitation.objects.exists()


def test_last_administrator_cannot_be_retired(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    assert "最后一位管理员" in text_of(admin.post("/setup/user/admin/retire"))
    assert "最后一位管理员" in text_of(admin.post("/setup/post/admin:platform:admin:/retire"))
    assert User.objects.get(username="admin").is_active
    make_user(admin)
    admin.post(
        "/setup/post/-/new", {"user": "wang.xm", "unit": "platform", "role": "admin", "area": ""}
    )
    assert admin.post("/setup/post/admin:platform:admin:/retire").status_code == 302
    assert not Post.objects.get(user__username="admin", role="admin").active
    assert admin.get("/setup/").status_code == 403


def test_retired_user_is_logged_out_and_releases_cases(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handler, admin = browse("milk-handler"), browse("admin")
    assert handler.get("/desk/inbox").status_code == 200
    said = text_of(admin.get("/setup/user/milk-handler/retire"))
    assert "手上有 1 件没办完的" in said
    admin.post("/setup/user/milk-handler/retire")
    assert handler.get("/desk/inbox").status_code == 302
    assert do_queued(FREE_TASK) == 1
    appeal.refresh_from_db()
    assert (appeal.status, appeal.holder_id) == ("assigned", None)
    assert appeal.events.order_by("seq").last().why == "承办人的账号停用了"  # type: ignore[union-attr]  # there are events
    assert admin.post("/setup/user/milk-handler/restore").status_code == 302
    assert User.objects.get(username="milk-handler").is_active


@pytest.mark.parametrize("kind", ["user", "post"])
def test_reimporting_an_export_changes_nothing(browse: Browse, city: Cast, kind: str) -> None:
    admin = browse("admin")
    out = admin.get(f"/setup/{kind}/-/export")
    assert out.status_code == 200
    assert b"password" not in out.content
    data = b"".join(out) if out.streaming else out.content
    page = admin.post(f"/setup/{kind}/-/import", {"file": SimpleUploadedFile("a.csv", data)})
    assert "这个文件什么也不会改" in text_of(page)


def test_demo_users_cannot_be_invited(browse: Browse, city: Cast) -> None:
    browse("admin").post("/setup/user/clerk/invite")
    assert not Invitation.objects.exists()
