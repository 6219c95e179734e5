"""Load generator: volunteers take legs over HTTP on raw sockets, each with an own login.

    python -m benchmarks.take_client PORT < {"rate": 0, "presses": [[session key, leg id], …]}

Prints one JSON object: total seconds, seconds of each answer, and the number of each status. At
rate 0, up to `AT_ONCE` requests run concurrently; else one starts every 1 / rate seconds.
"""

import asyncio
import json
import sys
import time
from collections import Counter

AT_ONCE = 256
_TOKEN = "b" * 32
"""CSRF token: any value that form and cookie share."""


def take_request(port: int, key: str, leg: int) -> bytes:
    """Build the HTTP/1.1 request."""
    body = f"csrfmiddlewaretoken={_TOKEN}".encode()
    return (
        f"POST /field/-/leg/{leg}/take HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"cookie: yinghu_session={key}; csrftoken={_TOKEN}\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n"
        "connection: keep-alive\r\n\r\n"
    ).encode() + body


class Pool:
    """Pool of keep-alive connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, data: bytes) -> int:
        """Send a request; return the status of the answer."""
        line = self.free.pop() if self.free else None
        reader, writer = line or await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = int(head[9:12]), _content_length(head)
        if length is None:
            while True:
                size = int((await reader.readline()).strip() or b"0", 16)
                await reader.readexactly(size + 2)
                if not size:
                    break
        else:
            await reader.readexactly(length)
        self.free.append((reader, writer))
        return status


def _content_length(head: bytes) -> int | None:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else None


async def press(port: int, rate: float, presses: list[tuple[str, int]]) -> dict[str, object]:
    """Send all presses."""
    pool, times = Pool(port), [0.0] * len(presses)
    statuses: Counter[int] = Counter()
    gate = asyncio.Semaphore(AT_ONCE if not rate else len(presses))
    begun = time.perf_counter()

    async def one(n: int, key: str, leg: int) -> None:
        if rate:
            await asyncio.sleep(max(0.0, begun + n / rate - time.perf_counter()))
        async with gate:
            start = time.perf_counter()
            statuses[await pool.ask(take_request(port, key, leg))] += 1
            times[n] = time.perf_counter() - start

    await asyncio.gather(*(one(n, key, leg) for n, (key, leg) in enumerate(presses)))
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "times": times,
        "statuses": {str(k): v for k, v in statuses.items()},
    }


def main() -> None:
    """Read the presses from stdin and send them."""
    work = json.load(sys.stdin)
    presses = [(str(key), int(leg)) for key, leg in work["presses"]]
    try:
        import uvloop
    except ImportError:
        result = asyncio.run(press(int(sys.argv[1]), float(work["rate"]), presses))
    else:
        result = uvloop.run(press(int(sys.argv[1]), float(work["rate"]), presses))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
