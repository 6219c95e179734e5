"""The lane of alarms: cases in which somebody may be in danger, which nobody has judged yet.

It is found by an index of its own, so it does not depend on how many cases wait.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, QuerySet

from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.states import ClockKind
from yinghu.oversight.alarm_actions import ACKNOWLEDGE, ALARM
from yinghu.people.access import Actor, at_desk_q


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An alarm: when it was raised, by which words of the requester or by whom, the clock until
    somebody looks, and who does.
    """

    appeal: Appeal
    at: datetime
    words: tuple[str, ...]
    raised_by: str
    clock: Clock | None
    seen_by: str


def alarmed_cases(actor: Actor) -> QuerySet[Appeal]:
    """Return the cases with an open alarm in the areas of the actor's desks: those that nobody
    looks at first, then the oldest.
    """
    of_case = Clock.objects.filter(appeal=OuterRef("pk"), kind=ClockKind.ALARM, stopped_at=None)
    found = Appeal.objects.filter(at_desk_q(actor), alarmed=True)
    return found.annotate(unseen=Exists(of_case)).order_by("-unseen", "id")


def newest_unseen(found: QuerySet[Appeal]) -> int:
    """Return a number that grows with each alarm of these that nobody looks at; 0 for none."""
    running = Clock.objects.filter(appeal__in=found.values("pk"), kind=ClockKind.ALARM)
    return running.filter(stopped_at=None).aggregate(newest=Max("pk"))["newest"] or 0


def read_alarms(found: Iterable[Appeal]) -> list[OpenAlarm]:
    """Return the alarms of these cases, in their order; three queries."""
    appeals = {appeal.pk: appeal for appeal in found}
    clocks = Clock.objects.filter(appeal__in=appeals, kind=ClockKind.ALARM, stopped_at=None)
    running = {clock.appeal_id: clock for clock in clocks}
    events = Event.objects.filter(appeal__in=appeals, verb__in=(ALARM.name, ACKNOWLEDGE.name))
    raised: dict[int, Event] = {}
    seen: dict[int, Event] = {}
    for event in events.select_related("user").order_by("seq"):
        if event.verb == ALARM.name:
            raised[event.appeal_id] = event
            seen.pop(event.appeal_id, None)
        else:
            seen[event.appeal_id] = event
    return [
        OpenAlarm(
            appeal,
            raised[pk].at,
            tuple(raised[pk].facts.get("words", ())),
            str(raised[pk].user or ""),
            running.get(pk),
            str(seen[pk].user or "") if pk in seen else "",
        )
        for pk, appeal in appeals.items()
        if pk in raised
    ]
