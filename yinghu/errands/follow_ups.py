"""Automatic follow-ups of errands: planning, handing over, looking for helpers, resolving."""

from collections.abc import Callable, Sequence

import structlog
from django.db.models import Count, Max, Q
from django.utils.translation import gettext as _

from yinghu.appeals import actions, handling_actions, moving
from yinghu.appeals.closing_actions import REOPEN
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import OPEN, Status
from yinghu.errands import actions as errand_actions
from yinghu.errands import offers
from yinghu.errands.leg_actions import FINISH
from yinghu.errands.models import Errand, Leg
from yinghu.errands.planning import template_for
from yinghu.people.access import JOINED, SYSTEM, UNIT_ROLES
from yinghu.people.models import Role, UnitKind, User

log = structlog.get_logger(__name__)


def _try_again(step: Callable[[Appeal], object], appeal_id: int) -> None:
    """Run the step on the current case; retry after a concurrent change, log other refusals."""
    for _attempt in range(5):
        appeal = Appeal.objects.select_related("place").get(pk=appeal_id)
        try:
            step(appeal)
        except moving.Refused as refused:
            log.info("not by itself", step=step.__name__, appeal=appeal_id, why=refused.code)
            if refused.code == "moved_on":
                continue
        return


def plan_errands(events: Sequence[Event]) -> None:
    """Plan the usual errand of the category, once a group or a squad has the case."""
    for event in events:
        if event.unit is not None and event.unit.kind in (*JOINED, UnitKind.TASK_FORCE):
            _try_again(_plan, event.appeal_id)


def _plan(appeal: Appeal) -> None:
    template = template_for(appeal.category_id)
    waits = appeal.status in (Status.ASSIGNED, Status.HANDLING) and not appeal.errands.exists()
    if waits and template is not None and template.auto:
        errand_actions.plan(appeal.pk, SYSTEM, template=template, expect=appeal.version)


def look_for_helpers(events: Sequence[Event]) -> None:
    """Continue the search for helpers at once."""
    for appeal_id in dict.fromkeys(event.appeal_id for event in events):
        offers.ask_for(appeal_id)


def hand_to_member(events: Sequence[Event]) -> None:
    """Hand a case whose first leg was taken to the unit's member who holds the fewest cases."""
    for event in events:
        _try_again(_hand_to_member, event.appeal_id)


def _hand_to_member(appeal: Appeal) -> None:
    if appeal.state is not Status.ASSIGNED:
        return
    posts = Q(posts__unit=appeal.unit_id, posts__active=True)
    held = Count(
        "appeal", filter=Q(appeal__status__in=(Status.HANDLING, Status.WAITING)), distinct=True
    )
    for roles in (set(UNIT_ROLES) - {Role.VOLUNTEER}, {Role.VOLUNTEER}):
        found = User.objects.filter(posts, is_active=True, posts__role__in=roles).annotate(n=held)
        first = found.order_by("n", "pk").first()
        if first is not None:
            why = _("跑腿有人接了，由您跟进")
            actions.hand(appeal.pk, SYSTEM, user=first.username, why=why, expect=appeal.version)
            return


def resolve_when_done(events: Sequence[Event]) -> None:
    """Resolve a case when all its legs are done, with the words of its errands.

    Legs done before a reopening do not count: they did not help. Nothing is resolved if a leg was
    cancelled: its errand is incomplete. An open alarm is judged first.
    """
    for appeal_id in dict.fromkeys(event.appeal_id for event in events):
        _try_again(_resolve, appeal_id)


def _resolve(appeal: Appeal) -> None:
    if appeal.legs or appeal.state is not Status.HANDLING or appeal.alarmed:
        return
    reopened = appeal.events.filter(verb=REOPEN.name).aggregate(last=Max("seq"))["last"] or 0
    finished = appeal.events.filter(verb=FINISH.name, seq__gt=reopened)
    if finished.filter(facts__late=True).exists():
        # Done by somebody who serves no more: the unit looks at it first.
        return
    errands = set(finished.values_list("facts__errand", flat=True))
    if not errands or Leg.objects.filter(errand__in=errands, state=Leg.State.DROPPED).exists():
        return
    said = Errand.objects.filter(pk__in=errands).order_by("pk").values_list("words", flat=True)
    words = "\n".join(dict.fromkeys(filter(None, said))) or _("您要办的事已经办好了")
    handling_actions.resolve(appeal.pk, SYSTEM, words=words, expect=appeal.version)


def cancel_errands(events: Sequence[Event]) -> None:
    """Cancel the errands of a case that has ended or was resolved otherwise."""
    for event in events:
        appeal = Appeal.objects.get(pk=event.appeal_id)
        if appeal.state in OPEN or not appeal.legs:
            continue
        # What was bought for a case that was resolved has been of use.
        unused = appeal.state not in (Status.RESOLVED, Status.CLOSED)
        errand_actions.drop_all(appeal.pk, SYSTEM, why=_("这件诉求已经不用办了"), unused=unused)
