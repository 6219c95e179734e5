"""The sweep of clocks: finding what is due among a million that run, and dealing with it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from typing import Any

from yinghu.bench import Figure

HELP = "chasing: a thousand due among a million open clocks, found and dealt with"
LIMIT_MS = 50.0
LIMIT_RATE = 500.0
OPEN = (("assigned", 1000),)
"""Each case waits to be accepted: two clocks run for it."""

PGBENCH = r"""
\set n random(1, {raw})
BEGIN;
UPDATE appeals_clock SET next_at = next_at + interval '1 second'
    WHERE id = (SELECT id FROM appeals_clock WHERE appeal_id = :n AND kind = 'respond');
UPDATE appeals_appeal SET version = version + 1 WHERE id = :n;
INSERT INTO appeals_event (
        appeal_id, seq, verb, from_status, to_status, actor_kind, words, why, facts, klass, at)
    VALUES (:n, nextval('bench_seq'), 'chase', 'assigned', 'assigned', 'system', '', '',
            '{{"clock": "respond", "act": "urge", "tell": "holder"}}', 'need', now());
COMMIT;
"""
"""One step of chasing as a transaction of its own, by PostgreSQL's load generator."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clocks", type=int, default=1_000_000, help="open (default 1000000)")
    parser.add_argument("--due", type=int, default=1_000, help="of them (default 1000)")
    parser.add_argument("--workers", type=int, default=2, help="at once (default 2)")
    parser.add_argument("--seconds", type=float, default=10, help="for the limit (default 10)")


def run(options: argparse.Namespace) -> list[Figure]:
    """Seed; find; let one process and then `workers` deal with it, each with its reactions."""
    from yinghu import demo
    from yinghu.bench.city import own_database, percentile, say
    from yinghu.bench.pgbench import a_second
    from yinghu.bench.seed import fill

    cases = options.clocks // 2
    with own_database("oversight") as url:
        demo.load_people()
        fill(cases, OPEN)
        _nothing_is_due()
        _make_due(options.due)
        found = _find(options.due)
        half, most = percentile(found, 0.5), percentile(found, 0.95)
        say(f"oversight: {options.clocks} open clocks, {options.due} due: p95 {most:.1f} ms")
        rates = []
        for workers in (1, options.workers):
            _make_due(options.due)
            seconds = _deal(url, workers)
            _dealt_with_once(options.due)
            rates.append(options.due / seconds)
            say(f"  {workers} at it: {rates[-1]:.0f} a second, each once, everybody told")
        limit = _limit(a_second, url, cases, options.seconds)
        say(f"  pgbench, one step a transaction: {limit:.0f} a second")
    return [
        Figure("finding what is due p50", half, "ms"),
        Figure("finding what is due p95", most, "ms", LIMIT_MS),
        Figure("dealt with by one", rates[0], "clocks/s", LIMIT_RATE),
        Figure(f"dealt with by {options.workers}", rates[1], "clocks/s", LIMIT_RATE),
        Figure("steps by pgbench", limit, "steps/s"),
    ]


def _do(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


def _nothing_is_due() -> None:
    _do(
        "UPDATE appeals_clock SET next_at = now() + (1 + 9 * random()) * interval '1 day' "
        "WHERE stopped_at IS NULL"
    )
    _do("DELETE FROM procrastinate_jobs")
    _do("VACUUM ANALYZE appeals_clock")


def _make_due(count: int) -> None:
    """Let so many clocks, scattered over the table, have come to their limit a moment ago."""
    _do(
        """
        UPDATE appeals_clock SET due_at = now() - interval '1 second',
            next_at = now() - interval '1 second', minutes = 1440
        WHERE id IN (
            SELECT id FROM appeals_clock
            WHERE kind = 'respond' AND stopped_at IS NULL AND next_at > now()
            ORDER BY hashint8(id) LIMIT %s)
        """,
        count,
    )


def _find(count: int) -> list[float]:
    """Milliseconds of finding all that is due, as the sweep does, fifty times."""
    from yinghu.oversight import sweep

    times = []
    for _time in range(50):
        start = time.perf_counter()
        found = sweep.due(limit=count)
        times.append(1000 * (time.perf_counter() - start))
        if found != count:
            raise RuntimeError(f"{found} found of {count}")
    return times


def _deal(url: str, workers: int) -> float:
    """Seconds until as many processes have chased all that is due and told everybody."""
    command = [sys.executable, "-m", "yinghu.bench.chaser"]
    started = [
        subprocess.Popen(  # noqa: S603  # a module of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_env(url)
        )
        for _n in range(workers)
    ]
    for each in started:
        assert each.stdout is not None  # noqa: S101  # narrows the type
        each.stdout.readline()
    start = time.perf_counter()
    ended = [each.communicate("go\n")[0] for each in started]
    seconds = time.perf_counter() - start
    if any(each.returncode for each in started):
        raise RuntimeError(f"a chaser failed: {ended}")
    return seconds


def _env(url: str) -> dict[str, str]:
    return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "yinghu.config.settings"}


def _dealt_with_once(count: int) -> None:
    """Every clock that was due has one event, and no job waits."""
    rows = _do(
        "SELECT appeal_id, facts->>'due', count(*) FROM appeals_event WHERE verb = 'chase' "
        "GROUP BY 1, 2 HAVING count(*) > 1"
    )
    left = _do("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'yinghu.react'")[0][0]
    due = _do("SELECT count(*) FROM appeals_clock WHERE next_at <= now() AND stopped_at IS NULL")
    if rows or left or due[0][0]:
        raise RuntimeError(f"{len(rows)} twice, {left} jobs and {due[0][0]} clocks left of {count}")


def _limit(a_second: Any, url: str, cases: int, seconds: float) -> float:
    _do("CREATE SEQUENCE bench_seq START 1000")
    rate: float = a_second(PGBENCH, url, clients=2, seconds=seconds, raw=cases, body="")
    return rate
