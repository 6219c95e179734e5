"""`yinghu up`: first start, restart, interruption and kills."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.homes import FirstStart, Up, people_in, up
from tests.live import answers, until
from yinghu.config import PROJECT
from yinghu.server.cluster import Cluster, processes


@pytest.mark.embedded
def test_first_start_and_ctrl_c(first_start: FirstStart) -> None:
    assert f"{first_start.url}/" in first_start.said
    assert re.search(r"clerk .*研判员", first_start.said)
    assert first_start.served
    assert first_start.people > 10
    assert first_start.seen_by_others == []
    assert first_start.code == 0
    assert first_start.remains == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", first_start.port))


def another(run: Up, name: str, before: int) -> bool:
    return run.child(name) not in {0, before}


@pytest.mark.embedded
def test_killed_processes_are_restarted_without_data_loss(
    own_home: Path, first_start: FirstStart
) -> None:
    with up(own_home) as run:
        assert "demo city loaded" not in run.said()
        assert people_in(run) == first_start.people
        before = {name: run.child(name) for name in ("web", "worker")}
        for name, pid in before.items():
            os.kill(pid, signal.SIGKILL)
            until(functools.partial(another, run, name, pid), f"a new {name}")
        until(lambda: answers(f"{run.url}/healthz"), "the web after it was killed")

        with run.database() as db:
            db.execute("CREATE TABLE kept AS SELECT generate_series(1, 100) AS id")
        data = run.home / "postgres" / "data" / "postmaster.pid"
        postmaster = int(data.read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        until(
            lambda: data.exists() and int(data.read_text().split()[0]) != postmaster,
            "a new database server",
        )
        until(lambda: answers(f"{run.url}/healthz"), "the web after the database was killed")
        with run.database() as db:
            assert db.execute("SELECT count(*) FROM kept").fetchone() == (100,)
            # A job queued now is taken by a living worker.
            db.execute(
                "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW("
                "'default', 'yinghu.sweep', 0, NULL, NULL, '{\"timestamp\": 0}', NULL"
                ")::procrastinate_job_to_defer_v1])"
            )
            # Other jobs may have failed with the database and wait for a retry.
            jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'yinghu.sweep'"
            until(lambda: db.execute(jobs).fetchone() == (0,), "the job to be done", 60)


@pytest.mark.embedded
def test_database_that_cannot_restart_is_tried_until_it_can(
    own_home: Path, first_start: FirstStart
) -> None:
    with up(own_home) as run:
        data = run.home / "postgres" / "data"
        control = data / "global" / "pg_control"
        # Without this file no restart succeeds, as with a full disk.
        control.rename(control.with_suffix(".away"))
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        until(
            lambda: run.said().count("database cannot be started, nothing is taken") >= 3,
            "the third try to restart the database",
            60,
        )
        assert "again_in_seconds=1.0" in run.said()
        assert run.process.poll() is None
        refused = httpx.get(f"{run.url}/healthz", timeout=60)
        assert (refused.status_code, refused.json()["filings"]) == (503, "refused")
        control.with_suffix(".away").rename(control)
        until(lambda: answers(f"{run.url}/healthz"), "the web with its database", 60)
        assert people_in(run) == first_start.people
        # The web may find it before the supervisor says so.
        until(lambda: "database is up again" in run.said(), "the supervisor's word", 60)


@pytest.mark.embedded
def test_killed_supervisor_leaves_no_processes_and_no_damage(
    own_home: Path, first_start: FirstStart
) -> None:
    with up(own_home) as run:
        run.process.kill()
        run.process.wait()
        until(lambda: run.remains() == [], "everything to end by itself", 30)
    with up(own_home) as run:
        assert answers(f"{run.url}/")
        pids = [run.process.pid, run.child("web"), run.child("worker")]
        for pid in [*pids, *processes(Cluster(run.home))]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.process.wait()
        until(lambda: run.remains() == [], "everything to end", 30)
    with up(own_home) as again:
        assert people_in(again) == first_start.people


@pytest.mark.embedded
def test_port_in_use_is_reported_before_anything_starts(own_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = Up(own_folder / "var", taken.getsockname()[1])
        assert run.process.wait(60) == 1
    assert "something else listens there" in run.said()
    assert run.remains() == []


@pytest.mark.process
def test_external_database_starts_no_server_and_no_demo(own_run: Up) -> None:
    assert "clerk" not in own_run.said()
    assert not (own_run.home / "postgres").exists()
    with psycopg.connect(own_run.environment["DATABASE_URL"]) as db:
        assert db.execute("SELECT count(*) FROM people_user").fetchone() == (0,)


def test_invalid_environment_is_reported_line_by_line(own_folder: Path) -> None:
    run = Up(own_folder / "var", 8000, YINGHU_DEMO="perhaps", HOST="here")
    assert run.process.wait(60) == 2
    assert run.said().splitlines() == [
        "yinghu: HOST: must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0",
        "yinghu: YINGHU_DEMO: must be on, off or yes-this-is-a-demo",
    ]


def test_run_script_reports_bad_arguments_and_missing_python() -> None:
    for arguments, given, words in (
        (["--serve"], {}, "unknown argument --serve"),
        ([], {"PYTHON": shutil.which("false") or "false"}, "no Python 3.11 or later found"),
    ):
        done = subprocess.run(
            [PROJECT / "run", *arguments],
            env={**os.environ, **given},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert words in done.stderr
