"""Logging in: closed to the public, slow for guessers, with a second factor outside the demo."""

from __future__ import annotations

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client, override_settings

from tests.live import Live
from yinghu.people.models import User

PASSWORD = "a-pass-of-a-clerk"
LOGIN = "/accounts/login/"
ACTIVATE = "/accounts/2fa/totp/activate/"


@pytest.fixture
def clerk(db: None) -> User:
    return User.objects.create_user(username="clerk-of-test", password=PASSWORD)


def log_in(client: Client, password: str = PASSWORD, **extra: str) -> int:
    sent = {"login": "clerk-of-test", "password": password}
    return client.post(LOGIN, sent, headers=extra).status_code


def test_a_password_lets_in(client: Client, clerk: User) -> None:
    assert log_in(client) == 302
    assert client.session["_auth_user_id"] == str(clerk.pk)


@pytest.mark.django_db
def test_nobody_signs_up(client: Client) -> None:
    sent = {"username": "me", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/accounts/signup/", sent)
    assert not User.objects.filter(username="me").exists()


def test_guessing_is_slowed_down_whatever_the_guesser_claims_to_be(
    live: Live, client: Client
) -> None:
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
        request = urllib.request.Request(  # noqa: S310
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
def test_outside_the_demo_a_password_alone_leads_to_the_second_factor(
    client: Client, clerk: User
) -> None:
    assert log_in(client) == 302
    for path in ("/", "/desk", "/board"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, ACTIVATE)
    refusal = client.get("/api/v1/categories")
    assert (refusal.status_code, refusal.json()["code"]) == (403, "second_factor")


@override_settings(SECOND_FACTOR_REQUIRED=True)
def test_the_second_factor_is_sealed_and_asked_for(client: Client, clerk: User) -> None:
    log_in(client)
    again = client.get(ACTIVATE).headers["Location"]
    assert again.startswith("/accounts/reauthenticate/")
    assert client.post(again, {"password": PASSWORD}).headers["Location"] == ACTIVATE
    client.get(ACTIVATE)
    secret = client.session["mfa.totp.secret"]

    def code() -> str:
        return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))

    assert client.post(ACTIVATE, {"code": code()}).status_code == 302
    kept = Authenticator.objects.get(user=clerk, type=Authenticator.Type.TOTP)
    assert secret not in str(kept.data)
    client.logout()
    assert log_in(client) == 302
    assert "_auth_user_id" not in client.session
