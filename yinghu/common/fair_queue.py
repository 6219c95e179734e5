"""Queue for slots that are shared fairly between senders."""

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator


class QueueFull(Exception):
    """Too many wait, in all or of one sender."""


class FairQueue:
    """`slots` at a time; free slots go to the senders in rotation, and each sender's turns are in
    order. At most `most` are present in all, and `most_of_one` of one sender.
    """

    def __init__(self, slots: int, most: int, most_of_one: int) -> None:
        self._free = slots
        self._most = most
        self._most_of_one = most_of_one
        self._present: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn(self, sender: str) -> AsyncIterator[None]:
        """Wait for a slot and hold it. Raises QueueFull at once."""
        if self._present.total() >= self._most or self._present[sender] >= self._most_of_one:
            raise QueueFull
        self._present[sender] += 1
        try:
            await self._wait(sender)
            try:
                yield
            finally:
                self._pass_on()
        finally:
            self._present[sender] -= 1
            if not self._present[sender]:
                del self._present[sender]

    async def _wait(self, sender: str) -> None:
        if self._free:
            self._free -= 1
            return
        slot = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(sender, deque()).append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give this slot to the next sender, or free it."""
        while self._waiting:
            sender, slots = self._waiting.popitem(last=False)
            slot = slots.popleft()
            if slots:
                self._waiting[sender] = slots
            if not slot.done():
                slot.set_result(None)
                return
        self._free += 1
