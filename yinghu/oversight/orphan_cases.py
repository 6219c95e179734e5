"""Nothing is without somebody answerable: which cases would be, and what is done about them.

Who answers depends on where a case stands: at a desk, a person of that desk whose post covers its
area; with a unit, somebody who serves there; in handling, the holder.
"""

from __future__ import annotations

import structlog
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, StrIndex
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as jobs

from yinghu.appeals import actions, moving
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.oversight import actions as oversight_actions
from yinghu.people.access import SYSTEM, UNIT_ROLES
from yinghu.people.models import Post, Role

log = structlog.get_logger(__name__)

_POSTS = Post.objects.filter(active=True, user__is_active=True, unit__active=True)


def _desk(*roles: str) -> Exists:
    """Somebody at a desk whose post covers the case's area."""
    area = Coalesce(OuterRef("area_id"), Value(""))
    covering = _POSTS.filter(role__in=roles).annotate(found=StrIndex(area, F("area_id")))
    return Exists(covering.filter(Q(area=None) | Q(found=1)))


def _unit(**more: object) -> Exists:
    return Exists(_POSTS.filter(role__in=UNIT_ROLES, unit=OuterRef("unit_id"), **more))


def unanswered() -> QuerySet[Appeal]:
    """The cases that are not ended and for which nobody answers, the oldest first."""
    triage = _desk(Role.CLERK)
    dispatch = _desk(Role.DISPATCHER, Role.SUPERVISOR, Role.COMMANDER)
    callback = _desk(Role.CLERK, Role.OPERATOR)
    unit, holder = _unit(), _unit(user=OuterRef("holder_id"))
    return Appeal.objects.filter(
        Q(status=Status.FILED) & ~triage
        | Q(status=Status.SORTED) & ~dispatch
        | Q(status=Status.ASSIGNED) & ~unit
        | Q(status=Status.HANDLING) & ~holder
        | Q(status=Status.WAITING, unit__isnull=False) & ~unit
        | Q(status=Status.WAITING, unit=None) & ~triage
        | Q(status=Status.RESOLVED) & ~callback
    ).order_by("id")


def settle(most: int = 500) -> int:
    """Give up to `most` of these somebody who answers: what its holder has left goes back to the
    unit, what a unit has left to the unit above. How many; what nobody can take stays on the
    supervisor's list (`lists.overseen`), and keeps none of the others waiting.
    """
    done = stuck = 0
    left = unanswered().filter(status__in=(Status.ASSIGNED, Status.HANDLING))
    for appeal in left.iterator(chunk_size=most):
        if done == most:
            break
        try:
            if appeal.state is Status.HANDLING:
                why = _("承办人已经不在本单位，放回给大家")
                actions.release(appeal.pk, SYSTEM, why=why, expect=appeal.version)
            else:
                why = _("单位里没有人了，由上一级接手")
                oversight_actions.escalate(appeal.pk, SYSTEM, why=why, expect=appeal.version)
        except moving.Conflict:
            stuck += 1
        else:
            done += 1
    if stuck:
        log.warning("nobody_answers", cases=stuck)
    return done


@jobs.periodic(cron="*/5 * * * *", periodic_id="settle")
@jobs.task(name="yinghu.settle", queueing_lock="yinghu.settle", queue="oversight")
def settle_all(timestamp: int) -> None:
    """Every five minutes."""
    if done := settle():
        log.info("settled", cases=done)
