"""One thread with one connection writes a web process's filings: what arrives together, together.

No filing waits for company: the thread takes whatever is in line, writes it in one transaction and
takes what has come meanwhile. So one that comes alone goes at once, and under load the batches grow
by themselves.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from yinghu.intake.receive import Incoming, Received, receive_many
from yinghu.people.access import Actor

MAX_BATCH = 500
MAX_WAITING = 5_000
CONNECT_SECONDS = 5

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class Busy(Exception):
    """More is in line than can be written soon."""


class NoDatabase(Exception):
    """The database does not answer; what was asked for may be tried again with the same id."""


class Poison(Exception):
    """The database refuses this very item; the cause says why."""


@dataclass(slots=True)
class _Waiting:
    incoming: Incoming
    actor: Actor
    done: asyncio.Future[Received]


def own_connection() -> BaseDatabaseWrapper:
    """A connection for this thread alone, outside the pool; it tells fast of a dead server."""
    wrapper = connections.create_connection("default")
    options = {k: v for k, v in wrapper.settings_dict["OPTIONS"].items() if k != "pool"}
    options.setdefault("connect_timeout", CONNECT_SECONDS)
    wrapper.settings_dict = {
        **wrapper.settings_dict,
        "OPTIONS": options,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": False,
    }
    connections["default"] = wrapper
    return wrapper


def twice(work: Callable[[], T]) -> T:
    """Do it, and once more on a new connection where the old one turned out to be dead.

    Raises NoDatabase. What is done must bear being done twice, as receiving by external id does:
    nobody can know whether a COMMIT whose answer was lost has happened.
    """
    for last in (False, True):
        try:
            return work()
        except (OperationalError, InterfaceError) as error:
            connections["default"].close()
            if last:
                raise NoDatabase(str(error)) from error
    raise AssertionError("unreachable")


class Writer:
    """The queue, its thread, and `submit` for the event loop."""

    def __init__(self, most: int = MAX_WAITING, batch: int = MAX_BATCH) -> None:
        self._most, self._batch = most, batch
        self._line: deque[_Waiting] = deque()
        self._come = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="filing", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is in line, then end; blocks until done."""
        with self._come:
            self._stopping = True
            self._come.notify()
        self._thread.join()

    async def submit(self, incoming: Incoming, actor: Actor) -> Received:
        """The appeal of this message, once it is committed. Raises Busy, NoDatabase or Poison."""
        done: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        with self._come:
            if self._stopping or len(self._line) >= self._most:
                raise Busy
            self._line.append(_Waiting(incoming, actor, done))
            self._come.notify()
        return await done

    def _work(self) -> None:
        own_connection()
        try:
            while batch := self._next():
                for actor, items in _by_actor(batch):
                    self._write(items, actor)
        finally:
            connections["default"].close()

    def _next(self) -> list[_Waiting]:
        with self._come:
            while not self._line:
                if self._stopping:
                    return []
                self._come.wait()
            count = min(len(self._line), self._batch)
            return [self._line.popleft() for _ in range(count)]

    def _write(self, items: list[_Waiting], actor: Actor) -> None:
        try:
            _tell(items, _receive(items, actor))
        except NoDatabase as error:
            _log.error("filings not written, no database", filings=len(items), error=str(error))
            _tell(items, [error] * len(items))
        except Exception as error:
            if len(items) > 1:
                # One of them is not storable: alone, each of the others is.
                for item in items:
                    self._write([item], actor)
                return
            _log.exception("a filing could not be written")
            refused = Poison(str(error))
            refused.__cause__ = error
            _tell(items, [refused])


def _receive(items: Sequence[_Waiting], actor: Actor) -> list[Received]:
    def work() -> list[Received]:
        for item in items:
            # A first attempt may have reserved ids that were rolled back with it.
            item.incoming.filing.id = None
        return receive_many([item.incoming for item in items], actor)

    return twice(work)


def _by_actor(batch: list[_Waiting]) -> list[tuple[Actor, list[_Waiting]]]:
    """The batch by who files, each part in one order: processes must not wait for each other."""
    parts: dict[Actor, list[_Waiting]] = {}
    for item in batch:
        parts.setdefault(item.actor, []).append(item)
    for items in parts.values():
        items.sort(key=lambda item: (item.incoming.filing.channel, item.incoming.external_id))
    return list(parts.items())


def _tell(items: Sequence[_Waiting], results: Sequence[Received | Exception]) -> None:
    """Give each waiter its result, in one call for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Received], Any]]] = {}
    for item, result in zip(items, results, strict=True):
        by_loop.setdefault(item.done.get_loop(), []).append((item.done, result))
    for loop, results_of in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, results_of)
        except RuntimeError:
            # The loop is closed: the process is ending, and whoever waited has gone.
            _log.warning("nobody waits for these filings any more", filings=len(results_of))


def _settle(results: list[tuple[asyncio.Future[Received], Received | Exception]]) -> None:
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
