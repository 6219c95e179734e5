"""Concurrency limit of the web server: few requests at a time, not blocked by slow ones."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings
from django.db import transaction
from django.test import Client

from benchmarks.field import take_request
from tests.cast import Cast, dispatched, file_one
from tests.databases import database_url
from tests.errands.errands import helper
from tests.live import Live, until
from tests.loops import result_of
from yinghu.appeals.models import Event
from yinghu.common.concurrency_limit import AT_ONCE, ConcurrencyLimit
from yinghu.errands import actions as errand_actions
from yinghu.errands.models import ErrandTemplate, Leg
from yinghu.people.access import SYSTEM
from yinghu.people.models import User


def most_at_once(line: ConcurrencyLimit, people: int) -> Any:
    """Coroutine: the highest number of `people` let through at the same time."""

    async def play() -> int:
        inside = most = 0

        async def one() -> None:
            nonlocal inside, most
            async with line.turn():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(people)))
        return most

    return play()


def test_concurrency_is_capped_and_all_requests_run() -> None:
    async def play() -> int:
        return int(await most_at_once(ConcurrencyLimit(), 50))

    assert result_of(play()) == AT_ONCE


def test_slow_requests_give_up_their_slots_once() -> None:
    async def play() -> int:
        line, over = ConcurrencyLimit(), asyncio.Event()

        async def slow() -> None:
            async with line.turn():
                await over.wait()

        stuck = [asyncio.create_task(slow()) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        most = await asyncio.wait_for(most_at_once(line, 50), 30)
        assert not any(task.done() for task in stuck)
        over.set()
        await asyncio.gather(*stuck)
        # Their slots were given up already.
        assert await most_at_once(line, 50) == most
        return int(most)

    assert result_of(play()) == AT_ONCE


@contextlib.contextmanager
def locked(live: Live, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """Hold the locks of this statement, on another connection."""
    with psycopg.connect(database_url(live.name)) as other:
        other.execute(statement)
        yield other
        other.rollback()


def waiting(other: psycopg.Connection[Any]) -> int:
    """Number of connections that wait for a lock of this one."""
    row = other.execute(
        "SELECT count(DISTINCT pid) FROM pg_locks "
        "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    ).fetchone()
    return int(row[0]) if row else 0


def test_pages_are_served_while_others_wait_for_a_lock(live: Live) -> None:
    answers: list[int] = []

    def ask(path: str) -> None:
        with urllib.request.urlopen(live.url + path, timeout=60) as answer:  # noqa: S310  # our own
            answers.append(answer.status)

    slow = [threading.Thread(target=ask, args=("/join/care",)) for _ in range(AT_ONCE + 5)]
    with locked(live, "LOCK TABLE people_unit IN ACCESS EXCLUSIVE MODE") as other:
        for thread in slow:
            thread.start()
        until(lambda: waiting(other) == len(slow), "all of them to wait")
        ask("/accounts/login/")
        assert answers == [200]
    for thread in slow:
        thread.join()
    assert answers == [200] * (len(slow) + 1)
    # An outage breaks the idle connections of the pool; the next request is served anyway.
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = %s AND usename = current_user AND state = 'idle' "
            "AND query NOT LIKE 'LISTEN%%'",
            [live.name],
        )
    ask("/join/care")
    live.renew_worker()


def test_request_completes_after_the_client_disconnects(live: Live, live_city: Cast) -> None:
    ErrandTemplate.objects.update(active=False)
    with transaction.atomic():
        # In one transaction, so that the worker does not react in between.
        appeal = dispatched(file_one(area="330782001"), live_city)
        errand_actions.plan(appeal.pk, SYSTEM, specs=[{"kind": "visit", "where": "home"}])
    leg = Leg.objects.get(appeal=appeal)
    client = Client()
    client.force_login(User.objects.get(pk=helper("跑腿小李").user_id or 0))
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    host, port = live.url.removeprefix("http://").split(":")
    with (
        locked(live, "SELECT 1 FROM appeals_appeal FOR UPDATE") as other,
        socket.create_connection((host, int(port)), timeout=30) as phone,
    ):
        phone.sendall(take_request(key, leg.pk).encode())
        until(lambda: waiting(other), "the press to wait for its case")
    until(lambda: Leg.objects.get(pk=leg.pk).state == Leg.State.TAKEN, "the leg to be taken")
    assert Event.objects.filter(appeal=appeal, verb="take").count() == 1
