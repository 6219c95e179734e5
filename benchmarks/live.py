"""Benchmark: time from commit to event and updated part, with a thousand pages open."""

import argparse
import bisect
import json
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from benchmarks import Measurement
from benchmarks.databases import own_database
from benchmarks.intake import BODIES
from benchmarks.logins import new_user, staff_cookie
from benchmarks.processes import percentile, progress, running_server, spawn
from yinghu.appeals import actions
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Appeal
from yinghu.intake.receive import Incoming, receive
from yinghu.people.access import Actor, actor_of
from yinghu.people.models import Role, User
from yinghu.web.live.hub import desks_touched

HELP = "from commit to event and to the part fetched again, with 1,000 pages open"
LIMIT_MS = 500.0
DESKS = (
    ("clerk", "triage"),
    ("clerk", "triage"),
    ("dispatcher", "dispatch"),
    ("clerk", "callback"),
)
OF_ONE_ADDRESS = 40
SAMPLE = 50
"""One in this many citizens' pages fetches its part again; in real life all do."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--viewers", type=int, default=1000, help="pages open (default 1000)")
    parser.add_argument("--staff", type=int, default=50, help="of them at desks (default 50)")
    parser.add_argument("--boards", type=int, default=10, help="of them boards (default 10)")
    parser.add_argument("--rate", type=float, default=10, help="moves a second (default 10)")
    parser.add_argument("--seconds", type=float, default=20, help="of moves (default 20)")
    parser.add_argument("--no-fetch", action="store_true", help="desks and boards only listen")


def run(options: argparse.Namespace) -> list[Measurement]:
    """Open the pages, sort cases at a steady rate, and compare each event with its commit."""
    citizens = options.viewers - options.staff - options.boards
    moves = int(options.rate * options.seconds)
    if moves > citizens:
        raise SystemExit("each move is of another citizen's case: fewer moves or more viewers")
    with own_database("live", template=options.template) as url:
        cases = _file_cases(citizens)
        wanted = [*_citizen_viewers(cases), *_staff_viewers(options)]
        progress(f"live: {citizens} citizens, {options.staff} at desks, {options.boards} boards")
        with running_server(url) as port:
            commits, found = _run_viewers(port, url, wanted, cases[:moves], options.rate)
    desks = [path.rpartition("desk=")[2] for path, *_rest in wanted if "desk=" in path]
    times = _compare_times(commits, found, cases[:moves], desks)
    figures: list[Measurement] = []
    for name, limit in (
        ("raw LISTEN", None),
        ("citizen's event", LIMIT_MS),
        ("citizen's part", None),
        ("desk's event", LIMIT_MS),
        ("desk's part", None),
    ):
        milliseconds = [1000 * each for each in times[name]]
        if not milliseconds:
            continue
        half, most = percentile(milliseconds, 0.5), percentile(milliseconds, 0.99)
        progress(f"  {name}: p50 {half:.1f} ms, p99 {most:.1f} ms, of {len(milliseconds)}")
        raw = figures[0].value if figures else None
        figures.append(Measurement(f"{name} p50", half, "ms", raw))
        figures.append(Measurement(f"{name} p99", most, "ms", limit))
    return figures


def _file_cases(count: int) -> list[Any]:
    for number in range(count):
        filing = Filing(body=f"{BODIES[number % len(BODIES)]}（{number}）", channel="web")
        receive(Incoming(f"bench-{number}", b"{}", filing), Actor("requester"))
    return list(Appeal.objects.order_by("pk"))


def _citizen_viewers(cases: Sequence[Any]) -> list[list[str]]:
    found = []
    for number, case in enumerate(cases):
        part = "" if number % SAMPLE else f"/t/{case.token}?part=state"
        path = f"/live?t={case.token}&version={case.version}"
        # Several addresses, since the number of streams per address is limited.
        found.append([path, "", f"127.0.0.{2 + number // OF_ONE_ADDRESS}", part])
    return found


def _staff_viewers(options: argparse.Namespace) -> list[list[str]]:
    cookies = {name: staff_cookie(name) for name in ("clerk", "dispatcher")}
    posts = [DESKS[number % len(DESKS)] for number in range(options.staff)]
    found = []
    for who, desk in posts:
        part = "" if options.no_fetch else f"/desk/{desk}?part=rows"
        found.append([f"/live?desk={desk}", cookies[who], "127.0.0.1", part])
    part = "" if options.no_fetch else "/board?part=figures"
    # Several logins, since the number of streams per login is limited.
    watchers = [
        staff_cookie(new_user(f"watcher-{number}", Role.COMMANDER).username)
        for number in range(-(-options.boards // OF_ONE_ADDRESS))
    ]
    for number in range(options.boards):
        cookie = watchers[number // OF_ONE_ADDRESS]
        found.append(["/live?desk=board", cookie, "127.0.0.1", part])
    return found


def _run_viewers(
    port: int, url: str, wanted: list[list[str]], cases: Sequence[Any], rate: float
) -> tuple[list[float], dict[str, Any]]:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with spawn("benchmarks.live_client", str(port), url, text=True, **pipes) as viewers:
        try:
            if viewers.stdin is None or viewers.stdout is None:
                raise RuntimeError("the viewers have no pipes")
            viewers.stdin.write(json.dumps(wanted) + "\n")
            viewers.stdin.flush()
            if viewers.stdout.readline() != "ready\n":
                raise RuntimeError("the viewers did not connect")
            commits = _sort_cases(cases, rate)
            # The last events and parts are still in transit.
            time.sleep(3.0)
            viewers.stdin.write("\n")
            viewers.stdin.flush()
            found: dict[str, Any] = json.loads(viewers.stdout.readline())
            return commits, found
        finally:
            viewers.kill()


def _sort_cases(cases: Sequence[Any], rate: float) -> list[float]:
    """Sort each case, `rate` per second; return the commit times."""
    clerk = actor_of(User.objects.get(username="clerk"))
    start = time.monotonic()
    commits = []
    for number, case in enumerate(cases):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        actions.sort(case.pk, clerk, category="milk")
        commits.append(time.monotonic())
    return commits


def _compare_times(
    commits: list[float], found: dict[str, Any], cases: Sequence[Any], desks: list[str]
) -> dict[str, list[float]]:
    """Seconds from commit to each viewer's event; raises if one was lost or sent twice."""
    citizens = len(found["heard"]) - len(desks)
    times: dict[str, list[float]] = defaultdict(list)
    raw = {ids[0]: at for at, ids in found["raw"] if len(ids) == 1}
    for case, commit, heard in zip(cases, commits, found["heard"], strict=False):
        if len(heard) != 1:
            raise RuntimeError(f"{case.number}: moved once, {len(heard)} events")
        times["citizen's event"].append(heard[0] - commit)
        times["raw LISTEN"].append(raw[case.pk] - commit)
    for commit, fetched in zip(commits, found["fetched"], strict=False):
        times["citizen's part"] += [there - commit for _event, there in fetched]
    if any(found["heard"][len(cases) : citizens]):
        raise RuntimeError("a viewer received an event of another case")
    # Sorting does not change the callback desk, so its pages get no events.
    staff = zip(desks, found["heard"][citizens:], found["fetched"][citizens:], strict=True)
    for desk, heard, fetched in staff:
        if (desk in desks_touched("sort")) is not bool(heard):
            raise RuntimeError(f"{desk}: {len(heard)} events")
        for commit in commits if heard else ():
            # The next event may cover several commits, and arrive just before the commit returns.
            at = bisect.bisect_left(heard, commit - 0.02)
            if at == len(heard):
                raise RuntimeError("a desk missed the last events")
            times["desk's event"].append(heard[at] - commit)
            asked = [there for event, there in fetched if event >= commit - 0.02]
            times["desk's part"] += [there - commit for there in asked[:1]]
    return times
