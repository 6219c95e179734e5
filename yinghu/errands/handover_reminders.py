"""Reminders of hand-overs: a side that has not confirmed is reminded, later the unit's head is
told.

Nobody takes a hand-over, so the search for helpers does not cover it.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from yinghu.appeals.moving import Refused
from yinghu.errands.actions import nudge
from yinghu.errands.eligibility import serves_no_more
from yinghu.errands.leg_actions import idle_time
from yinghu.errands.models import Leg, LegKind


def remind_sides(leg_id: int, now: datetime) -> None:
    """Process a hand-over that is due."""
    leg = Leg.objects.filter(pk=leg_id, state=Leg.State.OPEN, next_at__lte=now).first()
    if leg is None:
        return
    idle = idle_time()
    # Until there is a receiver nobody can confirm anything: the search for one is going on.
    began = [leg.ready_at, leg.given_at, leg.received_at, leg.nudged_at]
    since = max(filter(None, began), default=now) if leg.holder_id else now
    if since + idle <= now:
        try:
            return _remind(leg, now, to="head" if leg.nudged_at else "")
        except Refused as refused:
            if refused.code == "moved_on":
                return
    later = max(since + idle, now + timedelta(minutes=1))
    Leg.objects.filter(pk=leg.pk, next_at=leg.next_at).update(next_at=later)


def report_held_goods(user_id: int, now: datetime) -> None:
    """Tell the unit that a helper who left still has something to hand over."""
    waiting = Leg.objects.filter(giver=user_id, state=Leg.State.OPEN, kind=LegKind.HAND_OVER)
    for leg in waiting.filter(ready_at__isnull=False, given_at=None):
        # If it was done or cancelled meanwhile, nothing is left to do.
        with suppress(Refused):
            _remind(leg, now, to="head")


def _remind(leg: Leg, now: datetime, to: str) -> None:
    sides = ((leg.giver_id, leg.given_at), (leg.holder_id, leg.received_at))
    missing = [person for person, said in sides if person is not None and said is None]
    there = [person for person in missing if not serves_no_more(person)]
    left = leg.giver_id in missing and leg.giver_id not in there
    nudge(leg, there, now, idle_time(), "head" if left else to, left=left)
