"""Bodies of requests: how much of them is listened to, and how long."""

from __future__ import annotations

import asyncio
import time
from typing import Any

MAX_BODY_BYTES = 2 * 1024 * 1024 + 64 * 1024
"""All the words of a form fit, and a file of Django's own limit."""

MAX_BODY_WITH_PHOTOS = 80 * 1024 * 1024
"""Six photos of 12 MB (`common.photos`) and all the words of a form fit."""

WITH_PHOTOS = ("/file", "/p/", "/t/", "/desk/", "/field/")
"""How the paths begin to which photos are sent."""

PATIENCE_SECONDS = 30.0
SLOWEST_BYTES_A_SECOND = 8 * 1024
"""How long a body may be on its way: this long, and longer by what has come at this rate."""


class TooLarge(Exception):
    """A request's body is longer than anything that we take."""


class TooSlow(Exception):
    """A request's body does not arrive."""


def bounded(receive: Any, most: int) -> Any:
    """`receive`, raising TooLarge after `most` bytes of body, and TooSlow where it does not come.

    Django keeps a whole body on disk before any view runs, and one sent in chunks need not say how
    long it will be.
    """
    size, ended = 0, False
    began = time.monotonic()

    async def counted() -> Any:
        nonlocal size, ended
        if ended:
            # What comes now is that the sender has gone: an open stream waits for it for hours.
            return await receive()
        deadline = began + PATIENCE_SECONDS + size / SLOWEST_BYTES_A_SECOND
        # What lies there is taken, however late we ask for it.
        left = max(deadline - time.monotonic(), 0.2)
        try:
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError:
            raise TooSlow from None
        ended = not message.get("more_body", False)
        size += len(message.get("body", b""))
        if size > most:
            raise TooLarge
        return message

    return counted


def most_for(path: str) -> int:
    """The bytes that a body sent to this path may have."""
    return MAX_BODY_WITH_PHOTOS if path.startswith(WITH_PHOTOS) else MAX_BODY_BYTES
