"""Benchmark: filings over HTTP, each committed before its 201, against pgbench's rate."""

import argparse
import json
import urllib.request

from benchmarks import Measurement
from benchmarks.databases import execute, own_database
from benchmarks.filing_client import BODIES
from benchmarks.logins import new_user
from benchmarks.pgbench import FILING, measure, silence_jobs
from benchmarks.processes import percentile, progress, run_client, running_server
from benchmarks.statement_proxy import StatementProxy, statement_proxy
from yinghu.people.models import Role
from yinghu.people.tokens import new_key

HELP = "filings per second through the API, against pgbench's rate for the same rows"
MAX_STATEMENTS = 6
CLIENT = "benchmarks.filing_client"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=64, help="at once (default 64)")
    parser.add_argument("--count", type=int, default=30_000, help="filings (default 30000)")
    parser.add_argument("--seconds", type=float, default=10, help="for the limit (default 10)")
    parser.add_argument("--worker", action="store_true", help="with a worker running the jobs")


def run(options: argparse.Namespace) -> list[Measurement]:
    """Load the server, count the complete appeals, then run pgbench."""
    clients, count = options.clients, options.count
    extra = ("worker",) if options.worker else ()
    with own_database("intake", template=options.template) as url:
        key = new_key(new_user("bench", Role.OPERATOR), "bench")
        progress(f"intake: {clients} clients, {count} filings, worker {'on' if extra else 'off'}")
        with running_server(url, *extra) as port:
            run_client(CLIENT, port, clients, min(2_000, count), stdin=key)
            before = count_complete()
            done = run_client(CLIENT, port, clients, count, stdin=key)
            found = count_complete() - before
            alone = run_client(CLIENT, port, 1, min(300, count), stdin=key)
        if done["statuses"] != {"201": count} or found != count:
            raise RuntimeError(f"{done['statuses']} answers, {found} complete appeals of {count}")
        rate = count / done["seconds"]
        progress(f"  {rate:.0f} filings/s; every 201 is an appeal with event, clocks and job")
        with statement_proxy(url) as proxy, running_server(proxy.url) as port:
            statements = _count_statements(proxy, port, key)
        progress(f"  {statements} statements for a single filing")
        rows = {"clients": clients, "raw": 420, "body": BODIES[0], "seconds": options.seconds}
        announced = measure(FILING, url, **rows)
        silence_jobs(url)
        limit = measure(FILING, url, **rows)
        progress(f"  pgbench: {limit:.0f} filings/s; {announced:.0f} with each job announced")
    times, lone = done["times"], alone["times"]
    return [
        Measurement("intake", rate, "filings/s", limit),
        Measurement("intake limit with each job announced", announced, "filings/s"),
        Measurement("intake p50", 1000 * percentile(times, 0.5), "ms"),
        Measurement("intake p99", 1000 * percentile(times, 0.99), "ms"),
        Measurement("intake alone p50", 1000 * percentile(lone, 0.5), "ms"),
        Measurement("intake alone p99", 1000 * percentile(lone, 0.99), "ms"),
        Measurement("intake statements alone", statements, "statements", MAX_STATEMENTS),
    ]


COMPLETE_SQL = """
SELECT a.id FROM appeals_appeal a
JOIN appeals_event e ON e.appeal_id = a.id AND e.seq = 1 AND e.verb = 'file'
JOIN intake_message m ON m.appeal_id = a.id
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
"""Appeals with message, first event, both clocks and a job, queued or done."""


def count_complete() -> int:
    """Number of complete appeals."""
    # A new database has no statistics yet: the planner would join rows one by one.
    execute("ANALYZE")
    count: int = execute(f"SELECT count(*) FROM ({COMPLETE_SQL}) AS complete")[0][0]  # noqa: S608  # our own constant
    return count


def _count_statements(proxy: StatementProxy, port: int, key: str) -> int:
    """Number of statements of one filing, key look-up included, in a warm process."""
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
