"""ASGI handler with a concurrency limit, which runs each request in one thread of a pool.

Our Django code is synchronous. Django's own handler starts a thread per request and changes threads
five times; under load all run at once and contend. Here a few run and the others queue, so all are
answered sooner. Forms with photos have threads and a queue of their own, because judging a photo
takes long: however many are sent, pages do not wait for them.
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

from yinghu.common import photos
from yinghu.common.fair_queue import FairQueue, QueueFull
from yinghu.common.rate_limit import address_key
from yinghu.common.request_limits import WITH_PHOTOS

THREADS = 16
PHOTO_THREADS = 3
"""Threads of a process for pages, and for forms with photos; together fewer than its database
connections, so that no request waits for one."""
MOST_WITH_PHOTOS = 60
MOST_WITH_PHOTOS_OF_ONE = 12
"""Forms with photos that may run and wait, in all and of one address."""
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


PATIENCE = 10.0
"""Seconds that a form waits for its photos to be judged; then it goes on without them, because
nobody reads its words before."""
_SURELY_PHOTOS = 2**20
"""Bytes of a form that are not searched; its texts are shorter."""


def has_photos(scope: Any, body: Any) -> bool:
    """May the request have photos? A form without one names no file, or only an empty name."""
    if scope["method"] != "POST" or not scope["path"].startswith(WITH_PHOTOS):
        return False
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if not kind.lower().lstrip().startswith(b"multipart/"):
        return False
    text = body.read(_SURELY_PHOTOS + 1)
    body.seek(0)
    # With anything behind the quotes, the parser reads a name.
    named = text.lower().count(b"filename") > text.count(b'filename=""\r\n')
    return named or len(text) > _SURELY_PHOTOS


class PooledHandler(ASGIHandler):
    """ASGI application. A request runs to its end even if the client disconnects."""

    def __init__(self) -> None:
        # Not the parent's __init__, which loads the middleware as async.
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._pool = ThreadPoolExecutor(THREADS, "request")
        self._limit = ConcurrencyLimit()
        self._photo_pool = ThreadPoolExecutor(PHOTO_THREADS, "photos")
        self._photo_queue = FairQueue(
            PHOTO_THREADS, MOST_WITH_PHOTOS, MOST_WITH_PHOTOS_OF_ONE, PATIENCE
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the whole body, answer in a thread, send."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        # Context variables set by a request, such as its language, end with it.
        own = contextvars.copy_context()
        if has_photos(scope, body):
            response = await self._run_with_photos(own, scope, body)
        else:
            response = await self._run(own, scope, body)
        await self.send_response(response, send)

    async def _run(self, own: contextvars.Context, scope: Any, body: Any) -> HttpResponseBase:
        loop = asyncio.get_running_loop()
        async with self._limit.turn():
            return await loop.run_in_executor(self._pool, own.run, self._respond, scope, body)

    async def _run_with_photos(
        self, own: contextvars.Context, scope: Any, body: Any
    ) -> HttpResponseBase:
        sender = address_key((scope.get("client") or ("",))[0])
        loop = asyncio.get_running_loop()
        try:
            async with self._photo_queue.turn(sender):
                return await loop.run_in_executor(
                    self._photo_pool, own.run, self._respond, scope, body
                )
        except QueueFull:
            # The view refuses the photos in words, with the form that was typed.
            own.run(photos.crowded.set, True)
            return await self._run(own, scope, body)

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
