"""Live updates: GET /live, server-sent events that say "look again", never what there is to see.

Each web process holds one LISTEN connection, outside the pool, and fans what it hears out to its
viewers. A page then asks for its own part again, so that permission stays where it is. What waits
for a viewer is a set of at most two names, however slow they are; it goes out once in `PACE`.

    /live?desk=NAME[&case=NUMBER]   a login's desk, and the case open beside it
    /live?case=NUMBER               one case, for staff who may see it
    /live?t=TOKEN                   one's own appeal, by its secret link

Staff who have a case open are known to each other by it (`presence.py`), as event `viewers`.

With &version=V, the version of the case that the page shows. Events are `desk` and `case`; on
connecting `desk` comes at once, and `case` where the version is another: what happened in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from types import FrameType
from typing import Any
from urllib.parse import parse_qs

import psycopg
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import Error, connection
from django.http import HttpRequest, parse_cookie

from yinghu.appeals.models import Appeal
from yinghu.appeals.notify import NOTIFY_CHANNEL
from yinghu.appeals.numbers import id_of, id_of_token
from yinghu.appeals.states import BY_REST, MOVES, Status
from yinghu.channels.flood import address_key
from yinghu.people.access import Actor, actor_of, desks_of, may_read_why, may_see
from yinghu.people.models import User
from yinghu.web import presence

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PACE = 1.0
HEARTBEAT = 15.0
LONGEST = 30 * 60.0
"""Seconds: between two events to a viewer; between signs of life; until a viewer must come again,
for only on coming is looked whether the login still holds."""
MAX_VIEWERS = 5000
MAX_OF_STRANGERS = MAX_VIEWERS // 2
MAX_OF_ONE_TOKEN = 20
MAX_OF_ONE_ADDRESS = 50
MAX_OF_ONE_LOGIN = 50
"""Streams open at once in this process: of all; of those who come with a token, so that staff have
the other half; of one token; of one address with tokens; and of one login."""

_log = structlog.get_logger("yinghu.live")

_HELD = frozenset({Status.ASSIGNED, Status.HANDLING, Status.WAITING})
_SHOWN: dict[str, frozenset[Status]] = {
    "triage": frozenset({Status.FILED}),
    "dispatch": frozenset({Status.SORTED}),
    "inbox": _HELD,
    "field": _HELD,
    "callback": frozenset({Status.RESOLVED}),
    "board": frozenset(Status),
}


def desks_touched(verb: str) -> frozenset[str]:
    """The desks whose list a verb may change, as MOVES says; all, for what is no verb."""
    move = MOVES.get(verb)  # type: ignore[call-overload]  # a verb is a string
    if move is None or verb in BY_REST:
        return frozenset(_SHOWN)
    touched = move.sources | ({move.target} if move.target else set())
    return frozenset(desk for desk, shown in _SHOWN.items() if shown & touched)


class Viewer:
    """One open page: what it waits for, and what it has not been told yet."""

    __slots__ = ("pending", "shares", "topics", "wake")

    def __init__(self, topics: dict[str, str], shares: dict[str, int] | None = None) -> None:
        self.topics = topics
        self.shares = shares or {}
        """What it takes a part of, and how many may."""
        self.pending: set[str] = set()
        self.wake = asyncio.Event()

    def tell(self, name: str) -> None:
        self.pending.add(name)
        self.wake.set()


class Hub:
    """All viewers of this process, by topic (`desk:triage`, `case:17`), and the one who listens."""

    def __init__(self) -> None:
        self.by_topic: dict[str, set[Viewer]] = {}
        self.count = 0
        self.taken: Counter[str] = Counter()
        self.closing = asyncio.Event()
        self.listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, if nobody does."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen_for_ever(), name="yinghu.live")

    async def stop(self) -> None:
        """End every stream, then the listening."""
        self.closing.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def add(self, viewer: Viewer) -> None:
        for topic in viewer.topics:
            self.by_topic.setdefault(topic, set()).add(viewer)
        self.count += 1
        self.taken.update(viewer.shares.keys())

    def has_open(self, watched: tuple[int, int]) -> bool:
        """Whether this login has another page of the case open in this process."""
        user, case = watched
        share = f"login:{user}"
        return any(share in viewer.shares for viewer in self.by_topic.get(f"viewers:{case}", ()))

    def has_room(self, shares: dict[str, int]) -> bool:
        """Whether one more viewer may come who takes a part of these."""
        return all(self.taken[share] < most for share, most in shares.items())

    def remove(self, viewer: Viewer) -> None:
        for topic in viewer.topics:
            viewers = self.by_topic[topic]
            viewers.discard(viewer)
            if not viewers:
                del self.by_topic[topic]
        self.count -= 1
        for share in viewer.shares:
            self.taken[share] -= 1
            if not self.taken[share]:
                del self.taken[share]

    def hear(self, payload: str) -> None:
        """Tell the viewers whom a notification concerns."""
        said = json.loads(payload)
        appeals: Iterable[int] = said.get("appeals") or ()
        if said.get("verb") == presence.VIEW:
            # Nothing about the case has changed: nobody fetches it, or a list, again.
            self._tell([f"viewers:{appeal}" for appeal in appeals])
            return
        topics = [f"desk:{desk}" for desk in desks_touched(str(said.get("verb", "")))]
        topics += [f"case:{appeal}" for appeal in appeals]
        self._tell(topics if appeals else [*topics, *self._cases()])

    def refresh(self) -> None:
        """Tell everybody to look again: something may have been missed."""
        self._tell(list(self.by_topic))

    def _cases(self) -> list[str]:
        return [topic for topic in self.by_topic if topic.startswith("case:")]

    def _tell(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for viewer in self.by_topic.get(topic, ()):
                viewer.tell(viewer.topics[topic])

    async def _listen_for_ever(self) -> None:
        wait = 0.2
        while True:
            try:
                async for payload in _notifications(self.listening):
                    wait = 0.2
                    if payload is None:
                        self.refresh()
                    else:
                        self.hear(payload)
            except (psycopg.Error, OSError) as error:
                self.listening.clear()
                _log.warning("live updates lost the database", error=str(error), again_in=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 10.0)


async def _notifications(listening: asyncio.Event) -> AsyncIterator[str | None]:
    """Payloads as they come; None first, when listening has begun."""
    database = await psycopg.AsyncConnection.connect(
        settings.DATABASE_URL, autocommit=True, application_name="yinghu live", connect_timeout=5
    )
    async with database:
        await database.execute(f"LISTEN {NOTIFY_CHANNEL}")
        listening.set()
        yield None
        while True:
            async for note in database.notifies(timeout=HEARTBEAT * 2):
                yield note.payload
            # Silence is no proof of life: a database that went away says nothing either.
            await database.execute("SELECT 1")


_hubs: dict[int, Hub] = {}


def hub() -> Hub:
    """The hub of this event loop."""
    loop = asyncio.get_running_loop()
    if id(loop) not in _hubs:
        _hubs[id(loop)] = Hub()
    return _hubs[id(loop)]


@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Listen for as long as the web process serves."""
    mine = hub()
    mine.start()
    with _told_of_signals(mine.closing):
        try:
            yield
        finally:
            await mine.stop()
            _hubs.pop(id(asyncio.get_running_loop()), None)


@contextlib.contextmanager
def _told_of_signals(closing: asyncio.Event) -> Iterator[None]:
    """Set `closing` as soon as the process is told to stop.

    The web server waits for requests under way before it ends the lifespan, and an open stream
    would keep it waiting. Its own handling of the signals goes on as before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(closing.set)
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
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    if mine.count >= MAX_VIEWERS:
        await _refuse(send, 503)
        return
    mine.start()
    followed = await sync_to_async(_followed)(
        {key: values[0][:80] for key, values in query.items()}, _session_key(scope)
    )
    if not followed.topics:
        await _refuse(send, 403)
        return
    shares = _shares(scope, followed)
    # No await from here to `add`: two who came at once would both find the last room.
    if not mine.has_room(shares):
        await _refuse(send, 429)
        return
    viewer = Viewer(followed.topics, shares)
    mine.add(viewer)
    inside = f"viewers:{followed.case}" in followed.topics
    watched = (followed.user, followed.case) if inside and followed.user and followed.case else None
    gone = asyncio.create_task(_disconnected(receive))
    closing = asyncio.create_task(mine.closing.wait())
    try:
        # Only now nothing can be missed any more.
        for name in await _missed(followed):
            viewer.tell(name)
        await _stream(viewer, send, gone, closing, watched)
    finally:
        mine.remove(viewer)
        if watched and not mine.has_open(watched):
            await asyncio.shield(sync_to_async(_said)(presence.left, watched))
        for task in (gone, closing):
            task.cancel()
        await asyncio.gather(gone, closing, return_exceptions=True)


async def _stream(
    viewer: Viewer,
    send: Send,
    gone: asyncio.Task[None],
    closing: asyncio.Task[bool],
    watched: tuple[int, int] | None,
) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _say(send, f"retry: {random.randint(1000, 3000)}\n\n")  # noqa: S311  # spreads returns
    end = time.monotonic() + LONGEST * random.uniform(0.8, 1.0)  # noqa: S311  # spreads returns
    say_again = 0.0
    while time.monotonic() < end:
        if watched and time.monotonic() >= say_again:
            say_again = time.monotonic() + presence.AGAIN
            await sync_to_async(_said)(presence.here, watched)
        wake = asyncio.create_task(viewer.wake.wait())
        done, _rest = await asyncio.wait(
            {wake, gone, closing}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED
        )
        wake.cancel()
        if gone in done:
            return
        if closing in done:
            break
        if wake not in done:
            # An event, not a comment: a page must notice that nothing comes any more.
            await _say(send, "event: here\ndata: 1\n\n")
            continue
        names, viewer.pending = sorted(viewer.pending), set()
        viewer.wake.clear()
        await _say(send, "".join(f"event: {name}\ndata: 1\n\n" for name in names))
        # What comes meanwhile is gathered, and told in one.
        done, _rest = await asyncio.wait(
            {gone, closing}, timeout=PACE, return_when=asyncio.FIRST_COMPLETED
        )
        if gone in done:
            return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _shares(scope: Scope, followed: Followed) -> dict[str, int]:
    """What a viewer takes a part of; a stranger's address is the true one (`asgi`)."""
    if followed.user is not None:
        return {f"login:{followed.user}": MAX_OF_ONE_LOGIN}
    address = address_key((scope.get("client") or ("",))[0])
    return {
        "strangers": MAX_OF_STRANGERS,
        f"token:{followed.case}": MAX_OF_ONE_TOKEN,
        f"address:{address}": MAX_OF_ONE_ADDRESS,
    }


def _session_key(scope: Scope) -> str:
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return parse_cookie(cookies.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")


@dataclass(slots=True)
class Followed:
    """What a viewer may follow (topic -> name of its event), and the case among it."""

    topics: dict[str, str] = field(default_factory=dict)
    case: int | None = None
    version: str = ""
    user: int | None = None


def _followed(query: dict[str, str], session_key: str) -> Followed:
    found = Followed(version=query.get("version", ""))
    try:
        if "t" in query:
            found.case = id_of_token(query["t"])
        elif session_key:
            _staff_follows(found, query, session_key)
    finally:
        # Outside a Django request nobody else would give it back to the pool.
        connection.close()
    if found.case is not None:
        found.topics[f"case:{found.case}"] = "case"
    return found


def _staff_follows(found: Followed, query: dict[str, str], session_key: str) -> None:
    actor = _actor_of_session(session_key)
    if actor is None or not actor.is_staff:
        return
    found.user = actor.user_id
    desk = query.get("desk", "")
    if desk in _SHOWN and desk in desks_of(actor):
        found.topics[f"desk:{desk}"] = "desk"
    appeal_id = id_of(query.get("case", ""))
    appeal = Appeal.objects.filter(pk=appeal_id).first() if appeal_id is not None else None
    if appeal is not None and may_see(actor, appeal):
        found.case = appeal.pk
        if may_read_why(actor, appeal):
            found.topics[f"viewers:{appeal.pk}"] = "viewers"


async def _missed(followed: Followed) -> set[str]:
    """The events of what may have happened between the making of the page and now."""
    missed = {name for name in followed.topics.values() if name == "desk"}
    if followed.case is not None:
        version = await sync_to_async(_version)(followed.case)
        if str(version) != followed.version:
            missed.add("case")
    return missed


def _said(say: Callable[[int, int], None], watched: tuple[int, int]) -> None:
    try:
        say(*watched)
    except Error as error:
        # The stream is worth more than who else looks; it will be said again.
        _log.warning("who has a case open could not be said", error=str(error))
    finally:
        connection.close()


def _version(appeal_id: int) -> int | None:
    try:
        return Appeal.objects.filter(pk=appeal_id).values_list("version", flat=True).first()
    finally:
        connection.close()


def _actor_of_session(key: str) -> Actor | None:
    from allauth.mfa.utils import is_mfa_enabled

    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    if settings.SECOND_FACTOR_REQUIRED and not is_mfa_enabled(user):
        return None
    return actor_of(user)
