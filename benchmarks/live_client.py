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


@dataclass
class Part:
    """A part of a page: events not yet followed by a fetch, last fetch, spread in seconds."""

    owed: list[float] = field(default_factory=list)
    looked: float = 0.0
    spread: float = 0.0


class Viewers:
    """All streams and their events."""

    def __init__(self, port: int, wanted: list[list[str]]) -> None:
        self.port, self.wanted = port, wanted
        self.heard: list[list[float]] = [[] for _viewer in wanted]
        self.fetched: list[list[tuple[float, float]]] = [[] for _viewer in wanted]
        self.raw: list[tuple[float, list[int]]] = []
        self.last = time.monotonic()
        self.writers: list[asyncio.StreamWriter] = []
        self.coming = asyncio.Semaphore(AT_ONCE)
        self.tasks: set[asyncio.Task[None]] = set()

    async def open(self, number: int) -> None:
        """Connect and listen."""
        path, cookie, source, _part = self.wanted[number]
        async with self.coming:
            reader, writer = await self._connect(source)
            writer.write(_request(path, cookie))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"{path}: {head[:40]!r}")
        # A writer without a reference closes its connection.
        self.writers.append(writer)
        self._do(self._listen(number, reader))

    async def _connect(self, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))

    def _do(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)

    async def _listen(self, number: int, reader: asyncio.StreamReader) -> None:
        looking: asyncio.Task[None] | None = None
        part = Part()
        event = b""
        while True:
            line = await reader.readline()
            if not line:
                raise RuntimeError(f"{self.wanted[number][0]}: the stream has ended")
            if line.startswith(b"event: "):
                event = line
            if not line.startswith(b"data: ") or event == b"event: here\n":
                continue
            now = self.last = time.monotonic()
            self.heard[number].append(now)
            if not self.wanted[number][3]:
                continue
            part.owed.append(now)
            part.spread = json.loads(line[6:])["spread"] / 1000
            if looking is None or looking.done():
                looking = asyncio.create_task(self._look(number, part))
                self.tasks.add(looking)

    async def _look(self, number: int, part: Part) -> None:
        """Fetch the part as `follow.js` does: at once or spread over time, at most once per second,
        and again for events that arrived meanwhile.
        """
        while part.owed:
            wait = part.looked + max(GAP, part.spread) - time.monotonic()
            await asyncio.sleep(max(0.0, wait, random.random() * part.spread))  # noqa: S311  # spreads
            part.looked = time.monotonic()
            owed, part.owed = part.owed, []
            await self._fetch(number, owed)

    async def _fetch(self, number: int, owed: list[float]) -> None:
        _path, cookie, source, part = self.wanted[number]
        reader, writer = await self._connect(source)
        writer.write(_request(part, cookie, close=True))
        answer = await reader.read()
        writer.close()
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{part}: {answer[:40]!r}")
        there = time.monotonic()
        self.fetched[number] += [(since, there) for since in owed]

    async def listen_raw(self, database_url: str) -> None:
        """Listen to PostgreSQL directly."""
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as raw:
            await raw.execute(f"LISTEN {NOTIFY_CHANNEL}")
            async for note in raw.notifies():
                self.raw.append((time.monotonic(), json.loads(note.payload)["appeals"]))

    def failed(self) -> BaseException | None:
        """The first error of a stream, if any."""
        over = [task for task in self.tasks if task.done()]
        return next((error for task in over if (error := task.exception())), None)


def _request(path: str, cookie: str, *, close: bool = False) -> bytes:
    more = "connection: close\r\n" if close else ""
    more += f"cookie: {cookie}\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n".encode()


async def watch(port: int, database_url: str) -> None:
    """Connect, report it, listen until told to end, print the events."""
    loop = asyncio.get_running_loop()
    viewers = Viewers(port, json.loads(sys.stdin.readline()))
    raw = asyncio.create_task(viewers.listen_raw(database_url))
    await asyncio.gather(*(viewers.open(number) for number in range(len(viewers.wanted))))
    while time.monotonic() < viewers.last + SETTLED:
        await asyncio.sleep(0.1)
    for times in viewers.heard:
        times.clear()
    for pairs in viewers.fetched:
        pairs.clear()
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    raw.cancel()
    if error := viewers.failed():
        raise error
    found = {"heard": viewers.heard, "fetched": viewers.fetched, "raw": viewers.raw}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    asyncio.run(watch(int(sys.argv[1]), sys.argv[2]))
