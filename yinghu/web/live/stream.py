"""Live updates: GET /live, server-sent events that say "look again", never what there is to see.

Each web process holds one LISTEN connection, outside the pool, and fans what it hears out to its
viewers (`hub`). A page then asks for its own part again, so that permission stays where it is. What
waits for a viewer is a set of names that it asked for, however slow it is; the first goes out at
once, what comes within `PACE` after it together.

    /live?desk=NAME&case=NUMBER&badges=1&notices=1   what a login follows, as often as its tabs need
    /live?t=TOKEN                                    one's own appeal, by its secret link

Each name may carry the version that the page shows and the mark at which it was last told,
`NUMBER~VERSION~MARK`; `version=` stands for the one case of a page, `me=` for the login it was made
for. Events are `desk`, `badges`, `notices`, `case`, `viewers` and, as a sign of life, `here`; the
data is `{"key": the name asked for, "spread": milliseconds over which many should spread what they
ask}`, the id the mark. On connecting comes whatever was missed since the marks; without them all
lists, and a case, or notices, whose version is another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import FrameType
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import parse_cookie

from yinghu.common.rate_limit import address_key
from yinghu.web.live.hub import Hub, Told, Viewer, forget, hub
from yinghu.web.live.presence import Presence
from yinghu.web.live.stream_permissions import Followed, TooMany, followed, versions, wants_of

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PACE = 0.3
HEARTBEAT = 15.0
LONGEST = 30 * 60.0
"""Seconds: between two sendings to a viewer; between signs of life; until a viewer must come again,
for only on coming is looked whether the login still holds."""
ASKED_A_SECOND = 25
"""Parts that viewers told of one thing may ask for again in a second: many spread it over more."""
WIDEST = 40_000
"""Milliseconds over which they spread it at most."""
MAX_VIEWERS = 5000
MAX_OF_STRANGERS = MAX_VIEWERS // 2
MAX_OF_ONE_TOKEN = 20
MAX_OF_ONE_ADDRESS = 50
MAX_OF_ONE_LOGIN = 50
"""Streams open at once in this process: of all; of those who come with a token, so that staff have
the other half; of one token; of one address with tokens; and of one login."""

_log = structlog.get_logger("yinghu.live")
_presences: dict[int, Presence] = {}


def presence() -> Presence:
    """Who has what open in this event loop."""
    loop = asyncio.get_running_loop()
    return _presences.setdefault(id(loop), Presence())


@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Listen for as long as the web process serves."""
    mine = hub()
    mine.start()
    with _told_of_signals(mine):
        try:
            yield
        finally:
            await mine.stop()
            await presence().stop()
            _presences.pop(id(asyncio.get_running_loop()), None)
            forget()


@contextlib.contextmanager
def _told_of_signals(mine: Hub) -> Iterator[None]:
    """End the streams as soon as the process is told to stop.

    The web server waits for requests under way before it ends the lifespan, and an open stream
    would keep it waiting. Its own handling of the signals goes on as before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(mine.close)
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for number in before:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """GET /live."""
    mine = hub()
    mine.start()
    try:
        wants, me = wants_of(scope.get("query_string", b"").decode("latin-1"))
    except (TooMany, ValueError):
        await _refuse(send, 400)
        return
    found = await sync_to_async(followed)(wants, me, _session_key(scope))
    if not found.topics:
        await _refuse(send, 403)
        return
    shares = _shares(scope, found)
    # No await between finding room and `add`: two who came at once would both find the last.
    if mine.count >= MAX_VIEWERS:
        await _refuse(send, 503)
        return
    if not mine.has_room(shares):
        await _refuse(send, 429)
        return
    viewer = Viewer({topic: frozenset(told) for topic, told in found.topics.items()}, shares)
    mine.add(viewer)
    gone = asyncio.create_task(_disconnected(receive, viewer))
    if found.user is not None:
        for appeal_id in presence().come(found.user, found.open):
            viewer.tell(f"viewers:{appeal_id}")
    try:
        # Only now nothing can be missed any more.
        for topic in await _missed(mine, found):
            viewer.tell(topic)
        await _stream(mine, viewer, send)
    finally:
        mine.remove(viewer)
        if found.user is not None:
            presence().go(found.user, found.open)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _missed(mine: Hub, found: Followed) -> set[str]:
    """The topics of what happened, or may have, between the making of the page and now."""
    missed: set[str] = set()
    unsure: dict[str, str] = {}
    cases: set[int] = set()
    for topic, want, appeal_id in found.since:
        known = mine.was_missed(topic, want.mark)
        told = appeal_id is not None or (want.kind == "notices" and want.version)
        if known or (known is None and (not told or (want.mark and found.user))):
            missed.add(topic)
        elif known is None and topic.startswith(("case:", "public:", "notices:")):
            unsure[topic] = want.version
            cases |= {appeal_id} if appeal_id is not None else set()
    if unsure:
        reads = found.user if f"notices:{found.user}" in unsure else None
        now = await sync_to_async(versions)(cases, reads)
        missed |= {topic for topic, shown in unsure.items() if now.get(topic) != shown}
    return missed


async def _stream(mine: Hub, viewer: Viewer, send: Send) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    retry = random.randint(1000, 3000)  # noqa: S311  # spreads returns
    # No mark while something that came before it is still to be told.
    await _say(send, f"retry: {retry}\n\n" + ("" if viewer.pending else _here(mine)))
    end = time.monotonic() + LONGEST * random.uniform(0.8, 1.0)  # noqa: S311  # spreads returns
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT):
                await viewer.wake.wait()
        if viewer.ended:
            break
        viewer.wake.clear()
        told, viewer.pending = viewer.pending, {}
        if not told:
            await _say(send, _here(mine))
            continue
        mark = mine.mark
        await _say(send, "".join(_event(mine, each, told[each], mark) for each in sorted(told)))
        # What comes meanwhile is gathered, and told in one.
        await asyncio.sleep(PACE)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _event(mine: Hub, told: Told, topic: str, mark: str) -> str:
    spread = min(WIDEST, 1000 * len(mine.by_topic.get(topic, ())) // ASKED_A_SECOND)
    data = json.dumps({"key": told.key, "spread": spread})
    return f"event: {told.name}\nid: {mark}\ndata: {data}\n\n"


def _here(mine: Hub) -> str:
    return f"event: here\nid: {mine.mark}\ndata: {{}}\n\n"


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _disconnected(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _shares(scope: Scope, found: Followed) -> dict[str, int]:
    """What a viewer takes a part of; a stranger's address is the true one (`asgi`)."""
    shares = {f"token:{appeal_id}": MAX_OF_ONE_TOKEN for appeal_id in found.tokens}
    if found.user is not None:
        return {f"login:{found.user}": MAX_OF_ONE_LOGIN, **shares}
    address = address_key((scope.get("client") or ("",))[0])
    return {"strangers": MAX_OF_STRANGERS, f"address:{address}": MAX_OF_ONE_ADDRESS, **shares}


def _session_key(scope: Scope) -> str:
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return parse_cookie(cookies.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")
