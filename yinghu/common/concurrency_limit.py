"""Django behind ASGI, each request from its first signal to its last in one thread of a pool.

Everything of ours that Django serves is synchronous. Its own ASGI handler begins a thread for each
request and changes threads five times; where many come at once they all run at once, and spend more
on taking turns than on the work. Here a few run and the rest wait in line, which answers all of
them sooner.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

THREADS = 16
"""Requests of one process that can be under way. Fewer than its connections to the database, so
that none waits for a connection in vain."""
AT_ONCE = 3
"""Requests of one process that run side by side: one computes while the others wait for the
database. Measured with `yinghu bench field`: 2 to 4 do half as much again as 16."""
SLOW = 0.3
"""Seconds after which a request no longer counts among them: whoever reads in a workbook, or waits
for a lock, keeps nobody from being served."""


class Line:
    """Lets `AT_ONCE` through at a time, not counting those who take longer than `SLOW`."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        await self._free.acquire()
        counts = True

        def out() -> None:
            nonlocal counts
            if counts:
                counts = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(SLOW, out)
        try:
            yield
        finally:
            timer.cancel()
            out()


class PooledHandler(ASGIHandler):
    """An ASGI application. A request that was begun is finished, whether or not its sender waits:
    what it does to the database is not cut in two.
    """

    def __init__(self) -> None:
        # Not the parent's own: that loads the middleware to be awaited.
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._pool = ThreadPoolExecutor(THREADS, "request")
        self._line = Line()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the whole body, answer in a thread, send."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        # What a request sets for itself, its language for one, is gone with the request.
        own = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        async with self._line.turn():
            response = await loop.run_in_executor(self._pool, own.run, self._respond, scope, body)
        await self.send_response(response, send)

    def _respond(self, scope: Any, body: Any) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refused = self.create_request(scope, body)
        response: Any = refused if request is None else self.get_response(request)
        try:
            return _whole(response) if response.streaming else response
        finally:
            # Sends `request_finished`, which gives the connection back.
            response.close()
            body.close()


def _whole(response: Any) -> HttpResponse:
    """A response that was to be read piece by piece, read: ours are photos of some kilobytes."""
    made = HttpResponse(b"".join(response), status=response.status_code, headers=response.headers)
    made.cookies = response.cookies
    return made
