"""Presence: who has a case open, shown to staff who may see the case.

A web process writes changes of its open cases in batches, and repeats all of them every
`REPEAT_SECONDS`. Names left by a dead process expire after `FRESH` seconds; the others sweep them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import structlog
from asgiref.sync import sync_to_async
from django.db import Error, connection, transaction
from django.utils import timezone

from yinghu.appeals.models import Appeal
from yinghu.appeals.notify import MAX_IDS, notify_change
from yinghu.people.access import Actor, may_read_why
from yinghu.people.models import User
from yinghu.web.models import Viewing

VIEW = "view"
"""Pseudo-verb of notifications about who has a case open."""
FRESH = 75
"""Seconds for which a viewer is shown after the last sign of life."""
REPEAT_SECONDS = 30.0
"""Seconds after which a process writes all its open cases again."""
SWEEP_SECONDS = 5.0
PACE_SECONDS = 0.2
"""Seconds between two sweeps of expired rows, and between two writes."""
MAX_CASES_OF_LOGIN = 50
"""Most open cases shown of one login in one process."""
OpenCase = tuple[int, int]
"""(Login id, appeal id)."""

_log = structlog.get_logger("yinghu.live")


class Presence:
    """Open cases of the streams of this process."""

    def __init__(self) -> None:
        self._open: Counter[OpenCase] = Counter()
        self._open_of_login: Counter[int] = Counter()
        self._changed: set[OpenCase] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def come(self, user: int, appeals: Iterable[int]) -> list[int]:
        """Record a stream's open cases; returns those that will not be announced."""
        known = []
        for appeal in appeals:
            pair = (user, appeal)
            if pair in self._open:
                known.append(appeal)
            elif self._open_of_login[user] >= MAX_CASES_OF_LOGIN:
                known.append(appeal)
                continue
            else:
                self._open_of_login[user] += 1
                self._change(pair)
            self._open[pair] += 1
        return known

    def go(self, user: int, appeals: Iterable[int]) -> None:
        """Record that a stream of this login has closed cases."""
        for appeal in appeals:
            pair = (user, appeal)
            if pair not in self._open:
                continue
            self._open[pair] -= 1
            if not self._open[pair]:
                del self._open[pair]
                self._open_of_login[user] -= 1
                if not self._open_of_login[user]:
                    del self._open_of_login[user]
                self._change(pair)

    def _change(self, pair: OpenCase) -> None:
        self._changed.add(pair)
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep(), name="yinghu.presence")

    async def stop(self) -> None:
        """Stop, and remove all rows of this process."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        gone = {*self._open, *self._changed}
        self._open.clear()
        with contextlib.suppress(Error):
            await sync_to_async(_write)(set(), gone)

    async def _keep(self) -> None:
        """Write changes, periodically everything, until nothing is open."""
        now = asyncio.get_running_loop().time
        said_at, swept_at = now(), 0.0
        while self._open or self._changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, set()
            come = {pair for pair in changed if pair in self._open}
            try:
                await sync_to_async(_write)(come, changed - come)
                if now() - said_at > REPEAT_SECONDS:
                    said_at = now()
                    await sync_to_async(_write)(set(self._open), set(), quiet=True)
                if now() - swept_at > SWEEP_SECONDS:
                    swept_at = now()
                    await sync_to_async(_sweep)()
            except Error as error:
                self._changed |= changed
                self._wake.set()
                _log.warning("who has what open was not written", error=str(error))
                await asyncio.sleep(1)
            await asyncio.sleep(PACE_SECONDS)


_COME_SQL = """
INSERT INTO web_viewing (user_id, appeal_id, seen_at)
SELECT u.id, a.id, now() FROM unnest(%s::bigint[], %s::bigint[]) AS come (user_id, appeal_id)
JOIN people_user u ON u.id = come.user_id JOIN appeals_appeal a ON a.id = come.appeal_id
ORDER BY a.id, u.id
ON CONFLICT (appeal_id, user_id) DO UPDATE SET seen_at = now()
"""
_GO_SQL = """
DELETE FROM web_viewing v USING unnest(%s::bigint[], %s::bigint[]) AS gone (user_id, appeal_id)
WHERE v.user_id = gone.user_id AND v.appeal_id = gone.appeal_id
"""


def _write(come: set[OpenCase], gone: set[OpenCase], *, quiet: bool = False) -> None:
    if not come and not gone:
        return
    with contextlib.closing(connection), transaction.atomic(), connection.cursor() as cursor:
        for sql, pairs in ((_COME_SQL, come), (_GO_SQL, gone)):
            if pairs:
                cursor.execute(sql, [[p[0] for p in pairs], [p[1] for p in pairs]])
        if not quiet:
            _tell({appeal for _user, appeal in come | gone})


def _sweep() -> None:
    # Earlier by one interval, so that none outlives `FRESH`.
    before = timezone.now() - timedelta(seconds=FRESH - SWEEP_SECONDS)
    with contextlib.closing(connection), transaction.atomic():
        old = Viewing.objects.filter(seen_at__lt=before)
        appeals = set(old.values_list("appeal", flat=True))
        if appeals:
            old.delete()
            _tell(appeals)


def _tell(appeals: set[int]) -> None:
    ordered = sorted(appeals)
    for start in range(0, len(ordered), MAX_IDS):
        notify_change(VIEW, ordered[start : start + MAX_IDS])


def others(actor: Actor, appeal: Appeal) -> list[User]:
    """List others who have the case open; empty for requesters and volunteers."""
    if not may_read_why(actor, appeal):
        return []
    since = timezone.now() - timedelta(seconds=FRESH)
    found = Viewing.objects.filter(appeal=appeal, seen_at__gte=since, user__is_active=True)
    found = found.exclude(user=actor.user_id).select_related("user").order_by("pk")
    return [viewing.user for viewing in found[:10]]
