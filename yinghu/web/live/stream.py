"""Live updates: GET /live sends server-sent events that say "look again", never contents.

Each web process has one LISTEN connection outside the pool and passes notifications to its viewers
(`hub`). Pages fetch the changed part themselves, so permissions are checked in one place. Events
waiting for a slow viewer are a bounded set; those within `PACE_SECONDS` are sent together.

    /live?desk=NAME&case=NUMBER&badges=1&alarms=1&notices=1   topics of a login, repeatable
    /live?t=TOKEN                                    an appeal by its tracking token

A name may carry the version shown and the last mark received, `NUMBER~VERSION~MARK`; `version=` is
that of a page's only case, `me=` the login that the page was made for. Events are `desk`, `badges`,
`alarms`, `notices`, `case`, `viewers` and the heartbeat `here`; the data is `{"key": name asked
for, "spread": milliseconds over which viewers should spread their requests}`, the id the mark. A
new stream begins with what was missed since the marks; without marks: all lists, and cases or
notices whose version has changed.
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
from yinghu.people.access_changes import access_changes
from yinghu.web.live.hub import Hub, RefreshEvent, Viewer, forget_hub, hub
from yinghu.web.live.stream_permissions import (
    PermittedTopics,
    current_versions,
    permitted_topics,
    requested_topics,
)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PACE_SECONDS = 0.3
HEARTBEAT_SECONDS = 15.0
MAX_STREAM_SECONDS = 30 * 60.0
"""Seconds between two sendings, between heartbeats, and until a viewer must reconnect, which checks
the login again."""
REFRESHES_PER_SECOND = 25
"""Requests a second that one notification may cause; more viewers are spread over longer."""
MAX_SPREAD_MS = 40_000
MAX_ALARM_SPREAD_MS = 1_000
"""Longest spread of requests, and of those for an alarm, which waits for nobody."""
MAX_VIEWERS = 5000
MAX_OF_STRANGERS = MAX_VIEWERS // 2
MAX_OF_ONE_TOKEN = 20
MAX_OF_ONE_ADDRESS = 50
MAX_OF_ONE_LOGIN = 50
"""Most open streams of this process: in all; without a login, which leaves half to staff; of one
token; of one address without a login; of one login."""

_log = structlog.get_logger("yinghu.live")


@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Run the hub for as long as the web process serves."""
    mine = hub()
    mine.start()
    with _close_on_signals(mine):
        try:
            yield
        finally:
            await mine.stop()
            forget_hub()


@contextlib.contextmanager
def _close_on_signals(mine: Hub) -> Iterator[None]:
    """End the streams on SIGTERM and SIGINT, then call the web server's own handlers.

    The server waits for running requests before it ends the lifespan; open streams would block it.
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
    """Serve GET /live."""
    mine = hub()
    mine.start()
    try:
        wants, me = requested_topics(scope.get("query_string", b"").decode("latin-1"))
    except ValueError:
        await _refuse(send, 400)
        return
    checked_at = access_changes.count
    found = await sync_to_async(permitted_topics)(wants, me, _session_key(scope))
    if not found.topics:
        await _refuse(send, 403)
        return
    shares = _shares(scope, found)
    # No await between this check and `add`, or two requests could take the last place.
    if len(mine.viewers) >= MAX_VIEWERS:
        await _refuse(send, 503)
        return
    if not mine.has_room(shares):
        await _refuse(send, 429)
        return
    viewer = Viewer({topic: frozenset(told) for topic, told in found.topics.items()}, shares)
    mine.add(viewer)
    if access_changes.count != checked_at:
        # What the check rested on may have changed before `add`: look again on a new stream.
        viewer.end()
    gone = asyncio.create_task(_disconnected(receive, viewer))
    if found.user is not None:
        for appeal_id in mine.presence.come(found.user, found.open):
            viewer.tell(f"viewers:{appeal_id}")
    try:
        # After `add`, so that nothing falls between.
        for topic in await _missed(mine, found):
            viewer.tell(topic)
        await _stream(mine, viewer, send)
    finally:
        mine.remove(viewer)
        if found.user is not None:
            mine.presence.go(found.user, found.open)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _missed(mine: Hub, found: PermittedTopics) -> set[str]:
    """Return the topics that may have changed since the page was made."""
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
        now = await sync_to_async(current_versions)(cases, reads)
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
    # No mark before the pending events have been sent.
    await _send_text(send, f"retry: {retry}\n\n" + ("" if viewer.pending else _heartbeat(mine)))
    end = time.monotonic() + MAX_STREAM_SECONDS * random.uniform(0.8, 1.0)  # noqa: S311  # spreads returns
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await viewer.wake.wait()
        if viewer.ended:
            break
        viewer.wake.clear()
        told, viewer.pending = viewer.pending, {}
        if not told:
            await _send_text(send, _heartbeat(mine))
            continue
        mark = mine.mark
        await _send_text(
            send, "".join(_event(mine, each, told[each], mark) for each in sorted(told))
        )
        # Events meanwhile are collected and sent together.
        await asyncio.sleep(PACE_SECONDS)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _event(mine: Hub, told: RefreshEvent, topic: str, mark: str) -> str:
    most = MAX_ALARM_SPREAD_MS if told.name == "alarms" else MAX_SPREAD_MS
    spread = min(most, 1000 * len(mine.by_topic.get(topic, ())) // REFRESHES_PER_SECOND)
    data = json.dumps({"key": told.key, "spread": spread})
    return f"event: {told.name}\nid: {mark}\ndata: {data}\n\n"


def _heartbeat(mine: Hub) -> str:
    return f"event: here\nid: {mine.mark}\ndata: {{}}\n\n"


async def _send_text(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _disconnected(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _shares(scope: Scope, found: PermittedTopics) -> dict[str, int]:
    """Return the limits that a viewer counts against; `asgi` has set the true client address."""
    shares = {f"token:{appeal_id}": MAX_OF_ONE_TOKEN for appeal_id in found.tokens}
    if found.user is not None:
        return {f"login:{found.user}": MAX_OF_ONE_LOGIN, **shares}
    address = address_key((scope.get("client") or ("",))[0])
    return {"strangers": MAX_OF_STRANGERS, f"address:{address}": MAX_OF_ONE_ADDRESS, **shares}


def _session_key(scope: Scope) -> str:
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return parse_cookie(cookies.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")
