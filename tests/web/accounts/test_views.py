"""Login, access to desks, and error pages."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.cast import file_one
from tests.web.conftest import Browse, text_of
from yinghu.appeals.models import Appeal
from yinghu.people.models import User

HOMES = {
    "clerk": "/desk/triage",
    "dispatcher": "/desk/dispatch",
    "operator": "/desk/callback",
    "commander": "/board",
    "supervisor": "/board",
    "admin": "/setup/",
    "milk-handler": "/desk/inbox",
    "town-head": "/desk/inbox",
    "volunteer": "/field",
    "grid-worker": "/field",
}


@pytest.mark.parametrize("username", HOMES)
def test_everyone_lands_on_their_own_desk(browse: Browse, username: str) -> None:
    # Until a case is resolved, administrators begin at the guide (`test_first_run.py`).
    Appeal.objects.filter(pk=file_one().pk).update(status="resolved")
    client = browse()
    page = client.post("/demo-login", {"username": username}, follow=True)
    assert page.redirect_chain == [("/desk", 302), (HOMES[username], 302)]
    assert page.status_code == 200
    assert re.search(rf'href="{HOMES[username]}"\s+aria-current="page"', text_of(page))


def test_one_click_logins_exist_in_demo_mode_only(browse: Browse, settings: Settings) -> None:
    client = browse()
    assert "演示登录" in text_of(client.get("/"))
    settings.DEMO = False
    assert "演示登录" not in text_of(client.get("/"))
    assert client.post("/demo-login", {"username": "clerk"}).status_code == 404


def test_one_click_login_is_refused_for_real_accounts(browse: Browse) -> None:
    user = User.objects.get(username="clerk")
    user.set_password("a-real-one-now")
    user.save()
    User.objects.create_user(username="boss")
    for name in ("clerk", "boss", "", "nobody"):
        assert browse().post("/demo-login", {"username": name}).status_code == 404


def test_one_click_login_requires_post_and_csrf_token(browse: Browse) -> None:
    assert browse().get("/demo-login").status_code == 405
    assert (
        browse(enforce_csrf_checks=True).post("/demo-login", {"username": "clerk"}).status_code
        == 403
    )


def test_password_login_leads_to_the_desk(browse: Browse) -> None:
    User.objects.filter(username="clerk").update(password="")
    user = User.objects.get(username="clerk")
    user.set_password("Xiangyu-2026-long")
    user.save()
    client = browse()
    page = client.get("/login", follow=True)
    assert page.redirect_chain == [("/accounts/login/", 302)]
    said = client.post(
        "/accounts/login/",
        {"login": "clerk", "password": "Xiangyu-2026-long", "next": "/desk"},
        follow=True,
    )
    assert said.redirect_chain[-1] == ("/desk/triage", 302)


def test_unknown_names_do_not_evict_failed_login_counts(browse: Browse) -> None:
    cache.clear()

    def wrong(name: str, address: str) -> str:
        client = browse(REMOTE_ADDR=address)
        given = {"login": name, "password": "not this one"}
        return text_of(client.post("/accounts/login/", given))

    for _try in range(5):
        assert "密码输错太多次了" not in wrong("clerk", "192.0.2.1")
    assert "密码输错太多次了" in wrong("clerk", "192.0.2.1")
    for number in range(200):
        wrong(f"nobody-{number}", f"198.51.100.{number}")
    assert "密码输错太多次了" in wrong("clerk", "192.0.2.1")
    # The owner comes from elsewhere, and is not locked out by a stranger.
    assert "密码输错太多次了" not in wrong("clerk", "192.0.2.7")
    cache.clear()


PAGES = (
    "/desk",
    "/desk/triage",
    "/desk/dispatch",
    "/desk/inbox",
    "/desk/callback",
    "/desk/search",
    "/desk/areas",
    "/setup/place/",
    "/desk/case/0000-0001-3",
    "/field",
    "/field/0000-0001-3",
    "/board",
)


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_asked_to_log_in(browse: Browse, path: str) -> None:
    page = browse().get(path)
    assert page.status_code == 302
    assert page.headers["Location"] == f"/accounts/login/?next={path}"


def test_desks_of_other_roles_are_forbidden(browse: Browse) -> None:
    closed = {
        "volunteer": ["triage", "dispatch", "inbox", "callback"],
        "milk-handler": ["triage", "dispatch", "callback"],
        "clerk": ["dispatch", "inbox"],
    }
    for username, desks in closed.items():
        client = browse(username)
        answers = {desk: client.get(f"/desk/{desk}").status_code for desk in desks}
        assert answers == dict.fromkeys(desks, 403)
    assert browse("volunteer").get("/board").status_code == 403


def test_login_without_a_post_is_forbidden_everywhere(browse: Browse) -> None:
    User.objects.create_user(username="leaver")
    client = browse("leaver")
    assert [client.get(path).status_code for path in PAGES] == [403] * len(PAGES)


def test_pages_have_no_inline_code_and_no_third_party(browse: Browse) -> None:
    for client, path in ((browse(), "/"), (browse(), "/file"), (browse("clerk"), "/board")):
        page = client.get(path)
        policy = page.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        said = text_of(page)
        assert " style=" not in said
        assert "<style" not in said
        assert "<script>" not in said
        assert " onclick" not in said
        assert "//cdn" not in said


def test_error_pages_use_the_users_language(browse: Browse) -> None:
    page = browse().get("/no-such-page", headers={"Accept-Language": "en"})
    assert page.status_code == 404
    assert 'lang="en"' in text_of(page)
    client = Client(raise_request_exception=False)
    page = client.post("/find", {f"f{n}": "x" for n in range(1200)})
    assert page.status_code == 413


def test_password_alone_allows_only_second_factor_setup(browse: Browse, settings: Settings) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    user = User.objects.get(username="clerk")
    user.set_password("Xiangyu-2026-long")
    user.save()
    client = browse()
    page = client.post(
        "/accounts/login/",
        {"login": "clerk", "password": "Xiangyu-2026-long", "next": "/desk"},
        follow=True,
    )
    activate = "/accounts/2fa/totp/activate/"
    assert "请再输一次密码" in text_of(page)
    page = client.post(
        "/accounts/reauthenticate/",
        {"password": "Xiangyu-2026-long", "next": activate},
        follow=True,
    )
    assert page.redirect_chain[-1][0] == activate
    said = text_of(page)
    assert "设置动态码" in said
    assert 'placeholder="动态码"' in said
    assert 'src="data:image/svg+xml' in said
    assert client.get("/desk/triage").status_code == 302


def test_server_error_is_shown_as_a_page(browse: Browse) -> None:
    appeal = file_one()
    Appeal.objects.filter(pk=appeal.pk).update(phone=b"\x01no key opens this")
    page = browse("clerk", raise_request_exception=False).get(f"/desk/case/{appeal.number}")
    assert page.status_code == 500
    assert "是我们这边出了问题" in text_of(page)
