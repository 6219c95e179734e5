"""ASGI handler with a concurrency limit, which runs each request in one thread of a pool.

Our Django code is synchronous. Django's own handler starts a thread per request and changes threads
five times; under load all run at once and contend. Here a few run and the others queue, so all are
answered sooner.
"""

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
"""Threads of a process; fewer than its database connections, so that no request waits for one."""
AT_ONCE = 3
"""Requests at the same time; by `yinghu bench field`, 2 to 4 serve 1.5 times as many as 16."""
SLOW = 0.3
"""Seconds after which a request gives up its slot, as an import or a wait for a lock does."""


class ConcurrencyLimit:
    """Concurrency limiter; a request slower than `SLOW` gives up its slot."""

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
    """ASGI application. A request runs to its end even if the client disconnects."""

    def __init__(self) -> None:
        # Not the parent's __init__, which loads the middleware as async.
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._pool = ThreadPoolExecutor(THREADS, "request")
        self._limit = ConcurrencyLimit()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the whole body, answer in a thread, send."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        # Context variables set by a request, such as its language, end with it.
        own = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        async with self._limit.turn():
            response = await loop.run_in_executor(self._pool, own.run, self._respond, scope, body)
        await self.send_response(response, send)

    def _respond(self, scope: Any, body: Any) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refused = self.create_request(scope, body)
        response: Any = refused if request is None else self.get_response(request)
        made: HttpResponseBase = response
        try:
            if response.streaming and not response.is_async:
                # Ours are photos of some kilobytes; long tables are asynchronous and sent in parts.
                made = HttpResponse(b"".join(response), status=response.status_code)
                made.headers, made.cookies = response.headers, response.cookies
            return made
        finally:
            # Sends `request_finished`, which returns the database connection.
            response.close()
            body.close()
