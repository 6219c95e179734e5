"""Load generator: sends HTTP/1.1 requests over keep-alive connections and times the answers.

    python -m benchmarks.load_client PORT < {"at_once": 64, "rate": 0, "requests": ["POST …", …]}

At rate 0, each of `at_once` connections sends the next request when its last one is answered; else
one request starts every 1 / rate seconds. Prints one JSON object: total seconds, seconds of each
answer, and the number of each status.
"""

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """One connection, with one request at a time. At a rate, the time of the first one
    includes connecting, as for a new visitor.
    """

    def __init__(self, load: "Load", first: bytes) -> None:
        self.load, self.first, self.read = load, first, b""
        self.sent = time.perf_counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if not self.load.rate:
            self.sent = time.perf_counter()
        self.transport.write(self.first)

    def send(self, request: bytes) -> None:
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.read += data
        head, blank, body = self.read.partition(b"\r\n\r\n")
        if not blank or not _is_whole(head.lower(), body):
            return
        self.read = b""
        self.load.times.append(time.perf_counter() - self.sent)
        self.load.statuses[int(head[9:12])] += 1
        self.load.go_on(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.load.free:
            self.load.free.remove(self)
        elif not self.load.done.done():
            self.load.done.set_exception(error or ConnectionError("the server hung up"))


def _is_whole(head: bytes, body: bytes) -> bool:
    _before, length, rest = head.partition(b"content-length:")
    return len(body) >= int(rest.partition(b"\r\n")[0]) if length else body.endswith(b"0\r\n\r\n")


class Load:
    """Requests to send, and the answers so far."""

    def __init__(self, port: int, requests: Sequence[bytes], at_once: int, rate: float) -> None:
        self.port, self.at_once, self.rate = port, at_once, rate
        self.count, self.waiting = len(requests), iter(requests)
        self.times: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.free: list[Connection] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> dict[str, object]:
        """Send all requests and wait for their answers."""
        begun = time.perf_counter()
        if self.rate:
            async with asyncio.TaskGroup() as connecting:
                for n, request in enumerate(self.waiting):
                    await asyncio.sleep(max(0.0, begun + n / self.rate - time.perf_counter()))
                    if self.free:
                        self.free.pop().send(request)
                    else:
                        connecting.create_task(self.connect(request))
        else:
            for request in islice(self.waiting, self.at_once):
                await self.connect(request)
        await self.done
        seconds = time.perf_counter() - begun
        return {"seconds": seconds, "times": self.times, "statuses": dict(self.statuses)}

    async def connect(self, first: bytes) -> None:
        """Open a connection that sends this request first."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Connection(self, first), "127.0.0.1", self.port)

    def go_on(self, connection: Connection) -> None:
        """Use a connection whose request was answered for the next one."""
        if len(self.times) == self.count:
            self.done.set_result(None)
        elif self.rate:
            self.free.append(connection)
        elif (request := next(self.waiting, None)) is not None:
            connection.send(request)


async def main() -> None:
    """Read the requests from stdin, send them and print the result."""
    work = json.load(sys.stdin)
    requests = [request.encode() for request in work["requests"]]
    gc.disable()
    load = Load(int(sys.argv[1]), requests, work["at_once"], work["rate"])
    json.dump(await load.run(), sys.stdout)


if __name__ == "__main__":
    uvloop.run(main())
