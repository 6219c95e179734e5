"""Reminders of hand-overs: a side that has not confirmed is reminded, later the unit's head is
told.

Nobody takes a hand-over, so the search for helpers does not cover it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from yinghu.appeals.models import Appeal
from yinghu.appeals.moving import Conflict, Refused, move
from yinghu.appeals.policies import policy
from yinghu.errands.actions import NUDGE
from yinghu.errands.models import Leg, LegKind
from yinghu.people.access import SYSTEM


def look_after(leg_id: int, now: datetime) -> bool:
    """Process a hand-over that is due; return whether anyone was reminded or told."""
    leg = Leg.objects.filter(pk=leg_id, state=Leg.State.OPEN, next_at__lte=now).first()
    if leg is None:
        return False
    idle = timedelta(minutes=policy("leg_idle_minutes"))
    # Until there is a receiver nobody can confirm anything: the search for one is going on.
    began = [leg.ready_at, leg.given_at, leg.received_at, leg.nudged_at]
    since = max(filter(None, began), default=now) if leg.holder_id else now
    if since + idle <= now:
        try:
            _nudge(leg, now, idle, to="head" if leg.nudged_at else "")
        except Refused as refused:
            if refused.code == "moved_on":
                return False
        else:
            return True
    later = max(since + idle, now + timedelta(minutes=1))
    Leg.objects.filter(pk=leg.pk, next_at=leg.next_at).update(next_at=later)
    return False


def report_held_goods(user_id: int, now: datetime) -> None:
    """Tell the unit that a helper who left still has something to hand over."""
    idle = timedelta(minutes=policy("leg_idle_minutes"))
    waiting = Leg.objects.filter(giver=user_id, state=Leg.State.OPEN, kind=LegKind.HAND_OVER)
    for leg in waiting.filter(ready_at__isnull=False, given_at=None):
        # If it was done or cancelled meanwhile, nothing is left to do.
        with suppress(Refused):
            _nudge(leg, now, idle, to="head")


def _nudge(leg: Leg, now: datetime, idle: timedelta, to: str) -> None:
    missing = [
        person
        for person, said in ((leg.giver_id, leg.given_at), (leg.holder_id, leg.received_at))
        if person is not None and said is None
    ]

    def change(_appeal: Appeal) -> dict[str, Any]:
        still = Leg.objects.filter(
            pk=leg.pk,
            state=Leg.State.OPEN,
            given_at=leg.given_at,
            received_at=leg.received_at,
            nudged_at=leg.nudged_at,
        )
        if not still.update(nudged_at=now, next_at=now + idle):
            raise Conflict("moved_on", "")
        return {}

    move(leg.appeal_id, SYSTEM, NUDGE, change, facts=leg.facts | {"told": missing, "to": to})
