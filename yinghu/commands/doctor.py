"""`yinghu doctor`: checks the installation and reports what is wrong."""

import argparse
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

if TYPE_CHECKING:
    from yinghu.site.failed_jobs import FailedJob

HELP = "check database, migrations, keys, disk and worker; 1 if something is wrong"

OLDEST_POSTGRES = 15
LEAST_FREE_BYTES = 2 * 2**30


def run(args: argparse.Namespace) -> int:
    """Print one line for each check; returns 1 if something is wrong."""
    wrong = 0
    for check in (database, migrations, keys, disk, site, demo, jobs):
        for ok, words in check():
            wrong += not ok
            print(f"{'ok   ' if ok else 'WRONG'} {check.__name__}: {words}")
    return 1 if wrong else 0


Finding = tuple[bool, str]


def database() -> Iterator[Finding]:
    """Check PostgreSQL's version and encoding."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('server_version_num')::int, "
            "current_setting('server_encoding'), "
            "pg_size_pretty(pg_database_size(current_database()))"
        )
        version, number, encoding, size = cursor.fetchone()
    ok = number // 10000 >= OLDEST_POSTGRES
    need = "" if ok else f", but {OLDEST_POSTGRES} or later is needed"
    yield ok, f"PostgreSQL {version}, {size}{need}"
    if encoding != "UTF8":
        yield False, f"its encoding is {encoding}; make a new database with ENCODING 'UTF8'"


def migrations() -> Iterator[Finding]:
    """Check that all migrations are applied."""
    from yinghu.site.health import unapplied_migrations

    missing = unapplied_migrations()
    wrong = f"not applied: {', '.join(missing)}; run `yinghu manage migrate`"
    yield not missing, wrong if missing else "all applied"


def keys() -> Iterator[Finding]:
    """Check that the data keys open what is sealed in the database."""
    from yinghu.appeals.models import Appeal
    from yinghu.common.privacy.sealing import Unreadable
    from yinghu.people import disclosure

    folder = settings.ENV.secrets
    if folder.is_dir() and folder.stat().st_mode & 0o077:
        yield False, f"others may look into {folder}; chmod 700 {folder}"
    row = Appeal.objects.exclude(phone=b"").order_by("-pk").first()
    if row is None:
        yield True, f"{len(settings.DATA_KEYS)} of them; nothing is sealed yet"
        return
    try:
        disclosure.check_readable(row.phone)
    except Unreadable as error:
        yield False, f"{error} (looked in YINGHU_DATA_KEYS and {folder / 'data_keys'})"
    else:
        yield True, f"{len(settings.DATA_KEYS)} of them; they open the newest appeal"


def disk() -> Iterator[Finding]:
    """Check free space and write access of YINGHU_HOME."""
    settings.HOME.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.HOME).free
    yield free >= LEAST_FREE_BYTES, f"{free / 2**30:.1f} GiB free at {settings.HOME}"
    if not os.access(settings.HOME, os.W_OK):
        yield False, f"this user may not write to {settings.HOME}"


def site() -> Iterator[Finding]:
    """Check that the site's address is safe for the people who can reach it."""
    from yinghu.config.environment import is_loopback

    listens_to_others = not is_loopback(settings.ENV.host)
    for_others = not is_loopback(urlsplit(settings.SITE_URL).hostname or "")
    open_to_others = listens_to_others or for_others or bool(settings.ENV.trusted_proxies)
    if settings.HTTPS or not open_to_others:
        yield True, settings.SITE_URL
    else:
        yield False, f"{settings.SITE_URL} is open to others without HTTPS; see docs/operations.md"
    if for_others and not listens_to_others and not settings.ENV.trusted_proxies:
        yield (
            False,
            f"HOST={settings.ENV.host} is behind a proxy, but YINGHU_TRUSTED_PROXIES names none: "
            "everybody seems to come from this machine",
        )
    if settings.DEMO:
        yield not open_to_others, "demo mode is on: anybody who comes here is let in as anybody"


def demo() -> Iterator[Finding]:
    """Check that no login of the demo is left where demo mode is off."""
    from yinghu.demo.cast import demo_cast, renamed_demo_logins
    from yinghu.site.health import unapplied_migrations

    if settings.DEMO or unapplied_migrations():
        return
    left = list(demo_cast().filter(is_active=True).values_list("username", flat=True))
    yield not left, f"still active: {', '.join(left)}" if left else "no login of it is active"
    if renamed := renamed_demo_logins():
        yield True, f"named as in the demo, but of other people? {', '.join(renamed)}"


def jobs() -> Iterator[Finding]:
    """Check that a worker lives and keeps up, and that no job has failed."""
    from procrastinate.contrib.django.models import ProcrastinateWorker

    from yinghu.commands.worker import DEAD_SECONDS
    from yinghu.site.failed_jobs import failed_jobs
    from yinghu.site.health import LATE_JOB_SECONDS, oldest_waiting_job, unapplied_migrations

    if unapplied_migrations():
        return
    # By the database's clock, which the workers' heartbeats follow.
    alive = Now() - timedelta(seconds=DEAD_SECONDS)
    workers = ProcrastinateWorker.objects.filter(last_heartbeat__gt=alive).count()
    yield workers > 0, f"{workers} living workers" + ("" if workers else "; start `yinghu worker`")
    late = oldest_waiting_job()
    yield late <= LATE_JOB_SECONDS, f"the oldest due job waits since {late:.0f} s"
    failed = failed_jobs()
    yield not failed, _describe_failed(failed) if failed else "no failed jobs"


def _describe_failed(jobs: "list[FailedJob]") -> str:
    from yinghu.site.failed_jobs import RETRIED_FOR

    tasks = Counter(job.task for job in jobs)
    last = max((job.failed_at for job in jobs if job.failed_at), default=None)
    return (
        f"failed: {', '.join(f'{task} ({count})' for task, count in tasks.most_common())}"
        + (f", the last at {last:%Y-%m-%d %H:%M %Z}" if last else "")
        + "; the worker's log says why. They are tried again every ten minutes for "
        f"{RETRIED_FOR.days} days; `yinghu jobs` lists them, `yinghu jobs retry` and `yinghu jobs "
        "drop` end it"
    )
