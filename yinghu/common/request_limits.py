"""Request body size and read-timeout limits."""

import asyncio
import time
from typing import Any

MAX_BODY_BYTES = 2 * 1024 * 1024 + 64 * 1024
"""Fits all texts of a form, and a file of Django's own limit."""

MAX_BODY_WITH_PHOTOS = 80 * 1024 * 1024
"""Fits six photos of 12 MB (`common.photos`) and all texts of a form."""

WITH_PHOTOS = ("/file", "/p/", "/t/", "/desk/", "/field/", "/family")
"""Path prefixes that accept photos."""

PATIENCE_SECONDS = 30.0
SLOWEST_BYTES_A_SECOND = 8 * 1024
"""A body may take `PATIENCE_SECONDS`, and longer by what has arrived at this rate."""


class TooLarge(Exception):
    """The request body exceeds the limit."""


class TooSlow(Exception):
    """The request body arrives too slowly."""


class Malformed(Exception):
    """The request body ended before its end: its chunks are wrong, or the sender left."""


def bounded(receive: Any, most: int) -> Any:
    """Wrap `receive` to raise TooLarge after `most` bytes, TooSlow on a timeout, and Malformed.

    Django spools the whole body before a view runs, and a chunked body declares no length.
    """
    size, ended = 0, False
    began = time.monotonic()

    async def counted() -> Any:
        nonlocal size, ended
        if ended:
            # Only a disconnect can follow, which may take hours on an open stream.
            return await receive()
        deadline = began + PATIENCE_SECONDS + size / SLOWEST_BYTES_A_SECOND
        # A positive timeout, so that data which has arrived is read even after the deadline.
        left = max(deadline - time.monotonic(), 0.2)
        try:
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError:
            raise TooSlow from None
        if message["type"] != "http.request":
            raise Malformed
        ended = not message.get("more_body", False)
        size += len(message.get("body", b""))
        if size > most:
            raise TooLarge
        return message

    return counted
