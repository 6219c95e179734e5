"""Login: no public sign-up, rate-limited guessing, a second factor outside the demo."""

from __future__ import annotations

import time
from typing import ClassVar

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.mail import EmailMessage
from django.test import Client, override_settings
from django.urls import include, path

from tests.cast import Cast
from tests.live import Live
from yinghu import demo
from yinghu.demo.cast import close_demo_logins
from yinghu.people.models import ApiToken, User
from yinghu.site.urls import account_routes

PASSWORD = "a-pass-of-a-clerk"
LOGIN = "/accounts/login/"
ACTIVATE = "/accounts/2fa/totp/activate/"


@pytest.fixture
def clerk(db: None) -> User:
    return User.objects.create_user(username="clerk-of-test", password=PASSWORD)


def log_in(client: Client, password: str = PASSWORD, **extra: str) -> int:
    sent = {"login": "clerk-of-test", "password": password}
    return client.post(LOGIN, sent, headers=extra).status_code


def test_password_login_succeeds(client: Client, clerk: User) -> None:
    assert log_in(client) == 302
    assert client.session["_auth_user_id"] == str(clerk.pk)


@pytest.mark.django_db
def test_sign_up_is_disabled(client: Client) -> None:
    sent = {"username": "me", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/accounts/signup/", sent)
    assert not User.objects.filter(username="me").exists()


def test_forged_sender_addresses_do_not_evade_the_login_limit(live: Live, client: Client) -> None:
    import urllib.error
    import urllib.parse
    import urllib.request
    from http.cookiejar import CookieJar

    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    codes = []
    for turn in range(12):
        opener.open(f"{live.url}{LOGIN}").read()
        token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
        sent = {"login": "guessed", "password": f"guess-{turn}", "csrfmiddlewaretoken": token}
        request = urllib.request.Request(  # noqa: S310  # our own server
            f"{live.url}{LOGIN}",
            urllib.parse.urlencode(sent).encode(),
            {"X-Forwarded-For": f"192.0.2.{turn}", "Referer": live.url},
        )
        try:
            with opener.open(request) as answer:
                codes.append(answer.status)
                page = answer.read().decode()
        except urllib.error.HTTPError as error:
            codes.append(error.code)
    assert codes[:3] == [200, 200, 200]
    assert codes[-1] == 429 or "太多" in page or "次数" in page


@override_settings(SECOND_FACTOR_REQUIRED=True)
def test_password_alone_redirects_to_second_factor_setup(client: Client, clerk: User) -> None:
    assert log_in(client) == 302
    for page in ("/", "/desk", "/board"):
        answer = client.get(page)
        assert (answer.status_code, answer.headers["Location"]) == (302, ACTIVATE)
    refusal = client.get("/api/v1/categories")
    assert (refusal.status_code, refusal.json()["code"]) == (403, "second_factor")


@override_settings(SECOND_FACTOR_REQUIRED=True)
def test_second_factor_is_sealed_and_required(client: Client, clerk: User) -> None:
    log_in(client)
    again = client.get(ACTIVATE).headers["Location"]
    assert again.startswith("/accounts/reauthenticate/")
    assert client.post(again, {"password": PASSWORD}).headers["Location"] == ACTIVATE
    client.get(ACTIVATE)
    secret = client.session["mfa.totp.secret"]

    def activate() -> int:
        code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
        return client.post(ACTIVATE, {"code": code}).status_code

    # Retry in case the first code's thirty seconds have just ended.
    assert activate() == 302 or activate() == 302
    kept = Authenticator.objects.get(user=clerk, type=Authenticator.Type.TOTP)
    assert secret not in str(kept.data)
    client.logout()
    assert log_in(client) == 302
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "signup/",
        "password/reset/",
        "password/reset/key/1-set-password/",
        "email/",
        "confirm-email/",
    ],
)
def test_mail_pages_are_absent_without_a_mail_server(client: Client, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404


@override_settings(DEMO=False)
def test_password_can_be_changed(client: Client, clerk: User) -> None:
    path = "/accounts/password/change/"
    assert client.get(path).headers["Location"] == f"{LOGIN}?next={path}"
    log_in(client)
    new = "another-pass-of-a-clerk"
    sent = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.get(path).status_code == 200
    assert client.post(path, sent).status_code == 302
    clerk.refresh_from_db()
    assert clerk.check_password(new)


@pytest.mark.parametrize(
    "path",
    [
        *("password/change/", "password/set/", "2fa/", "2fa/totp/activate/"),
        *("2fa/totp/deactivate/", "2fa/recovery-codes/generate/"),
    ],
)
def test_demo_mode_hides_pages_for_own_credentials(client: Client, city: Cast, path: str) -> None:
    client.post("/demo-login", {"username": "clerk"})
    assert client.get("/desk", follow=True).status_code == 200
    sent = {"password1": PASSWORD, "password2": PASSWORD}
    assert client.get(f"/accounts/{path}").status_code == 404
    # 405 where the page could not be sent at all.
    assert client.post(f"/accounts/{path}", sent).status_code in {404, 405}
    assert not User.objects.get(username="clerk").has_usable_password()


class _WithMail:
    urlpatterns: ClassVar = [
        path("accounts/", include(account_routes(mail=True))),
        path("i18n/", include("django.conf.urls.i18n")),
        path("", include("yinghu.web.urls")),
    ]


@override_settings(
    ROOT_URLCONF=_WithMail, DEMO=False, SITE_URL="https://help.example.org", ALLOWED_HOSTS=["*"]
)
def test_mail_links_use_the_site_url_not_the_host_header(
    client: Client, clerk: User, mailoutbox: list[EmailMessage]
) -> None:
    clerk.email = "clerk@example.org"
    clerk.save()
    for address in ("clerk@example.org", "nobody@example.org"):
        sent = client.post(
            "/accounts/password/reset/", {"email": address}, headers={"Host": "evil.example"}
        )
        assert sent.status_code == 302
    (mail,) = mailoutbox
    assert mail.to == ["clerk@example.org"]
    assert mail.message()["Auto-Submitted"] == "auto-generated"
    assert "https://help.example.org/accounts/password/reset/key/" in mail.body
    assert "//evil.example" not in mail.body
    assert client.get("/accounts/signup/").status_code == 404


def test_close_demo_logins_deactivates_logins_and_tokens(city: Cast, client: Client) -> None:
    clerk = User.objects.get(username="clerk")
    key = ApiToken.objects.create(user=clerk, name="a key", digest=b"0" * 32)
    own = User.objects.create_user(username="own", password=PASSWORD)
    client.post("/demo-login", {"username": "clerk"})
    names = {name for name, _words in demo.logins()}
    assert set(close_demo_logins()) == names
    assert close_demo_logins() == []
    assert not User.objects.filter(username__in=names, is_active=True).exists()
    key.refresh_from_db()
    assert key.revoked_at is not None
    own.refresh_from_db()
    assert own.is_active
    assert client.get("/desk").headers["Location"].startswith(LOGIN)


def test_each_demo_login_is_closed_by_itself(city: Cast) -> None:
    # One was renamed, and one belongs to somebody of the city now.
    User.objects.filter(username="volunteer").update(username="another")
    User.objects.filter(username="operator").update(display_name="话务员老李")
    closed = close_demo_logins()
    assert len(closed) == len(demo.logins()) - 2
    assert not User.objects.get(username="clerk").is_active
    assert User.objects.get(username="operator").is_active
    assert User.objects.get(username="another").is_active
