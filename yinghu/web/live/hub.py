"""Hub of live updates: the viewers of this process and the connection that listens for them.

Notifications carry ids (`appeals.notify`) and reach viewers as "look again". Each one advances a
logical clock, and each topic records its latest notification, so a viewer that reconnects with its
last mark learns exactly what it missed. A mark of another process cannot be compared: then
everything may have been missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error, connection

from yinghu.appeals.notify import ALARMS, NOTICE, NOTIFY_CHANNEL
from yinghu.appeals.states import ENDED, Status
from yinghu.appeals.verb import Privacy
from yinghu.oversight.actions import CHASE
from yinghu.people.access_changes import VERB, access_changes
from yinghu.people.models import User
from yinghu.verbs import VERBS
from yinghu.web.live.presence import VIEW, Presence

PROBE_SECONDS = 30.0
"""Seconds of silence after which the listener probes the database."""
MAX_REMEMBERED = 40_000
"""Topics whose latest notification is kept; for others, older marks count as missed."""

_log = structlog.get_logger("yinghu.live")

_IN_HAND = frozenset({Status.ASSIGNED, Status.HANDLING, Status.WAITING})
DESK_STATUSES: dict[str, frozenset[Status]] = {
    "triage": frozenset({Status.FILED}),
    "dispatch": frozenset({Status.SORTED}),
    "inbox": _IN_HAND,
    "field": _IN_HAND,
    "callback": frozenset({Status.RESOLVED}),
    "shared": _IN_HAND | {Status.RESOLVED},
    "board": frozenset(Status),
}
"""Statuses that each desk's list shows."""
WHISTLES = "whistles"
"""The desk whose list depends on whistles, not on statuses."""
DESKS = frozenset({WHISTLES, ALARMS, *DESK_STATUSES})


def desks_touched(name: str) -> frozenset[str]:
    """Return the desks whose list a verb may change; for unknown names all but the lane of alarms.

    Verbs that change only this lane name it, others announce it themselves (`appeals.moving`).
    """
    verb = VERBS.get(name)
    if name in (VIEW, NOTICE) or verb is CHASE:
        # Chasing changes no list; it sends notices.
        return frozenset()
    if verb is not None and verb.errand:
        return verb.lists
    if name == ALARMS:
        return frozenset({ALARMS})
    if verb is None:
        return DESKS - {ALARMS}
    if verb.rests_from:
        return DESKS - {ALARMS}
    touched = verb.sources | ({verb.target} if verb.target else set())
    whistles = {WHISTLES} if verb.target in ENDED else set()
    shown = {desk for desk, statuses in DESK_STATUSES.items() if statuses & touched}
    return frozenset(shown | whistles | verb.lists)


def topic_kinds(name: str) -> tuple[str, ...]:
    """Return the kinds of topic that a verb concerns.

    `case` is for staff, `public` for those who follow by link and must not notice internal events,
    `notices` for logins with new notices, `viewers` for presence.
    """
    if name == VIEW:
        return ("viewers",)
    if name == NOTICE:
        return ("notices",)
    verb = VERBS.get(name)
    return ("case", "public") if verb and verb.privacy is Privacy.PUBLIC else ("case",)


class RefreshEvent(NamedTuple):
    """Tells a page to refresh `desk`, `badges`, `alarms`, `notices`, `case` or `viewers`, with its
    key.
    """

    name: str
    key: str


@dataclass(slots=True, eq=False)
class Viewer:
    """One open stream: the events by topic that it follows, and those of them that are pending."""

    topics: dict[str, frozenset[RefreshEvent]]
    shares: dict[str, int] = field(default_factory=dict)
    """Limits that it counts against, with their maximum."""
    pending: dict[RefreshEvent, str] = field(default_factory=dict, init=False)
    wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    ended: bool = field(default=False, init=False)

    def tell(self, topic: str) -> None:
        for told in self.topics[topic]:
            self.pending[told] = topic
        self.wake.set()

    def end(self) -> None:
        self.ended = True
        self.wake.set()


class Hub:
    """The viewers of this process by topic: `desk:triage`, `case:17`, `notices:3` (of a login)."""

    def __init__(self) -> None:
        self.by_topic: dict[str, set[Viewer]] = {}
        self.viewers: set[Viewer] = set()
        self.taken: Counter[str] = Counter()
        self.presence = Presence()
        self.closing = False
        self.listening = asyncio.Event()
        self._process_mark = secrets.token_hex(4)
        self._clock = 0
        self._all_at = 0
        self._kind_at: dict[str, int] = {}
        """Latest notification of all topics of a kind."""
        self._topic_at: OrderedDict[str, int] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    @property
    def mark(self) -> str:
        """The current mark: process and clock."""
        return f"{self._process_mark}.{self._clock}"

    def start(self) -> None:
        """Start listening, if not started."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_listening(), name="yinghu.live")

    async def stop(self) -> None:
        """End every stream, stop listening, and forget who has what open."""
        self.close()
        access_changes.listening = False
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.presence.stop()

    def close(self) -> None:
        """End every stream and admit no more."""
        self.closing = True
        for viewer in self.viewers:
            viewer.end()

    def add(self, viewer: Viewer) -> None:
        for topic in viewer.topics:
            self.by_topic.setdefault(topic, set()).add(viewer)
        self.viewers.add(viewer)
        self.taken.update(viewer.shares.keys())
        if self.closing:
            viewer.end()

    def has_room(self, shares: dict[str, int]) -> bool:
        """Is there room for one more viewer under these limits?"""
        return all(self.taken[share] < most for share, most in shares.items())

    def remove(self, viewer: Viewer) -> None:
        for topic in viewer.topics:
            viewers = self.by_topic[topic]
            viewers.discard(viewer)
            if not viewers:
                del self.by_topic[topic]
        self.viewers.discard(viewer)
        for share in viewer.shares:
            self.taken[share] -= 1
            if not self.taken[share]:
                del self.taken[share]

    def hear(self, payload: str) -> None:
        """Pass a notification to the viewers that it concerns."""
        said = json.loads(payload)
        verb = str(said.get("verb", ""))
        if verb == VERB:
            self.change_access(said.get("users") or ())
            return
        meant: Iterable[int] = said.get("users" if verb == NOTICE else "appeals") or ()
        kinds = topic_kinds(verb)
        self._clock += 1
        topics = [f"desk:{desk}" for desk in desks_touched(verb)]
        topics += [f"{kind}:{each}" for kind in kinds for each in meant]
        for topic in topics:
            self._topic_at[topic] = self._clock
            self._topic_at.move_to_end(topic)
            self._tell(topic)
        if not meant:
            self._kind_at |= dict.fromkeys(kinds, self._clock)
            for topic in self.by_topic:
                if topic.partition(":")[0] in kinds:
                    self._tell(topic)
        while len(self._topic_at) > MAX_REMEMBERED:
            topic, at = self._topic_at.popitem(last=False)
            kind = topic.partition(":")[0]
            self._kind_at[kind] = max(self._kind_at.get(kind, 0), at)

    def change_access(self, users: Collection[int]) -> None:
        """Let earlier checks of these logins count no more; of all, if none is named. Their streams
        end, and the pages that may go on open new ones.
        """
        access_changes.announce(users)
        logins = {f"login:{user}" for user in users}
        for viewer in self.viewers:
            own = {share for share in viewer.shares if share.startswith("login:")}
            if own & logins or (own and not users):
                viewer.end()

    def refresh(self) -> None:
        """Tell all viewers to look again, as notifications may have been lost."""
        self._clock += 1
        self._all_at = self._clock
        for topic in self.by_topic:
            self._tell(topic)

    def was_missed(self, topic: str, mark: str) -> bool | None:
        """Was the topic notified after this mark? None if the mark is of another process."""
        process_mark, _dot, text = mark.partition(".")
        if process_mark != self._process_mark or not text.isdecimal():
            return None
        after = int(text)
        kind_at = self._kind_at.get(topic.partition(":")[0], 0)
        return after < max(kind_at, self._topic_at.get(topic, 0), self._all_at)

    def _tell(self, topic: str) -> None:
        for viewer in self.by_topic.get(topic, ()):
            viewer.tell(topic)

    async def _end_closed(self) -> None:
        """End the streams of logins that are closed."""
        shares = {share for viewer in self.viewers for share in viewer.shares}
        logins = {
            int(share.removeprefix("login:")) for share in shares if share.startswith("login:")
        }
        if closed := logins - await sync_to_async(_active)(logins):
            self.change_access(closed)

    async def _keep_listening(self) -> None:
        wait, was_lost = 0.2, False
        while True:
            try:
                async for payload in _notifications(self.listening):
                    wait = 0.2
                    if payload is None:
                        self.refresh()
                        if was_lost:
                            # So may have been changes.
                            access_changes.announce(())
                            await self._end_closed()
                        access_changes.listening = True
                    else:
                        self.hear(payload)
            except (psycopg.Error, Error, OSError) as error:
                was_lost = True
                self.listening.clear()
                access_changes.listening = False
                _log.warning("live updates lost the database", error=str(error), again_in=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 10.0)


def _active(logins: Collection[int]) -> set[int]:
    with contextlib.closing(connection):
        found = User.objects.filter(pk__in=logins, is_active=True)
        return set(found.values_list("pk", flat=True))


async def _notifications(listening: asyncio.Event) -> AsyncIterator[str | None]:
    """Yield payloads; first None, once listening has begun."""
    database = await psycopg.AsyncConnection.connect(
        settings.DATABASE_URL, autocommit=True, application_name="yinghu live", connect_timeout=5
    )
    async with database:
        await database.execute(f"LISTEN {NOTIFY_CHANNEL}")
        listening.set()
        yield None
        while True:
            async for note in database.notifies(timeout=PROBE_SECONDS):
                yield note.payload
            # A lost connection is silent too: probe it.
            await database.execute("SELECT 1")


_hubs: dict[int, Hub] = {}


def hub() -> Hub:
    """Return the hub of this event loop."""
    loop = asyncio.get_running_loop()
    if id(loop) not in _hubs:
        _hubs[id(loop)] = Hub()
    return _hubs[id(loop)]


def forget_hub() -> None:
    """Remove the hub of this event loop."""
    _hubs.pop(id(asyncio.get_running_loop()), None)


def mark_of_process() -> str:
    """Return the mark of this process's hub, for any thread; "" while it does not listen."""
    listening = [each.mark for each in list(_hubs.values()) if each.listening.is_set()]
    return listening[0] if len(listening) == 1 else ""
