"""What was acknowledged is never lost: web and database killed with -9 while filings flow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from benchmarks.intake import COMPLETE_SQL
from benchmarks.processes import free_port
from tests.live import answers, until
from yinghu.server import embedded

KILLS = ("web", "database", "web", "database")
SENDERS = 6
PATIENCE = 60.0


@dataclass
class City:
    """`yinghu up` on a home of its own, with the embedded database, which is durable there."""

    home: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        unwanted = ("DATABASE_URL", "YINGHU_", "DJANGO_SETTINGS_MODULE", "PYTEST_RUN_OF")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
        self.environment = {**kept, "YINGHU_HOME": str(self.home), "PORT": str(self.port)}

    def start(self) -> None:
        """Bring it up; the log is beside the home."""
        self.log = (self.home.parent / "up.log").open("wb")
        self.up = subprocess.Popen(
            [sys.executable, "-m", "yinghu", "up"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        until(lambda: answers(f"{self.url}/healthz"), "the city to come up", PATIENCE)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.up.send_signal(signal.SIGINT)
        self.up.wait(PATIENCE)
        self.log.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def key(self) -> str:
        """A key, made by the command."""
        done = subprocess.run(
            [sys.executable, "-m", "yinghu", "token", "operator", "crash test"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def database(self) -> psycopg.Connection[Any] | None:
        """A connection to the database; None while it is down."""
        try:
            return psycopg.connect(embedded.url(self.home))
        except psycopg.OperationalError:
            return None

    def kill(self, what: str) -> None:
        """kill -9: the web server with its workers, or PostgreSQL's first process."""
        if what == "database":
            pid = int((self.home / "postgres/data/postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            return
        children = Path(f"/proc/{self.up.pid}/task/{self.up.pid}/children").read_text().split()
        for pid in map(int, children):
            if b"\0web\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                # The server and its workers are a session of their own.
                os.killpg(pid, signal.SIGKILL)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A city that is up."""
    tmp_path.chmod(0o711)
    made = City(tmp_path / "home")
    made.start()
    yield made
    made.stop()


@dataclass
class Sender:
    """A neighbouring system that sends each message until it is acknowledged."""

    city: City
    key: str
    name: str
    enough: threading.Event
    acknowledged: dict[str, int] = field(default_factory=dict)
    failures: int = 0

    def run(self) -> None:
        """Send one after another until it is enough."""
        number = 0
        with httpx.Client(base_url=self.city.url, timeout=20, trust_env=False) as http:
            while not self.enough.is_set():
                number += 1
                self.send(http, f"{self.name}-{number}")

    def send(self, http: httpx.Client, external_id: str) -> None:
        """Send one message, again and again if need be."""
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


@pytest.mark.skipif(not settings.ENV.embedded, reason="needs only to be shown once, on the wheel's")
@pytest.mark.process
def test_what_was_acknowledged_is_whole_after_any_kill(city: City) -> None:
    enough = threading.Event()
    key = city.key()
    senders = [Sender(city, key, f"s{number}", enough) for number in range(SENDERS)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    for thread in threads:
        thread.start()

    def count() -> int:
        return sum(len(sender.acknowledged) for sender in senders)

    def flow() -> None:
        before = count()
        until(lambda: count() > before + 60, "filings to flow", PATIENCE)

    for what in KILLS:
        # In full flow, and again after it came back.
        flow()
        city.kill(what)
    flow()
    enough.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert sum(sender.failures for sender in senders) > 0, "nothing was felt of the kills"

    acknowledged = {key: value for sender in senders for key, value in sender.acknowledged.items()}
    # The last kill may be felt late: what its server had forked went on for a moment.
    with until(city.database, "the database to be back", PATIENCE) as db:
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
