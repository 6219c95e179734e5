"""Rows and tables that somebody holds for long: pages answer in words and others are served.

Real processes, because the limits are those of the web server's connections.
"""

from __future__ import annotations

import re

import httpx
import pytest
from django.db import connection, transaction
from django.test import Client

from tests.cast import Cast, dispatched, file_one
from tests.live import Live
from tests.sessions import log_client_in
from yinghu.people.models import User

pytestmark = pytest.mark.process

PATIENCE = 60.0


def browser_of(live: Live, username: str) -> httpx.Client:
    client = Client()
    log_client_in(client, User.objects.get(username=username))
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    return httpx.Client(base_url=live.url, timeout=PATIENCE, cookies=cookies)


def test_press_on_a_locked_case_is_answered_in_words(live: Live, live_city: Cast) -> None:
    appeal = dispatched(file_one(), live_city)
    live.drain()
    with browser_of(live, "milk-handler") as http:
        page = http.get(f"/desk/case/{appeal.number}").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found is not None
        given = {"csrfmiddlewaretoken": found[1], "version": "3"}
        accept = f"/desk/case/{appeal.number}/accept"
        headers = {"Referer": live.url}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT FROM appeals_appeal WHERE id = %s FOR UPDATE", [appeal.pk])
            refused = http.post(accept, data=given, headers=headers)
            assert refused.status_code == 409
            assert "别人正在办这件诉求" in refused.text
            # Reading waits for nobody.
            assert http.get(f"/desk/case/{appeal.number}").status_code == 200
        assert http.post(accept, data=given, headers=headers).status_code == 302
    live.drain()


def test_page_that_cannot_read_a_table_says_to_try_again(live: Live, live_city: Cast) -> None:
    with httpx.Client(base_url=live.url, timeout=PATIENCE) as http:
        assert http.get("/p/xiuhu").status_code == 200
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE places_place IN ACCESS EXCLUSIVE MODE")
            page = http.get("/p/xiuhu")
            assert page.status_code == 503
            assert page.headers["retry-after"] == "5"
            assert "请稍等再试" in page.text
            assert http.get("/accounts/login/").status_code == 200
        assert http.get("/p/xiuhu").status_code == 200
    # The server logs what it could not read.
    live.forgive()
