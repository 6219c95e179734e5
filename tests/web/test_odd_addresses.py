"""Malformed addresses, headers and cookies never cause a server error."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import Cast
from tests.web.conftest import Browse


@pytest.mark.parametrize(
    "address",
    [
        "/geo/%00.json",
        "/accounts/login/?next=http://[",
        "/desk/cases?until=9999-12-31",
        "/desk/cases?since=0001-01-01",
        "/desk/cases.csv?until=9999-12-31",
        "/desk/search?q=x&until=9999-12-31",
        "/setup/place/-/sheet?code=%00",
    ],
)
def test_malformed_addresses_give_no_server_error(browse: Browse, city: Cast, address: str) -> None:
    for client in (Client(), browse("clerk"), browse("admin")):
        assert client.get(address).status_code < 500


def test_ended_session_with_a_bad_referer_keeps_typed_words(city: Cast) -> None:
    page = Client().post(
        "/desk/case/0000-0001-3/note", {"words": "写了半天"}, headers={"referer": "http://["}
    )
    assert page.status_code == 401
    assert "写了半天" in page.content.decode()


@pytest.mark.parametrize("key", ["\x00" * 10, "x" * 5000, "ä" * 10])
def test_malformed_session_cookie_causes_no_server_error(city: Cast, key: str) -> None:
    client = Client()
    client.cookies["yinghu_session"] = key
    for address in ("/", "/mine", "/desk"):
        assert client.get(address).status_code < 500
