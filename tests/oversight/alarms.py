"""Alarms in tests: the job that looks for danger, and the lane of an actor."""

from __future__ import annotations

from yinghu.appeals.models import Appeal, Event
from yinghu.oversight import alarms
from yinghu.people.access import Actor
from yinghu.reactions import look_for_danger, react

FIRE = "三楼着火了，有人被困没出来"


def look(appeal: Appeal) -> Appeal:
    """Do the queued jobs for all events of the case, twice: a second time must change nothing."""
    for _time in range(2):
        events = list(appeal.events.values_list("pk", flat=True))
        look_for_danger(events=events)
        react(events=list(Event.objects.filter(appeal=appeal.pk).values_list("pk", flat=True)))
    appeal.refresh_from_db()
    return appeal


def numbers_in_lane(actor: Actor) -> list[str]:
    """Numbers of the alarms that the actor sees, in their order."""
    return [each.appeal.number for each in alarms.read_alarms(alarms.alarmed_cases(actor))]
