"""Filings over HTTP, each durable and complete before its 201, against pgbench's rate."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.request
from typing import Any

from yinghu.bench import Figure

HELP = "filings a second through the API's door, against pgbench's rate for the same rows"
MAX_STATEMENTS = 6


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=64, help="at once (default 64)")
    parser.add_argument("--count", type=int, default=30_000, help="filings (default 30000)")
    parser.add_argument("--seconds", type=float, default=10, help="for the limit (default 10)")
    parser.add_argument("--worker", action="store_true", help="with the worker doing its jobs")


def run(options: argparse.Namespace) -> list[Figure]:
    """Load the real server; count what is in the database; then let pgbench have its turn."""
    from yinghu.bench.city import login, own_database, percentile, say, serving
    from yinghu.bench.load import BODIES
    from yinghu.bench.pgbench import FILING, a_second, quiet
    from yinghu.bench.wire import counting
    from yinghu.people.tokens import new_key

    clients, count = options.clients, options.count
    extra = ("worker",) if options.worker else ()
    with own_database("intake") as url:
        key = new_key(login(), "bench")
        say(f"intake: {clients} clients, {count} filings, worker {'on' if extra else 'off'}")
        with serving(url, *extra) as port:
            _load(port, key, clients, min(2_000, count))
            before = whole()
            done = _load(port, key, clients, count)
            found = whole() - before
            alone = _load(port, key, 1, 300)
        if done["statuses"] != {"201": count} or found != count:
            raise RuntimeError(f"{done['statuses']} answers, {found} whole appeals of {count}")
        rate = count / done["seconds"]
        say(f"  {rate:.0f} a second; every 201 is an appeal with event, clocks and job")
        with counting(url) as proxy, serving(proxy.url) as port:
            statements = _statements(proxy, port, key)
        say(f"  {statements} statements for a filing that travels alone")
        rows = {"clients": clients, "raw": 420, "body": BODIES[0], "seconds": options.seconds}
        loud = a_second(FILING, url, **rows)
        quiet(url)
        limit = a_second(FILING, url, **rows)
        say(f"  pgbench: {limit:.0f} a second; {loud:.0f} where each job is announced")
    times, lone = done["times"], alone["times"]
    return [
        Figure("intake", rate, "filings/s", limit),
        Figure("intake limit with each job announced", loud, "filings/s"),
        Figure("intake p50", 1000 * percentile(times, 0.5), "ms"),
        Figure("intake p99", 1000 * percentile(times, 0.99), "ms"),
        Figure("intake alone p50", 1000 * percentile(lone, 0.5), "ms"),
        Figure("intake alone p99", 1000 * percentile(lone, 0.99), "ms"),
        Figure("intake statements alone", statements, "statements", MAX_STATEMENTS),
    ]


def _load(port: int, key: str, clients: int, count: int) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603  # a module of ours
        [sys.executable, "-m", "yinghu.bench.load", str(port), str(clients), str(count)],
        input=key,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the load generator failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


WHOLE_SQL = """
SELECT a.id FROM appeals_appeal a
JOIN appeals_event e ON e.appeal_id = a.id AND e.seq = 1 AND e.verb = 'file'
JOIN channels_message m ON m.appeal_id = a.id
JOIN (
    SELECT appeal_id FROM appeals_clock WHERE kind IN ('receive', 'solve')
    GROUP BY appeal_id HAVING count(*) = 2
) c ON c.appeal_id = a.id
LEFT JOIN (
    SELECT jsonb_array_elements(args->'events')::bigint AS event_id
    FROM procrastinate_jobs WHERE task_name = 'yinghu.react'
) j ON j.event_id = e.id
LEFT JOIN triage_words w ON w.appeal_id = a.id
WHERE j.event_id IS NOT NULL OR w.appeal_id IS NOT NULL
"""
"""Appeals that have their message, first event, both clocks and a job (or had it done)."""


def whole() -> int:
    """How many appeals are whole."""
    from django.db import connection

    with connection.cursor() as cursor:
        # A database this new has no statistics yet: the planner would join rows one by one.
        cursor.execute("ANALYZE")
        cursor.execute(f"SELECT count(*) FROM ({WHOLE_SQL}) AS whole")  # noqa: S608  # a constant
        return int(cursor.fetchone()[0])


def _statements(proxy: Any, port: int, key: str) -> int:
    """Statements of one filing by a key that is looked up for it, the process being warm."""
    body = json.dumps({"body": "家里没有奶粉了", "category": "milk", "area": "330782001"}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/appeals",
        body,
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    seen = 0
    for _time in range(2):
        proxy.reset()
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own server
            answer.read()
        seen = len(proxy.statements)
    return seen
