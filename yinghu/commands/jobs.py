"""`yinghu jobs`: lists failed jobs, and queues them again or drops them."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yinghu.site.failed_jobs import FailedJob

HELP = "list failed jobs; queue them again (retry), or drop them when they are not needed"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "retry", "drop"), default="list")
    parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="only these; default all")


def run(args: argparse.Namespace) -> int:
    """List, retry or drop; returns 1 if an id is not that of a failed job."""
    from yinghu.site import failed_jobs

    jobs = failed_jobs.failed_jobs()
    if unknown := set(args.ids) - {job.id for job in jobs}:
        print(f"yinghu: no failed job {', '.join(map(str, sorted(unknown)))}", file=sys.stderr)
        return 1
    chosen = [job for job in jobs if job.id in args.ids or not args.ids]
    if args.action == "retry":
        print(f"{failed_jobs.retry_jobs(chosen)} queued again")
    elif args.action == "drop":
        print(f"{failed_jobs.drop_jobs(chosen)} dropped")
    else:
        print("\n".join(map(_line, chosen)) or "no failed jobs")
    return 0


def _line(job: "FailedJob") -> str:
    at = f"{job.failed_at:%Y-%m-%d %H:%M:%S %Z}" if job.failed_at else "some time ago"
    return f"{job.id}  {job.task}  failed {at}"
