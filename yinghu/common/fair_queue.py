"""Queue for slots that are shared fairly between senders."""

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator


class QueueFull(Exception):
    """Too many wait, in all or of one sender."""


class FairQueue:
    """`slots` at a time; free slots go to the senders in rotation, and each sender's turns are in
    order. At most `most` are present in all, and `most_of_one` of one sender. If `most` are, one
    who has fewer takes the last place of the sender who has the most. Nobody waits longer than
    `patience` seconds.
    """

    def __init__(self, slots: int, most: int, most_of_one: int, patience: float) -> None:
        self._free = slots
        self._most = most
        self._most_of_one = most_of_one
        self._patience = patience
        self._present: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn(self, sender: str) -> AsyncIterator[None]:
        """Wait for a slot and hold it. Raises QueueFull at once, or where its time is over."""
        if self._present[sender] >= self._most_of_one:
            raise QueueFull
        if self._present.total() >= self._most and not self._make_room(sender):
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

    def _make_room(self, sender: str) -> bool:
        """Refuse who came last of those with the most turns, if they have more than this one."""
        most = max(self._waiting, key=lambda other: self._present[other], default=None)
        if most is None or self._present[most] <= self._present[sender] + 1:
            return False
        slots = self._waiting[most]
        slots.pop().set_exception(QueueFull())
        if not slots:
            del self._waiting[most]
        return True

    async def _wait(self, sender: str) -> None:
        if self._free:
            self._free -= 1
            return
        slot = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(sender, deque()).append(slot)
        try:
            async with asyncio.timeout(self._patience):
                await slot
        except TimeoutError:
            raise QueueFull from None
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
