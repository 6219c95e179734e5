"""Benchmark: filings over HTTP, each committed before its 201, against pgbench's rate."""

import argparse
import json
import random
import time
from collections.abc import Iterator

from benchmarks import Measurement
from benchmarks.databases import execute, own_database
from benchmarks.logins import new_user
from benchmarks.pgbench import FILING, measure, silence_jobs
from benchmarks.processes import percentile, progress, running_server, send_requests
from benchmarks.statement_proxy import statement_proxy
from yinghu.people.models import Role
from yinghu.people.tokens import new_key

HELP = "filings per second through the API, against pgbench's rate for the same rows"
MAX_STATEMENTS = 6
BODIES = (
    "家里婴儿的奶粉只够吃两天了，小区封着出不去，想请人帮忙买一段奶粉两罐，谢谢你们",
    "老人高血压的药快吃完了，一直在中心医院配的，能不能帮忙配三盒送到楼下，家里只有老人",
    "楼下商铺半夜施工噪音很大，已经连续一个星期了，孩子要考试，希望有关部门管一管",
    "想问一下从外地回来需要办理什么手续，社区电话一直打不通，麻烦告知一下具体流程",
)


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
            send_requests(port, filing_requests(key, min(2_000, count)), at_once=clients)
            before = count_complete()
            done = send_requests(port, filing_requests(key, count), at_once=clients)
            found = count_complete() - before
            alone = send_requests(port, filing_requests(key, min(300, count)), at_once=1)
        if done["statuses"] != {"201": count} or found != count:
            raise RuntimeError(f"{done['statuses']} answers, {found} complete appeals of {count}")
        rate = count / done["seconds"]
        progress(f"  {rate:.0f} filings/s; every 201 is an appeal with event, clocks and job")
        with statement_proxy(url) as proxy, running_server(proxy.url) as port:
            # The first one warms the process.
            for _time in range(2):
                proxy.statements.clear()
                send_requests(port, filing_requests(key, 1), at_once=1)
            statements = len(proxy.statements)
        progress(f"  {statements} statements for a single filing")
        rows = {"clients": clients, "raw": 420, "body": BODIES[0], "seconds": options.seconds}
        announced = measure(FILING, url, **rows)
        silence_jobs()
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


def filing_requests(key: str, count: int) -> Iterator[str]:
    """Generate `count` different filings as HTTP/1.1 requests."""
    run = f"{time.time_ns():x}"
    chance = random.Random(run)  # noqa: S311  # the run is its seed
    for number in range(count):
        filing = {
            "body": f"{chance.choice(BODIES)}（{number}）",
            "category": chance.choice(("milk", "medicine", "urban", "policy")),
            "area": chance.choice(("330782001", "330782002", "330782008", "330782100")),
            "name": "王小明",
            "phone": f"138{chance.randrange(10**8):08d}",
            "address": f"幸福小区{chance.randrange(90)}幢{chance.randrange(30)}号",
            "answers": {"count": 2, "brand": "一段"},
            "external_id": f"{run}-{number}",
        }
        body = json.dumps(filing, ensure_ascii=False)
        yield (
            "POST /api/v1/appeals HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            f"content-type: application/json\r\nauthorization: Bearer {key}\r\n"
            f"content-length: {len(body.encode())}\r\n\r\n{body}"
        )


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
