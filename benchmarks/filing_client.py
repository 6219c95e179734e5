"""Load generator: clients that file over HTTP on raw keep-alive sockets.

    python -m benchmarks.filing_client PORT CLIENTS COUNT < key

Prints one JSON object: total seconds, seconds of each answer, and the number of each status. Each
client sends its next filing when the last one is answered.
"""

import asyncio
import gc
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

BODIES = (
    "家里婴儿的奶粉只够吃两天了，小区封着出不去，想请人帮忙买一段奶粉两罐，谢谢你们",
    "老人高血压的药快吃完了，一直在中心医院配的，能不能帮忙配三盒送到楼下，家里只有老人",
    "楼下商铺半夜施工噪音很大，已经连续一个星期了，孩子要考试，希望有关部门管一管",
    "想问一下从外地回来需要办理什么手续，社区电话一直打不通，麻烦告知一下具体流程",
)


def requests(key: str, count: int, run: str) -> Iterator[bytes]:
    """Generate `count` different filings as HTTP/1.1 requests."""
    chance = random.Random(run)  # noqa: S311  # the run is its seed
    for number in range(count):
        filing = {
            "body": f"{chance.choice(BODIES)}（{number}）",
            "category": chance.choice(("milk", "medicine", "urban", "policy")),
            "area": chance.choice(("330782001", "330782002", "330782008", "330782100")),
            "name": "王小明",
            "phone": f"138{chance.randrange(10**8):08d}",
            "address": f"幸福小区{chance.randrange(90)}幢{chance.randrange(30)}号",
            "answers": {"count": 2, "brand": "一段"},
            "external_id": f"{run}-{number}",
        }
        body = json.dumps(filing, ensure_ascii=False).encode()
        yield (
            b"POST /api/v1/appeals HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            b"content-type: application/json\r\n"
            b"authorization: Bearer " + key.encode() + b"\r\n"
            b"content-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )


class Client(asyncio.Protocol):
    """One connection, which sends filings one after another."""

    def __init__(self, work: Iterator[bytes], statuses: Counter[int], times: list[float]) -> None:
        self.work, self.statuses, self.times = work, statuses, times
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.read = b""
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = next(self.work, None)
        if request is None:
            self.transport.close()
            self.done.set_result(None)
            return
        self.sent = time.perf_counter()
        self.transport.write(request)  # type: ignore[attr-defined]  # a TCP connection's can

    def data_received(self, data: bytes) -> None:
        self.read += data
        head, blank, body = self.read.partition(b"\r\n\r\n")
        if not blank:
            return
        at = head.lower().find(b"content-length: ")
        length = int(head[at + 16 :].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.times.append(time.perf_counter() - self.sent)
        self.statuses[int(head[9:12])] += 1
        self.read = b""
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))


async def send_filings(port: int, clients: int, work: list[bytes]) -> dict[str, object]:
    """Send all requests."""
    loop = asyncio.get_running_loop()
    statuses: Counter[int] = Counter()
    times: list[float] = []
    queue = iter(work)
    start = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Client(queue, statuses, times), "127.0.0.1", port)
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for _transport, client in made))
    return {"seconds": time.perf_counter() - start, "times": times, "statuses": dict(statuses)}


def main() -> None:
    """Read the key from stdin and file."""
    port, clients, count = (int(text) for text in sys.argv[1:4])
    work = list(requests(sys.stdin.read().strip(), count, f"{time.time_ns():x}"))
    gc.disable()
    try:
        import uvloop
    except ImportError:
        result = asyncio.run(send_filings(port, clients, work))
    else:
        result = uvloop.run(send_filings(port, clients, work))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
