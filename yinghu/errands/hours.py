"""Working time of helpers on a leg; no minute is counted twice."""

from datetime import datetime, timedelta

from yinghu.appeals.policies import policy
from yinghu.errands.leg_sequence import Course
from yinghu.errands.models import Leg, LegKind

_MINUTE = timedelta(minutes=1)


def begun(course: Course, leg: Leg) -> datetime:
    """When its holder could begin: it was taken, and the legs before it were done."""
    told = [each.done_at or leg.ready_at for each in course.before(leg)]
    known = [moment for moment in (leg.taken_at, *told) if moment is not None]
    return max(known)


def minutes(leg: Leg, start: datetime) -> int:
    """Minutes from `start` until it was done that no other leg counts, up to the city's maximum."""
    assert leg.done_at is not None  # noqa: S101  # for the type checker
    most = policy("leg_most_minutes")
    others = Leg.objects.filter(
        holder=leg.holder_id, state=Leg.State.DONE, done_at__gt=start, minutes__gt=0
    ).exclude(pk=leg.pk)
    spans = sorted(
        (done - spent * _MINUTE, done)
        for done, spent in others.exclude(kind=LegKind.HAND_OVER).values_list("done_at", "minutes")
        if done is not None and done - spent * _MINUTE < leg.done_at
    )
    if not spans:
        # Round up.
        return min(max(-((start - leg.done_at) // _MINUTE), 1), most)
    free, at = timedelta(), start
    for first, last in spans:
        free += max(first - at, timedelta())
        at = max(at, last)
    free += max(leg.done_at - at, timedelta())
    return min(round(free / _MINUTE), most)
