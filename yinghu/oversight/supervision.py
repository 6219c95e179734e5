"""Supervision (督办): a demand in writing with a date, an answer in writing, and lifting it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals import clocks, inboxes
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, move
from yinghu.appeals.states import ClockKind, Verb
from yinghu.oversight.co_handling import minutes_until
from yinghu.people.access import Actor


def watched(actor: Actor) -> QuerySet[Appeal]:
    """What is under supervision, in the actor's reach, the next due first."""
    return inboxes.visible(actor).filter(watched=True).order_by("due_at", "id")


def supervise(
    appeal_id: int, actor: Actor, *, until: datetime, why: str, expect: int | None = None
) -> Event:
    """Put it under watch: what is demanded, to be answered in writing until a time."""

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        if not clocks.begin(appeal.pk, ClockKind.ACCOUNT, now, minutes_until(until, now)):
            raise Conflict("demanded_already", _("上一次的督办要求还没有回复"))
        return {"watched": True}

    facts = {"until": until.isoformat()}
    return move(appeal_id, actor, Verb.SUPERVISE, change, why=why, facts=facts, expect=expect)


def account(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Answer the demand in writing."""
    return move(appeal_id, actor, Verb.ACCOUNT, None, why=why, expect=expect)


def lift(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """End the watch."""
    return move(appeal_id, actor, Verb.LIFT, lambda _a: {"watched": False}, why=why, expect=expect)
