"""The pages that people wait for, over the real server, with a million appeals behind them."""

from __future__ import annotations

import argparse
import http.client
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from yinghu.bench import Figure

HELP = "triage inbox, unit inbox, case, search and board with a million appeals"
LIMIT_MS = 100.0
TERMS = (
    "路灯",
    "奶粉",
    "高血压的药",
    "消防通道",
    "拖欠工资",
    "停水 婴儿",
    "公交车",
    "居住证",
    "幼儿园招生",
)

FILTERS = (
    "status=filed&category=-",
    "status=closed&unit=food",
    "category=medicine&area=330782008",
    "area=330782100&status=handling",
    "channel=hotline&klass=need",
    "urgency=3&status=resolved",
    "late=1",
    "late=1&unit=bureau-urban",
    "free=1&status=assigned",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--appeals", type=int, default=1_000_000, help="(default 1000000)")
    parser.add_argument("--requests", type=int, default=200, help="of each page (default 200)")
    parser.add_argument("--keep", action="store_true", help="keep the database and say its address")


def run(options: argparse.Namespace) -> list[Figure]:
    """Seed, serve, ask each page `requests` times one after another, and time the whole answers."""
    from yinghu import demo
    from yinghu.bench.city import own_database, percentile, say, serving
    from yinghu.bench.seed import fill

    figures = []
    with own_database("pages", keep=options.keep) as url:
        demo.load_people()
        start = time.perf_counter()
        fill(options.appeals)
        say(f"pages: {options.appeals} appeals seeded in {time.perf_counter() - start:.0f} s")
        sessions = {name: session(name) for name in ("clerk", "urban-handler", "commander")}
        with serving(url) as port:
            for name, who, path in _pages(options.appeals):
                times = _ask(port, sessions[who], path, options.requests)
                half, most = percentile(times, 0.5), percentile(times, 0.95)
                say(f"  {name}: p50 {half:.1f} ms, p95 {most:.1f} ms")
                figures.append(Figure(f"{name} p50", half, "ms"))
                figures.append(Figure(f"{name} p95", most, "ms", LIMIT_MS))
    return figures


def _pages(appeals: int) -> Sequence[tuple[str, str, Callable[[], str]]]:
    from urllib.parse import quote

    from yinghu.appeals.numbers import number_of

    chance = random.Random(3)  # noqa: S311  # the same each run
    return (
        ("triage inbox", "clerk", lambda: "/desk/triage"),
        ("unit inbox", "urban-handler", lambda: "/desk/inbox"),
        ("case page", "clerk", lambda: f"/desk/case/{number_of(chance.randint(1, appeals))}"),
        ("search", "clerk", lambda: f"/desk/search?q={quote(chance.choice(TERMS))}"),
        (
            "search by a unit",
            "urban-handler",
            lambda: f"/desk/search?q={quote(chance.choice(TERMS))}",
        ),
        ("search, nothing found", "commander", lambda: f"/desk/search?q={quote('路灯奶粉' * 2)}"),
        ("cases, all", "clerk", lambda: "/desk/cases"),
        (
            "cases, two filters",
            "clerk",
            lambda: f"/desk/cases?{chance.choice(FILTERS)}",
        ),
        ("cases of a unit", "urban-handler", lambda: "/desk/cases?status=handling&mine=1"),
        ("board, week", "commander", lambda: "/board"),
        ("board, all", "commander", lambda: "/board?period=all"),
    )


def session(username: str) -> str:
    """The cookie of a login with a second factor, as production asks for."""
    from allauth.mfa.models import Authenticator
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from yinghu.people.models import User

    user = User.objects.get(username=username)
    Authenticator.objects.get_or_create(user=user, type="totp", defaults={"data": {}})
    session: Any = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def _ask(port: int, cookie: str, path: Callable[[], str], requests: int) -> list[float]:
    """Milliseconds from sending a request to its last byte, on one connection, ten to warm up."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times = []
    for _number in range(requests + 10):
        wanted = path()
        start = time.perf_counter()
        connection.request("GET", wanted, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        times.append(1000 * (time.perf_counter() - start))
        if answer.status != 200:
            raise RuntimeError(f"{wanted}: {answer.status} {answer.getheader('Location')}")
    connection.close()
    return times[10:]
