"""Time travel for tests: clocks are advanced instead of sleeping."""

from __future__ import annotations

from yinghu.appeals.models import Appeal, Event
from yinghu.demo import time_travel
from yinghu.oversight import sweep
from yinghu.reactions import react


def pass_time(hours: float, *appeals: Appeal) -> None:
    """Let `hours` pass for these cases, or for all cases if none is given."""
    time_travel.pass_time(hours, [appeal.pk for appeal in appeals] or None)


def sweep_all() -> int:
    """Chase due clocks and react, as the workers do; return the number of clocks chased."""
    last = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    done = 0
    while found := sweep.chase():
        done += found
        new = list(Event.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True))
        last = new[-1] if new else last
        react(events=new)
    return done
