"""The viewers of `yinghu bench live`: their own process, raw sockets, one stream each.

    python -m yinghu.bench.watch PORT DATABASE_URL

On stdin a JSON list of `[path, cookie, source address, part to fetch at each event or ""]`, then,
to end, an empty line. On stdout `ready` when all are served and have heard what they hear on
coming, and at the end one JSON object: `heard`, for each viewer the times of its events; `fetched`,
for each the pairs (event, its part there); `raw`, what LISTEN alone heard: pairs (time, ids). Times
are of the clock that all processes of a machine share, `time.monotonic`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import psycopg

from yinghu.appeals.notify import NOTIFY_CHANNEL

AT_ONCE = 50
"""Viewers that come at the same time."""
SETTLED = 2.0
"""Seconds without an event after which all have heard what they hear on coming."""


class Viewers:
    """All streams, and what they heard."""

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
        """Come, and listen from then on."""
        path, cookie, source, _part = self.wanted[number]
        async with self.coming:
            reader, writer = await self._connect(source)
            writer.write(_request(path, cookie))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"{path}: {head[:40]!r}")
        # Kept: a writer that nobody holds closes its connection.
        self.writers.append(writer)
        self._do(self._listen(number, reader))

    async def _connect(self, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))

    def _do(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)

    async def _listen(self, number: int, reader: asyncio.StreamReader) -> None:
        fetching: asyncio.Task[None] | None = None
        while True:
            line = await reader.readline()
            if not line:
                raise RuntimeError(f"{self.wanted[number][0]}: the stream has ended")
            if not line.startswith(b"event: ") or line == b"event: here\n":
                continue
            now = self.last = time.monotonic()
            self.heard[number].append(now)
            # As htmx does: while a part is on its way nobody asks for it a second time.
            if self.wanted[number][3] and (fetching is None or fetching.done()):
                fetching = asyncio.create_task(self._fetch(number, now))
                self.tasks.add(fetching)

    async def _fetch(self, number: int, since: float) -> None:
        _path, cookie, source, part = self.wanted[number]
        reader, writer = await self._connect(source)
        writer.write(_request(part, cookie, close=True))
        answer = await reader.read()
        writer.close()
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{part}: {answer[:40]!r}")
        self.fetched[number].append((since, time.monotonic()))

    async def listen_raw(self, database_url: str) -> None:
        """Hear what PostgreSQL says, and nothing in between."""
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as raw:
            await raw.execute(f"LISTEN {NOTIFY_CHANNEL}")
            async for note in raw.notifies():
                self.raw.append((time.monotonic(), json.loads(note.payload)["appeals"]))

    def failed(self) -> BaseException | None:
        """What went wrong, if something did."""
        over = [task for task in self.tasks if task.done()]
        return next((error for task in over if (error := task.exception())), None)


def _request(path: str, cookie: str, *, close: bool = False) -> bytes:
    more = "connection: close\r\n" if close else ""
    more += f"cookie: {cookie}\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n".encode()


async def watch(port: int, database_url: str) -> None:
    """Come, say so, listen until told to end, say what was heard."""
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
