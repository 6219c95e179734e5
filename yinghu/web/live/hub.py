"""Who watches in this process, and the one connection that listens for all of them.

What happened is heard as ids (`appeals.notify`) and told as "look again". Every notification moves
the clock on by one, and each topic remembers when it was last meant: whoever lost the line comes
back with the clock's mark and is told exactly what was missed. A mark of another process says
nothing, and then everything may have been missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import psycopg
import structlog
from django.conf import settings

from yinghu.appeals.notify import NOTICE, NOTIFY_CHANNEL
from yinghu.appeals.states import ENDED, Status
from yinghu.appeals.verb import Privacy
from yinghu.oversight.actions import CHASE
from yinghu.verbs import VERBS

PROOF = 30.0
"""Seconds of silence after which the listener asks whether the database is still there."""
REMEMBERED = 40_000
"""Topics of cases of which is known when they were last meant; older marks are taken as too old."""
VIEW = "view"
"""Verb of a notification that means only who has a case open (`presence`)."""

_log = structlog.get_logger("yinghu.live")

_HELD = frozenset({Status.ASSIGNED, Status.HANDLING, Status.WAITING})
SHOWN: dict[str, frozenset[Status]] = {
    "triage": frozenset({Status.FILED}),
    "dispatch": frozenset({Status.SORTED}),
    "inbox": _HELD,
    "field": _HELD,
    "callback": frozenset({Status.RESOLVED}),
    "shared": _HELD | {Status.RESOLVED},
    "board": frozenset(Status),
}
"""Which statuses each desk's list shows."""
WHISTLES = "whistles"
"""The desk whose list shows no status, but whom a whistle calls."""
DESKS = frozenset({WHISTLES, *SHOWN})


def desks_touched(name: str) -> frozenset[str]:
    """The desks whose list a verb may change, as its row says; all, for what is no verb."""
    verb = VERBS.get(name)
    if name in (VIEW, NOTICE) or verb is CHASE:
        # Chasing changes no list; whoever is to know of it has a notice.
        return frozenset()
    if verb is not None and verb.errand:
        return verb.lists
    if verb is None or verb.rests_from:
        return DESKS
    touched = verb.sources | ({verb.target} if verb.target else set())
    whistles = {WHISTLES} if verb.target in ENDED else set()
    shown = {desk for desk, statuses in SHOWN.items() if statuses & touched}
    return frozenset(shown | whistles | verb.lists)


def kinds_meant(name: str) -> tuple[str, ...]:
    """The kinds of topic that a verb means for its cases: `case` for those inside; `public` for
    whoever follows it by its link, who must not learn that something was done inside only.
    `notices` of those logins that have something new to read.
    """
    if name == VIEW:
        return ("viewers",)
    if name == NOTICE:
        return ("notices",)
    verb = VERBS.get(name)
    return ("case", "public") if verb and verb.privacy is Privacy.PUBLIC else ("case",)


class Told(NamedTuple):
    """What a page is told to look at again: `desk`, `badges`, `notices`, `case` or `viewers`, and
    which.
    """

    name: str
    key: str


class Viewer:
    """One stream: what it waits for (topic -> what to say), and what it has not been told yet.

    `pending` never holds more than it waits for, however slow the reader is.
    """

    __slots__ = ("ended", "pending", "shares", "topics", "wake")

    def __init__(
        self, topics: dict[str, frozenset[Told]], shares: dict[str, int] | None = None
    ) -> None:
        self.topics = topics
        self.shares = shares or {}
        """What it takes a part of, and how many may."""
        self.pending: dict[Told, str] = {}
        self.wake = asyncio.Event()
        self.ended = False

    def tell(self, topic: str) -> None:
        for told in self.topics[topic]:
            self.pending[told] = topic
        self.wake.set()

    def end(self) -> None:
        self.ended = True
        self.wake.set()


class Hub:
    """This process's viewers, by topic (`desk:triage`, `case:17`, `public:17`, `viewers:17`; of a
    login `notices:3`).
    """

    def __init__(self) -> None:
        self.by_topic: dict[str, set[Viewer]] = {}
        self.viewers: set[Viewer] = set()
        self.taken: Counter[str] = Counter()
        self.closing = False
        self.listening = asyncio.Event()
        self._born = secrets.token_hex(4)
        self._clock = 0
        self._all_at = 0
        self._many_at: dict[str, int] = {}
        """When all topics of a kind were last meant, by the kind."""
        self._desks_at: dict[str, int] = {}
        self._case_at: OrderedDict[str, int] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        return len(self.viewers)

    @property
    def mark(self) -> str:
        """Where the clock stands."""
        return f"{self._born}.{self._clock}"

    def start(self) -> None:
        """Begin to listen, if nobody does."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen_for_ever(), name="yinghu.live")

    async def stop(self) -> None:
        """End every stream, then the listening."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def close(self) -> None:
        """End every stream, and let nobody in any more."""
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
        """Whether one more viewer may come who takes a part of these."""
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
        """Tell the viewers whom a notification concerns."""
        said = json.loads(payload)
        verb = str(said.get("verb", ""))
        meant: Iterable[int] = said.get("users" if verb == NOTICE else "appeals") or ()
        kinds = kinds_meant(verb)
        self._clock += 1
        for desk in desks_touched(verb):
            self._desks_at[f"desk:{desk}"] = self._clock
            self._tell(f"desk:{desk}")
        topics = [f"{kind}:{each}" for kind in kinds for each in meant]
        for topic in topics:
            self._case_at[topic] = self._clock
            self._case_at.move_to_end(topic)
            self._tell(topic)
        if not meant:
            self._many_at |= dict.fromkeys(kinds, self._clock)
            for topic in self.by_topic:
                if topic.partition(":")[0] in kinds:
                    self._tell(topic)
        while len(self._case_at) > REMEMBERED:
            topic, at = self._case_at.popitem(last=False)
            kind = topic.partition(":")[0]
            self._many_at[kind] = max(self._many_at.get(kind, 0), at)

    def refresh(self) -> None:
        """Tell everybody to look again: something may have been missed."""
        self._clock += 1
        self._all_at = self._clock
        for topic in self.by_topic:
            self._tell(topic)

    def was_missed(self, topic: str, mark: str) -> bool | None:
        """Whether the topic was meant after this mark; None where the mark is not of this process,
        so that nobody knows.
        """
        born, _dot, text = mark.partition(".")
        if born != self._born or not text.isdecimal():
            return None
        after = int(text)
        at = self._desks_at.get(topic, 0)
        if not topic.startswith("desk:"):
            kind = topic.partition(":")[0]
            at = max(self._many_at.get(kind, 0), self._case_at.get(topic, 0))
        return after < max(at, self._all_at)

    def _tell(self, topic: str) -> None:
        for viewer in self.by_topic.get(topic, ()):
            viewer.tell(topic)

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
            async for note in database.notifies(timeout=PROOF):
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


def forget() -> None:
    """The hub of this event loop is done with."""
    _hubs.pop(id(asyncio.get_running_loop()), None)
