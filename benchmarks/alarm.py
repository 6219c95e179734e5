"""Benchmark: from the commit of a filing to the lane of alarms, with 100,000 cases waiting."""

import argparse
import http.client
import time

from benchmarks import Measurement
from benchmarks.databases import execute, own_database
from benchmarks.logins import staff_cookie
from benchmarks.processes import percentile, progress, running_server
from benchmarks.seed import fill
from yinghu.appeals.filing import REACT_TASK, Filing
from yinghu.appeals.models import Appeal
from yinghu.intake.receive import Incoming, receive
from yinghu.people.access import Actor

HELP = "from the commit of a filing that tells of danger to the lane, with 100,000 waiting"
LIMIT_MS = 2_000.0
PATIENCE = 60.0
"""Seconds after which an alarm counts as lost."""
DANGERS = (
    "三楼着火了，有人被困没出来",
    "老人摔倒了叫不醒",
    "有个孩子掉到河里了",
    "煤气味很重，头晕，门打不开",
)
JOBS_OF = 1_000
"""Events of one waiting job, as an import queues them."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--waiting", type=int, default=100_000, help="cases (default 100000)")
    parser.add_argument("--alarms", type=int, default=40, help="filed in turn (default 40)")


def run(options: argparse.Namespace) -> list[Measurement]:
    """File dangers one after another while the worker reacts to an import of all the others."""
    with own_database("alarm", template=options.template) as url:
        fill(options.waiting)
        execute("UPDATE appeals_appeal SET status = 'filed' WHERE status <> 'filed'")
        waiting = _queue_reactions()
        progress(f"alarm: {options.waiting} cases wait, {waiting} jobs of reactions")
        cookie = staff_cookie("clerk")
        with running_server(url, "worker") as port:
            times = [_time_alarm(port, cookie, number) for number in range(options.alarms)]
        left = execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")[0][0]
    milliseconds = [1000 * each for each in times]
    half, most = percentile(milliseconds, 0.5), max(milliseconds)
    progress(f"  p50 {half:.0f} ms, longest {most:.0f} ms; jobs still waiting: {left}")
    return [
        Measurement("alarm in the lane p50", half, "ms", LIMIT_MS),
        Measurement("alarm in the lane, longest", most, "ms", LIMIT_MS),
        Measurement("jobs of reactions still waiting", left, "jobs"),
    ]


def _queue_reactions() -> int:
    """Queue the reactions to all filings, as imports do; return the number of jobs."""
    rows = execute(
        """
        INSERT INTO procrastinate_jobs (task_name, queue_name, args)
        SELECT %s, 'react', jsonb_build_object('events', jsonb_agg(id))
        FROM appeals_event WHERE verb = 'file' GROUP BY id / %s RETURNING id
        """,
        REACT_TASK,
        JOBS_OF,
    )
    return len(rows)


def _time_alarm(port: int, cookie: str, number: int) -> float:
    """Seconds from the commit until the lane, as the clerk's page fetches it, shows the case."""
    body = f"{DANGERS[number % len(DANGERS)]}，{number}号楼"
    filing = Filing(body=body, channel="web")
    done = receive(Incoming(f"alarm-{number}", b"{}", filing), Actor("requester"))
    committed = time.perf_counter()
    case = Appeal.objects.get(pk=done.appeal_id)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        while time.perf_counter() < committed + PATIENCE:
            connection.request("GET", "/desk/alarms", headers={"Cookie": cookie})
            if case.number.encode() in connection.getresponse().read():
                return time.perf_counter() - committed
            time.sleep(0.02)
    finally:
        connection.close()
    raise RuntimeError(f"{case.number}: no alarm within {PATIENCE:.0f} s")
