"""Time for tests: nobody sleeps, the clocks are put on instead."""

from __future__ import annotations

from yinghu.appeals.models import Appeal, Event
from yinghu.demo import time_travel
from yinghu.oversight import sweep
from yinghu.reactions import react


def pass_time(hours: float, *appeals: Appeal) -> None:
    """As if so many hours had passed for these cases; for all, where none is named."""
    time_travel.pass_time(hours, [appeal.pk for appeal in appeals] or None)


def sweep_all() -> int:
    """What the workers do when time has passed: chase, and react to it; how many clocks."""
    last = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    done = 0
    while found := sweep.chase():
        done += found
        new = list(Event.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True))
        last = new[-1] if new else last
        react(events=new)
    return done
