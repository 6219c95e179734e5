"""Group commit for filings: one thread with one connection writes those of a web process.

The thread writes all that is queued in one transaction, then takes the next batch. A single filing
is written at once; under load the batches grow.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from yinghu.api import problems
from yinghu.common.database_errors import is_unavailable
from yinghu.intake.receive import Incoming, Received, receive_many
from yinghu.people.access import Actor

MAX_BATCH = 500
MAX_WAITING = 5_000
CONNECT_SECONDS = 5

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class NoDatabase(Exception):
    """The database does not answer; the filing may be sent again with the same id."""


class Poison(Exception):
    """The database refuses this filing; see the cause."""


@dataclass(slots=True)
class _Waiting:
    incoming: Incoming
    actor: Actor
    done: asyncio.Future[Received]


def own_connection() -> BaseDatabaseWrapper:
    """Give this thread a connection outside the pool that detects a dead server quickly."""
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


def retry_once(work: Callable[[], T]) -> T:
    """Do the work, and repeat it on a new connection if the old one was dead. Raises NoDatabase.

    The work must be idempotent, as receiving by external id is: a lost COMMIT may have happened.
    """
    for last in (False, True):
        try:
            return work()
        except (DatabaseError, InterfaceError) as error:
            if not is_unavailable(error):
                raise
            connections["default"].close()
            if last:
                raise NoDatabase(str(error)) from error
    raise AssertionError("unreachable")


class Writer:
    """The writer's queue and thread; the event loop calls `submit`."""

    def __init__(self) -> None:
        self._queue: deque[_Waiting] = deque()
        self._arrived = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="filing", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write the queue, then stop; blocks until done."""
        with self._arrived:
            self._stopping = True
            self._arrived.notify()
        self._thread.join()

    async def submit(self, incoming: Incoming, actor: Actor) -> Received:
        """File a message; return after the commit. Raises NoDatabase, Poison or the 503 problem."""
        done: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        with self._arrived:
            if self._stopping or len(self._queue) >= MAX_WAITING:
                raise problems.busy()
            self._queue.append(_Waiting(incoming, actor, done))
            self._arrived.notify()
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
        with self._arrived:
            while not self._queue:
                if self._stopping:
                    return []
                self._arrived.wait()
            count = min(len(self._queue), MAX_BATCH)
            return [self._queue.popleft() for _ in range(count)]

    def _write(self, items: list[_Waiting], actor: Actor) -> None:
        try:
            _deliver(items, retry_once(partial(_receive, items, actor)))
        except NoDatabase as error:
            _log.error("filings not written, no database", filings=len(items), error=str(error))
            _deliver(items, [error] * len(items))
        except Exception as error:
            if len(items) > 1:
                # One of them cannot be stored: write the others one by one.
                for item in items:
                    self._write([item], actor)
                return
            _log.exception("a filing could not be written")
            refused = Poison(str(error))
            refused.__cause__ = error
            _deliver(items, [refused])


def _receive(items: Sequence[_Waiting], actor: Actor) -> list[Received]:
    for item in items:
        # An earlier attempt may have set an id that was rolled back.
        item.incoming.filing.id = None
    return receive_many([item.incoming for item in items], actor)


def _by_actor(batch: list[_Waiting]) -> list[tuple[Actor, list[_Waiting]]]:
    """Group a batch by actor, each sorted to prevent deadlocks between processes."""
    parts: dict[Actor, list[_Waiting]] = {}
    for item in batch:
        parts.setdefault(item.actor, []).append(item)
    for items in parts.values():
        items.sort(key=lambda item: (item.incoming.filing.channel, item.incoming.external_id))
    return list(parts.items())


def _deliver(items: Sequence[_Waiting], results: Sequence[Received | Exception]) -> None:
    """Pass each waiter its result, with one call of their event loop."""
    try:
        items[0].done.get_loop().call_soon_threadsafe(_settle, items, results)
    except RuntimeError:
        # The loop is closed because the process is ending.
        _log.warning("nobody waits for these filings any more", filings=len(items))


def _settle(items: Sequence[_Waiting], results: Sequence[Received | Exception]) -> None:
    for item, result in zip(items, results, strict=True):
        if item.done.done():
            continue
        if isinstance(result, Exception):
            item.done.set_exception(result)
        else:
            item.done.set_result(result)
