"""Rows and tables that somebody holds for long, or no connection at all: pages answer in words.

Real processes, because the limits are those of the web server's connections.
"""

from __future__ import annotations

import re

import httpx
import psycopg
import pytest
from django.db import connection, transaction
from django.test import Client

from tests.cast import Cast, dispatched, file_one
from tests.databases import database_url
from tests.homes import Up
from tests.live import Live, until
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


def admit(name: str, allow: bool) -> None:
    """Let the database take connections, or none and end those that it has."""
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allow}")
        if not allow:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                [name],
            )


def test_without_connections_everything_says_to_try_again(own_run: Up) -> None:
    """On a database of its own, since no process of another test may lose its connections."""
    name = own_run.environment["DATABASE_URL"].partition("?")[0].rpartition("/")[2]
    with httpx.Client(base_url=own_run.url, timeout=PATIENCE) as http:
        assert http.get("/find").status_code == 200
        admit(name, False)
        page = http.get("/p/anywhere")
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "请稍等再试" in page.text
        api = http.get("/api/v1/appeals", headers={"Authorization": "Bearer yh_x"})
        assert (api.status_code, api.json()["code"]) == (503, "no_database")
        filing = http.post(
            "/api/v1/appeals", json={"body": "没有水"}, headers={"Authorization": "Bearer yh_x"}
        )
        assert (filing.status_code, filing.json()["code"]) == (503, "no_database")
        health = http.get("/healthz")
        assert (health.status_code, health.json()["filings"]) == (503, "refused")
        admit(name, True)
        until(lambda: http.get("/p/anywhere").status_code == 404, "pages to be back")
