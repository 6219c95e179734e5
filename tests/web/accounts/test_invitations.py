"""Invitation links: second factors, sessions and retired logins."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast
from tests.web.conftest import Browse, text_of
from yinghu.people.models import Change, User

pytestmark = pytest.mark.django_db
OLD, NEW = "old-qingshan-words", "new-qingshan-words"


@pytest.fixture
def worker(city: Cast) -> User:
    """A login with a password."""
    user = User.objects.create_user(username="worker", password=OLD, display_name="小工")
    user.posts.create(unit_id=User.objects.get(username="clerk").posts.get().unit_id, role="clerk")
    return user


def invite(admin: Client, **given: str) -> str:
    found = re.search(r"/invite/([\w-]+)", text_of(admin.post("/setup/user/worker/invite", given)))
    assert found
    return found[1]


def choose(client: Client, secret: str) -> str:
    """Set the new password; return the address that it redirects to."""
    words = {"new_password1": NEW, "new_password2": NEW}
    return client.post(f"/invite/{secret}", words).headers["Location"]


def test_link_does_not_bypass_the_second_factor(browse: Browse, worker: User) -> None:
    TOTP.activate(worker, "A" * 32)
    thief = browse()
    assert choose(thief, invite(browse("admin"))) == "/accounts/login/"
    assert thief.get("/desk/triage").headers["Location"].startswith("/accounts/login/")
    worker.refresh_from_db()
    assert worker.check_password(NEW)
    assert Authenticator.objects.filter(user=worker).exists()


def test_lost_phone_resets_second_factor_and_password(
    browse: Browse, worker: User, settings: Settings
) -> None:
    TOTP.activate(worker, "A" * 32)
    phone = browse("worker")
    settings.DEMO = False
    assert 'name="anew"' in text_of(browse("admin").get("/setup/user/worker"))
    secret = invite(browse("admin"), anew="1")
    worker.refresh_from_db()
    assert not worker.check_password(OLD)
    assert not Authenticator.objects.filter(user=worker).exists()
    assert phone.get("/desk/triage").status_code == 302
    change = Change.objects.get(kind="user", key="worker", after__has_key="second_factor")
    assert change.user == User.objects.get(username="admin")
    assert "动态码" in text_of(browse("admin").get("/setup/user/worker/history"))
    # The new password leads straight to second-factor setup, without reauthentication.
    settings.SECOND_FACTOR_REQUIRED = True
    client = browse()
    assert choose(client, secret) == "/desk"
    page = client.get("/desk", follow=True)
    assert page.redirect_chain == [("/accounts/2fa/totp/activate/", 302)]
    assert "设置动态码" in text_of(page)


def test_new_password_ends_existing_sessions(browse: Browse, worker: User) -> None:
    elsewhere = browse("worker")
    assert elsewhere.get("/desk/triage").status_code == 200
    assert choose(browse(), invite(browse("admin"))) == "/desk"
    assert elsewhere.get("/desk/triage").status_code == 302


def test_restored_login_must_log_in_again(browse: Browse, worker: User) -> None:
    admin, client, other = browse("admin"), browse("worker"), browse("clerk")
    assert client.get("/desk/triage").status_code == 200
    admin.post("/setup/user/worker/retire")
    admin.post("/setup/user/worker/restore")
    worker.refresh_from_db()
    assert worker.is_active
    assert client.get("/desk/triage").status_code == 302
    assert other.get("/desk/triage").status_code == 200


def test_history_records_a_password_change_without_secrets(browse: Browse, worker: User) -> None:
    secret = invite(browse("admin"))
    choose(browse(), secret)
    told = list(Change.objects.filter(kind="user", key="worker").order_by("pk"))
    assert [(each.user, each.after) for each in told] == [
        (User.objects.get(username="admin"), {"invited": True}),
        (worker, {"password": True}),
    ]
    said = text_of(browse("admin").get("/setup/user/worker/history"))
    assert "用邀请链接设了密码" in said
    assert "发了邀请链接" in said
    assert "新增" not in said
    assert NEW not in said
    assert secret not in said
