"""Worklists: named lists of cases for each person and for supervisors."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from yinghu.appeals import inboxes
from yinghu.appeals.closing_actions import REOPEN
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.states import OPEN, ClockKind, Status
from yinghu.oversight import orphan_cases, rulings
from yinghu.people.access import Actor
from yinghu.people.models import Role

Lists = dict[str, QuerySet[Appeal]]


def own(actor: Actor) -> Lists:
    """Return a person's lists, by name.

    A head's lists have all cases of the unit; those of others have the cases that they hold and,
    unless they only volunteer, those that their units have not accepted yet.
    """
    now = timezone.now()
    headed = [grant.unit_id for grant in actor.grants if grant.role == Role.HEAD]
    held = Q(holder=actor.user_id, unit__in=actor.unit_ids) | Q(unit__in=headed)
    free = Q(unit__in=actor.party_units, status=Status.ASSIGNED)
    mine = Appeal.objects.filter(
        held | free, status__in=(Status.ASSIGNED, Status.HANDLING, Status.WAITING)
    ).order_by(*inboxes.BY_DUE)
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    back = Event.objects.filter(appeal=OuterRef("pk"), verb=REOPEN.name)
    return {
        "asked": cases_to_answer(actor),
        "late": mine.filter(due_at__lt=now),
        "today": mine.filter(due_at__gte=now, due_at__lt=midnight + timedelta(days=1)),
        "back": mine.filter(Exists(back)),
        "watched": mine.filter(watched=True),
        "mine": mine,
    }


def cases_to_answer(actor: Actor) -> QuerySet[Appeal]:
    """Return cases in which others wait for this person's units or desk, next due first."""
    of_units = (ClockKind.HELP, ClockKind.WHISTLE, ClockKind.MEASURES, ClockKind.GRADE)
    waiting = Q(kind__in=of_units, unit__in=actor.all_units)
    # A volunteer answers only for the cases they hold.
    answers = Q(appeal__unit__in=actor.party_units)
    answers |= Q(appeal__holder=actor.user_id, appeal__unit__in=actor.unit_ids)
    waiting |= Q(kind=ClockKind.ACCOUNT) & answers
    if actor.has(Role.DISPATCHER):
        waiting |= Q(kind=ClockKind.RULING)
    if actor.has(Role.COMMANDER, Role.SUPERVISOR):
        waiting |= Q(kind=ClockKind.CONTEST)
    live = Clock.objects.filter(waiting, stopped_at=None)
    return inboxes.visible(actor).filter(pk__in=live.values("appeal")).order_by(*inboxes.BY_DUE)


def silent(now: datetime) -> QuerySet[Clock]:
    """Return the clocks of units that were called by a whistle and have not come in time."""
    return Clock.objects.filter(
        kind=ClockKind.WHISTLE, stopped_at=None, paused_at=None, due_at__lt=now
    )


def overseen(actor: Actor) -> Lists:
    """Return a supervisor's lists, by name; raised cases with the highest level first."""
    now = timezone.now()
    reach = inboxes.visible(actor)
    orphans = orphan_cases.unanswered().order_by().values("pk")
    raised = reach.filter(lead__isnull=False, status__in=sorted(OPEN))
    return {
        "rulings": rulings.pending(actor),
        "raised": raised.order_by("level", *inboxes.BY_DUE),
        "watched": reach.filter(watched=True).order_by("due_at", "id"),
        "silent": reach.filter(pk__in=silent(now).values("appeal")).order_by(*inboxes.BY_DUE),
        "late": reach.filter(due_at__lt=now, status__in=sorted(OPEN)).order_by(*inboxes.BY_DUE),
        "nobody": reach.filter(pk__in=orphans).order_by("id"),
    }
