"""Benchmark: find and process due clocks among a million open ones."""

import argparse
import subprocess
import time
from typing import Any

from benchmarks import Measurement
from benchmarks.databases import execute, own_database
from benchmarks.pgbench import measure
from benchmarks.processes import environment, percentile, progress, spawn
from benchmarks.seed import fill
from yinghu.oversight import sweep

HELP = "chasing: a thousand due clocks among a million open ones, found and processed"
LIMIT_MS = 50.0
LIMIT_RATE = 500.0
OPEN = (("assigned", 1000),)
"""All cases wait to be accepted, with two running clocks each (see `seed.Spread`)."""

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
"""One step of chasing per transaction."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clocks", type=int, default=1_000_000, help="open (default 1000000)")
    parser.add_argument("--due", type=int, default=1_000, help="of them (default 1000)")
    parser.add_argument("--workers", type=int, default=2, help="at once (default 2)")
    parser.add_argument("--seconds", type=float, default=10, help="for the limit (default 10)")


def run(options: argparse.Namespace) -> list[Measurement]:
    """Seed; find; chase with one process, then with `workers`, reactions included."""
    cases = options.clocks // 2
    with own_database("oversight", template=options.template) as url:
        fill(cases, OPEN)
        execute(
            "UPDATE appeals_clock SET next_at = now() + (1 + 9 * random()) * interval '1 day' "
            "WHERE stopped_at IS NULL"
        )
        execute("DELETE FROM procrastinate_jobs")
        execute("VACUUM ANALYZE appeals_clock")
        _make_due(options.due)
        found = _time_finding(options.due)
        half, most = percentile(found, 0.5), percentile(found, 0.95)
        progress(f"oversight: {options.clocks} open clocks, {options.due} due: p95 {most:.1f} ms")
        rates = []
        for workers in (1, options.workers):
            _make_due(options.due)
            seconds = _time_chasing(url, workers)
            _check_chased_once(options.due)
            rates.append(options.due / seconds)
            progress(f"  {workers} processes: {rates[-1]:.0f} clocks/s, each once, all notified")
        execute("CREATE SEQUENCE bench_seq START 1000")
        limit = measure(PGBENCH, url, clients=2, seconds=options.seconds, raw=cases, body="")
        progress(f"  pgbench, one step per transaction: {limit:.0f} steps/s")
    return [
        Measurement("finding what is due p50", half, "ms"),
        Measurement("finding what is due p95", most, "ms", LIMIT_MS),
        Measurement("dealt with by one", rates[0], "clocks/s", LIMIT_RATE),
        Measurement(f"dealt with by {options.workers}", rates[1], "clocks/s", LIMIT_RATE),
        Measurement("steps by pgbench", limit, "steps/s"),
    ]


def _make_due(count: int) -> None:
    """Make `count` clocks, scattered over the table, due a second ago."""
    execute(
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


def _time_finding(count: int) -> list[float]:
    """Milliseconds of finding all due clocks as the sweep does, fifty times."""
    times = []
    for _time in range(50):
        start = time.perf_counter()
        found = sweep.due(limit=count)
        times.append(1000 * (time.perf_counter() - start))
        if found != count:
            raise RuntimeError(f"{found} found of {count}")
    return times


def _time_chasing(url: str, workers: int) -> float:
    """Seconds until `workers` processes have chased all due clocks and run the reactions."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    env = environment(url)
    started = [spawn("benchmarks.chase_worker", env=env, **pipes) for _n in range(workers)]
    for each in started:
        assert each.stdout is not None  # noqa: S101  # narrows the type
        each.stdout.readline()
    begun = time.perf_counter()
    ended = [each.communicate("go\n")[0] for each in started]
    seconds = time.perf_counter() - begun
    if any(each.returncode for each in started):
        raise RuntimeError(f"a chase worker failed: {ended}")
    return seconds


def _check_chased_once(count: int) -> None:
    rows = execute(
        "SELECT appeal_id, facts->>'due', count(*) FROM appeals_event WHERE verb = 'chase' "
        "GROUP BY 1, 2 HAVING count(*) > 1"
    )
    left = execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'yinghu.react'")[0][0]
    due = execute(
        "SELECT count(*) FROM appeals_clock WHERE next_at <= now() AND stopped_at IS NULL"
    )
    if rows or left or due[0][0]:
        raise RuntimeError(f"{len(rows)} twice, {left} jobs and {due[0][0]} clocks left of {count}")
