"""Benchmark: response times of the main pages with a million appeals."""

import argparse
import http.client
import random
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

from benchmarks import Measurement
from benchmarks.databases import own_database
from benchmarks.logins import staff_cookie
from benchmarks.processes import percentile, progress, running_server
from benchmarks.seed import fill
from yinghu.appeals.numbers import number_of

HELP = "triage inbox, unit inbox, case, search and board with a million appeals"
LIMIT_MS = 100.0
BARE_PAGE = "/bare"
"""Defined by `benchmarks.urls` only."""
WARM_UP = 10
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
    "today=1",
    "klass=policy",
    "channel=file",
    "category=-",
    "unit=food&category=milk",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--appeals", type=int, default=1_000_000, help="(default 1000000)")
    parser.add_argument("--requests", type=int, default=200, help="of each page (default 200)")
    parser.add_argument("--keep", action="store_true", help="keep the database and print its URL")


def run(options: argparse.Namespace) -> list[Measurement]:
    """Seed and serve; request each page `requests` times, alternating with the bare page."""
    figures = []
    with own_database("pages", template=options.template, keep=options.keep) as url:
        start = time.perf_counter()
        fill(options.appeals)
        progress(f"pages: {options.appeals} appeals seeded in {time.perf_counter() - start:.0f} s")
        cookies = {name: staff_cookie(name) for name in ("clerk", "urban-handler", "commander")}
        all_bare = []
        with running_server(url, settings_module="benchmarks.settings") as port:
            for name, login, path in _pages(options.appeals):
                times, bare = _time_requests(port, cookies[login], path, options.requests)
                all_bare += bare
                half, most = percentile(times, 0.5), percentile(times, 0.95)
                bare_half = percentile(bare, 0.5)
                progress(
                    f"  {name}: p50 {half:.1f} ms, p95 {most:.1f} ms, "
                    f"{half / bare_half:.1f} times the bare page"
                )
                figures.append(Measurement(f"{name} p50", half, "ms"))
                figures.append(Measurement(f"{name} p95", most, "ms", LIMIT_MS))
                figures.append(
                    Measurement(f"{name} p50, against the bare page", half, "ms", bare_half)
                )
    figures.append(Measurement("bare page p50", percentile(all_bare, 0.5), "ms"))
    return figures


def _pages(appeals: int) -> Sequence[tuple[str, str, Callable[[], str]]]:
    chance = random.Random(3)  # noqa: S311  # the same each run

    def search() -> str:
        return f"/desk/search?q={quote(chance.choice(TERMS))}"

    return (
        ("triage inbox", "clerk", lambda: "/desk/triage"),
        ("unit inbox", "urban-handler", lambda: "/desk/inbox"),
        ("case page", "clerk", lambda: f"/desk/case/{number_of(chance.randint(1, appeals))}"),
        ("search", "clerk", search),
        ("search by a unit", "urban-handler", search),
        ("search, nothing found", "commander", lambda: f"/desk/search?q={quote('路灯奶粉' * 2)}"),
        ("cases, all", "clerk", lambda: "/desk/cases"),
        ("cases, two filters", "clerk", lambda: f"/desk/cases?{chance.choice(FILTERS)}"),
        ("cases of a unit", "urban-handler", lambda: "/desk/cases?status=handling&mine=1"),
        ("board, week", "commander", lambda: "/board"),
        ("board, all", "commander", lambda: "/board?period=all"),
    )


def _time_requests(
    port: int, cookie: str, path: Callable[[], str], requests: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of the page and of the bare page, requested in turn on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def measure(wanted: str, headers: dict[str, str]) -> float:
        start = time.perf_counter()
        connection.request("GET", wanted, headers=headers)
        answer = connection.getresponse()
        answer.read()
        milliseconds = 1000 * (time.perf_counter() - start)
        if answer.status != 200:
            raise RuntimeError(f"{wanted}: {answer.status} {answer.getheader('Location')}")
        return milliseconds

    warm_up = min(WARM_UP, requests)
    times, bare = [], []
    for _number in range(warm_up + requests):
        times.append(measure(path(), {"Cookie": cookie}))
        bare.append(measure(BARE_PAGE, {}))
    connection.close()
    return times[warm_up:], bare[warm_up:]
