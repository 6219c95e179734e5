"""What follows by itself from the steps of errands: they are planned where a group has a case of
their kind, somebody answers for the case, helpers are looked for, and a case is resolved when its
errands are done.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from yinghu.appeals import loop
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import ENDED, OPEN, Status
from yinghu.dispatch import asking, legs
from yinghu.dispatch.models import Errand, Leg
from yinghu.people.access import SYSTEM, UNIT_ROLES
from yinghu.people.models import Role, UnitKind, User

log = structlog.get_logger(__name__)

_GROUPS = (UnitKind.GROUP, UnitKind.SQUAD, UnitKind.TASK_FORCE)


def plan_errands(events: Sequence[Event]) -> None:
    """Plan the errand that a category usually takes, once a group or a squad has the case."""
    for event in events:
        if event.unit is None or event.unit.kind not in _GROUPS:
            continue
        appeal = Appeal.objects.select_related("place").get(pk=event.appeal_id)
        if appeal.status in (Status.ASSIGNED, Status.HANDLING):
            try:
                legs.plan_by_template(appeal)
            except loop.Conflict:
                # Somebody was faster, and will be reacted to.
                log.info("not planned", appeal=appeal.pk)


def look_for_helpers(events: Sequence[Event]) -> None:
    """Ask on at once for what is to be taken now."""
    for appeal_id in dict.fromkeys(event.appeal_id for event in events):
        asking.ask_for(appeal_id)


def let_somebody_answer(events: Sequence[Event]) -> None:
    """A case whose first leg was taken is in handling: somebody of its unit answers for it, whoever
    has the fewest in hand.
    """
    for event in events:
        appeal = Appeal.objects.get(pk=event.appeal_id)
        if appeal.state is not Status.ASSIGNED:
            continue
        name = _who_answers(appeal)
        if name is None:
            continue
        try:
            why = _("跑腿有人接了，由您跟进")
            loop.hand(appeal.pk, SYSTEM, user=name, why=why, expect=appeal.version)
        except loop.Conflict:
            log.info("answered for already", appeal=appeal.pk)


def _who_answers(appeal: Appeal) -> str | None:
    posts = Q(posts__unit=appeal.unit_id, posts__active=True)
    held = Count(
        "appeal", filter=Q(appeal__status__in=(Status.HANDLING, Status.WAITING)), distinct=True
    )
    for roles in (set(UNIT_ROLES) - {Role.VOLUNTEER}, {Role.VOLUNTEER}):
        found = User.objects.filter(posts, is_active=True, posts__role__in=roles).annotate(n=held)
        first = found.order_by("n", "pk").first()
        if first is not None:
            return str(first.username)
    return None


def resolve_when_done(events: Sequence[Event]) -> None:
    """A case of which every leg is done is resolved, with the words of its errands."""
    for appeal_id in dict.fromkeys(event.appeal_id for event in events):
        appeal = Appeal.objects.get(pk=appeal_id)
        done = Leg.objects.filter(appeal=appeal_id, state=Leg.State.DONE)
        if appeal.legs or appeal.state is not Status.HANDLING or not done.exists():
            continue
        said = Errand.objects.filter(appeal=appeal_id).values_list("words", flat=True)
        words = "\n".join(dict.fromkeys(filter(None, said))) or _("您要办的事已经办好了")
        try:
            loop.resolve(appeal_id, SYSTEM, words=words, expect=appeal.version)
        except loop.Refused as refused:
            # Another unit was asked to help, or somebody has touched it: whoever has it sees to it.
            log.info("not resolved by itself", appeal=appeal_id, why=refused.code)


def call_off(events: Sequence[Event]) -> None:
    """Nobody goes on with an errand of a case that has ended or been resolved otherwise."""
    for event in events:
        appeal = Appeal.objects.get(pk=event.appeal_id)
        over = appeal.state in ENDED or appeal.state not in OPEN
        if over and appeal.legs:
            legs.drop(appeal.pk, SYSTEM, why=_("这件诉求已经不用办了"))
