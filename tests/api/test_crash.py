"""Acknowledged filings survive a kill -9 of the web server and the database under load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.intake import COMPLETE_SQL
from tests.homes import Up, up
from tests.live import until

SENDERS = 6
PATIENCE = 60.0


def make_key(city: Up) -> str:
    """An API key from the `token` command."""
    done = subprocess.run(
        [sys.executable, "-m", "yinghu", "token", "operator", "crash test"],
        env=city.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def kill_database(city: Up) -> None:
    """Kill -9 the main process of PostgreSQL."""
    pid = int((city.home / "postgres/data/postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)


def kill_web(city: Up) -> None:
    """Kill -9 the web server and its workers, which form a process group."""
    os.killpg(until(lambda: city.child("web"), "a web server"), signal.SIGKILL)


def database_of(city: Up) -> psycopg.Connection[Any] | None:
    """A connection to the database; None while it is down."""
    try:
        return city.database()
    except psycopg.OperationalError:
        return None


@dataclass
class Sender:
    """An external system that sends each message until it is acknowledged."""

    city: Up
    key: str
    name: str
    enough: threading.Event
    acknowledged: dict[str, int] = field(default_factory=dict)
    failures: int = 0

    def run(self) -> None:
        """Send messages until `enough` is set."""
        number = 0
        with httpx.Client(base_url=self.city.url, timeout=20, trust_env=False) as http:
            while not self.enough.is_set():
                number += 1
                self.send(http, f"{self.name}-{number}")

    def send(self, http: httpx.Client, external_id: str) -> None:
        """Send one message until it is acknowledged."""
        message = {"body": f"求助 {external_id}", "external_id": external_id, "category": "milk"}
        headers = {"Authorization": f"Bearer {self.key}"}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = http.post("/api/v1/appeals", json=message, headers=headers)
            except httpx.TransportError:
                self.failures += 1
                self.enough.wait(0.05)
                continue
            if answer.status_code in {200, 201}:
                self.acknowledged[external_id] = answer.json()["id"]
                return
            assert answer.status_code == 503, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) > 0
            self.failures += 1
            self.enough.wait(0.05)
        raise AssertionError(f"{external_id} was never acknowledged")


@pytest.mark.embedded
def test_acknowledged_filings_survive_kills(own_home: Path) -> None:
    """Uses a copy of the home that other tests of `yinghu up` start from."""
    with up(own_home) as city:
        _kill_in_full_flow(city)


def _kill_in_full_flow(city: Up) -> None:
    enough = threading.Event()
    key = make_key(city)
    senders = [Sender(city, key, f"s{number}", enough) for number in range(SENDERS)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    for thread in threads:
        thread.start()

    def count() -> int:
        return sum(len(sender.acknowledged) for sender in senders)

    def flow() -> None:
        before = count()
        until(lambda: count() > before + 40, "filings to flow", PATIENCE)

    for kill in (kill_web, kill_database, kill_web):
        # Under load, and again after each recovery.
        flow()
        kill(city)
    flow()
    enough.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert sum(sender.failures for sender in senders) > 0, "nothing was felt of the kills"

    acknowledged = {key: value for sender in senders for key, value in sender.acknowledged.items()}
    # The last kill may take effect late: children of the killed server run on for a moment.
    with until(lambda: database_of(city), "the database to be back", PATIENCE) as db:
        whole = {row[0] for row in db.execute(COMPLETE_SQL).fetchall()}
        filed: dict[str, int] = dict(
            db.execute(
                "SELECT substring(external_id FROM ':(.*)'), appeal_id FROM intake_message "
                "WHERE channel = 'api'"
            ).fetchall()
        )
        appeals = db.execute("SELECT count(*) FROM appeals_appeal WHERE channel = 'api'").fetchone()
        clocks = db.execute(
            "SELECT count(*) FROM (SELECT appeal_id, kind FROM appeals_clock "
            "GROUP BY 1, 2 HAVING count(*) > 1) twice"
        ).fetchone()
    assert {key: filed[key] for key in acknowledged} == acknowledged
    assert set(acknowledged.values()) <= whole
    assert appeals == (len(filed),)
    assert len(set(filed.values())) == len(filed)
    assert clocks == (0,)
