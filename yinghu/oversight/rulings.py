"""Requests of units that a dispatcher rules on: returning a case (退单), more time (延期)."""

from collections.abc import Collection

from django.db.models import QuerySet

from yinghu.appeals import clocks, inboxes
from yinghu.appeals.actions import RETURN
from yinghu.appeals.handling_actions import EXTEND
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.states import ClockKind
from yinghu.people.access import Actor


def pending(
    actor: Actor, kinds: Collection[ClockKind] = (ClockKind.RULING, ClockKind.CONTEST)
) -> QuerySet[Appeal]:
    """Return pending requests of these `kinds` within the actor's reach, oldest first."""
    waiting = Clock.objects.filter(kind__in=kinds, stopped_at=None)
    return inboxes.visible(actor).filter(pk__in=waiting.values("appeal")).order_by("due_at", "id")


def pending_request(appeal: Appeal) -> Event | None:
    """Return the request that waits for a ruling, if any."""
    if appeal.returned:
        return appeal.events.filter(verb=RETURN.name).order_by("-seq").first()
    if not clocks.running(appeal.pk).filter(kind=ClockKind.RULING).exists():
        return None
    return appeal.events.filter(verb=EXTEND.name, facts__asked=True).order_by("-seq").first()
