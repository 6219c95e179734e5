"""What follows by itself from the steps of errands: they are planned where a group has a case of
their kind, somebody answers for the case, helpers are looked for, and a case is resolved when its
errands are done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from django.db.models import Count, Max, Q
from django.utils.translation import gettext as _

from yinghu.appeals import actions, handling_actions, moving
from yinghu.appeals.closing_actions import REOPEN
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import ENDED, OPEN, Status
from yinghu.dispatch import actions as errand_actions
from yinghu.dispatch import offers
from yinghu.dispatch.leg_actions import FINISH
from yinghu.dispatch.models import Errand, Leg
from yinghu.people.access import SYSTEM, UNIT_ROLES
from yinghu.people.models import Role, UnitKind, User

log = structlog.get_logger(__name__)

_GROUPS = (UnitKind.GROUP, UnitKind.SQUAD, UnitKind.TASK_FORCE)


ATTEMPTS = 5


def _try_again(step: Callable[[Appeal], object], appeal_id: int) -> None:
    """Do it with the case as it is now, again where somebody touched that in between. What is
    refused otherwise is seen to by whoever has the case.
    """
    for _attempt in range(ATTEMPTS):
        appeal = Appeal.objects.select_related("place").get(pk=appeal_id)
        try:
            step(appeal)
        except moving.Refused as refused:
            log.info("not by itself", step=step.__name__, appeal=appeal_id, why=refused.code)
            if refused.code == "moved_on":
                continue
        return


def plan_errands(events: Sequence[Event]) -> None:
    """Plan the errand that a category usually takes, once a group or a squad has the case."""
    for event in events:
        if event.unit is not None and event.unit.kind in _GROUPS:
            _try_again(_plan, event.appeal_id)


def _plan(appeal: Appeal) -> None:
    if appeal.status in (Status.ASSIGNED, Status.HANDLING):
        errand_actions.plan_by_template(appeal)


def look_for_helpers(events: Sequence[Event]) -> None:
    """Ask on at once for what is to be taken now."""
    for appeal_id in dict.fromkeys(event.appeal_id for event in events):
        offers.ask_for(appeal_id)


def let_somebody_answer(events: Sequence[Event]) -> None:
    """A case whose first leg was taken is in handling: somebody of its unit answers for it, whoever
    has the fewest in hand.
    """
    for event in events:
        _try_again(_hand, event.appeal_id)


def _hand(appeal: Appeal) -> None:
    name = _who_answers(appeal) if appeal.state is Status.ASSIGNED else None
    if name is not None:
        why = _("跑腿有人接了，由您跟进")
        actions.hand(appeal.pk, SYSTEM, user=name, why=why, expect=appeal.version)


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
    """A case of which every leg is done is resolved, with the words of its errands. Not for what
    was done before it was reopened: that did not help. Nor where a part of an errand was called
    off: what it promises has not been done.
    """
    for appeal_id in dict.fromkeys(event.appeal_id for event in events):
        _try_again(_resolve, appeal_id)


def _resolve(appeal: Appeal) -> None:
    if appeal.legs or appeal.state is not Status.HANDLING:
        return
    reopened = appeal.events.filter(verb=REOPEN.name).aggregate(last=Max("seq"))["last"] or 0
    finished = appeal.events.filter(verb=FINISH.name, seq__gt=reopened)
    errands = set(finished.values_list("facts__errand", flat=True))
    if not errands or Leg.objects.filter(errand__in=errands, state=Leg.State.DROPPED).exists():
        return
    said = Errand.objects.filter(pk__in=errands).order_by("pk").values_list("words", flat=True)
    words = "\n".join(dict.fromkeys(filter(None, said))) or _("您要办的事已经办好了")
    handling_actions.resolve(appeal.pk, SYSTEM, words=words, expect=appeal.version)


def call_off(events: Sequence[Event]) -> None:
    """Nobody goes on with an errand of a case that has ended or been resolved otherwise."""
    for event in events:
        appeal = Appeal.objects.get(pk=event.appeal_id)
        over = appeal.state in ENDED or appeal.state not in OPEN
        if over and appeal.legs:
            errand_actions.drop_all(appeal.pk, SYSTEM, why=_("这件诉求已经不用办了"))
