"""Load generator of `yinghu bench live`: viewers on raw sockets, one stream each.

    python -m benchmarks.live_client PORT DATABASE_URL

Reads a JSON list of `[path, cookie, source address, part to fetch at each event or ""]` from stdin;
an empty line ends the run. Prints `ready` when all are connected and have received their first
events, and at the end one JSON object: `heard`, the event times of each viewer; `fetched`, the
pairs (event, part received) of each; `raw`, the pairs (time, ids) received by LISTEN. Times are
`time.monotonic`, which all processes of a machine share.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from yinghu.appeals.notify import NOTIFY_CHANNEL

AT_ONCE = 50
"""Viewers that connect at the same time."""
GAP = 1.0
"""Seconds between two fetches of one part by one page."""
SETTLED = 2.0
"""Seconds without an event after which the first events are over."""


@dataclass(slots=True)
class Viewer:
    """A page. `owed` are events not yet followed by a fetch, `looked` is when the last one was."""

    port: int
    path: str
    cookie: str
    source: str
    part: str
    heard: list[float] = field(default_factory=list)
    fetched: list[tuple[float, float]] = field(default_factory=list)
    owed: list[float] = field(default_factory=list)
    looked: float = 0.0
    spread: float = 0.0

    async def request(
        self, path: str, more: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect and send a request."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.source, 0)
        )
        more += f"cookie: {self.cookie}\r\n" if self.cookie else ""
        writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n".encode())
        return reader, writer

    async def connect(
        self, coming: asyncio.Semaphore
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the stream; keep the writer, or the connection is closed."""
        async with coming:
            reader, writer = await self.request(self.path)
            head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{self.path}: {head[:40]!r}")
        return reader, writer

    async def listen(self, reader: asyncio.StreamReader, tasks: asyncio.TaskGroup) -> None:
        """Note each event of the stream, and fetch the part."""
        looking: asyncio.Task[None] | None = None
        event = b""
        while line := await reader.readline():
            if line.startswith(b"event: "):
                event = line
            if not line.startswith(b"data: ") or event == b"event: here\n":
                continue
            self.heard.append(time.monotonic())
            if self.part:
                self.owed.append(self.heard[-1])
                self.spread = json.loads(line[6:])["spread"] / 1000
                if looking is None or looking.done():
                    looking = tasks.create_task(self.look())
        raise RuntimeError(f"{self.path}: the stream has ended")

    async def look(self) -> None:
        """Fetch the part as `follow.js` does: at once or spread over time, at most once per second,
        and again for events that arrived meanwhile.
        """
        while self.owed:
            wait = self.looked + max(GAP, self.spread) - time.monotonic()
            await asyncio.sleep(max(0.0, wait, random.random() * self.spread))  # noqa: S311  # spreads
            self.looked = time.monotonic()
            owed = list(self.owed)
            reader, writer = await self.request(self.part, "connection: close\r\n")
            answer = await reader.read()
            writer.close()
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"{self.part}: {answer[:40]!r}")
            there = time.monotonic()
            del self.owed[: len(owed)]
            self.fetched += [(since, there) for since in owed]


async def listen_raw(database_url: str, received: list[Any]) -> None:
    """Listen to PostgreSQL directly."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as raw:
        await raw.execute(f"LISTEN {NOTIFY_CHANNEL}")
        async for note in raw.notifies():
            received.append((time.monotonic(), json.loads(note.payload)["appeals"]))


async def run(port: int, database_url: str) -> None:
    """Connect, report it, listen until told to end, print the events."""
    loop = asyncio.get_running_loop()
    viewers = [Viewer(port, *wanted) for wanted in json.loads(sys.stdin.readline())]
    coming = asyncio.Semaphore(AT_ONCE)
    streams = await asyncio.gather(*(viewer.connect(coming) for viewer in viewers))
    raw: list[Any] = []
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(listen_raw(database_url, raw))]
        for viewer, (reader, _writer) in zip(viewers, streams, strict=True):
            running.append(tasks.create_task(viewer.listen(reader, tasks)))
        seen = -1
        # Until no event has come for a while and every part has been fetched.
        while (now := sum(len(v.heard) for v in viewers)) != seen or any(v.owed for v in viewers):
            seen = now
            await asyncio.sleep(SETTLED)
        for viewer in viewers:
            viewer.heard.clear()
            viewer.fetched.clear()
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        heard, fetched = [each.heard for each in viewers], [each.fetched for each in viewers]
        print(json.dumps({"heard": heard, "fetched": fetched, "raw": raw}), flush=True)
        for task in running:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2]))
