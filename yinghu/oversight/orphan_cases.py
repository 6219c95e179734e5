"""Orphan cases: cases for which nobody is responsible, and their reassignment.

The people responsible are, for a case at a desk, those of the desk whose posts cover its area; for
a case with a unit, those who serve there; for a case in handling, its holder.
"""

import structlog
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, StrIndex
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as jobs

from yinghu.appeals import actions, moving
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.oversight import actions as oversight_actions
from yinghu.people.access import SYSTEM, UNIT_ROLES, active_posts
from yinghu.people.models import Role

log = structlog.get_logger(__name__)


def _has_desk(*roles: str) -> Exists:
    """Does a desk have someone whose post covers the case's area?"""
    area = Coalesce(OuterRef("area_id"), Value(""))
    covering = active_posts().filter(role__in=roles).annotate(found=StrIndex(area, F("area_id")))
    return Exists(covering.filter(Q(area=None) | Q(found=1)))


def _has_unit(**more: object) -> Exists:
    return Exists(active_posts().filter(role__in=UNIT_ROLES, unit=OuterRef("unit_id"), **more))


def unanswered() -> QuerySet[Appeal]:
    """Return open cases for which nobody is responsible, oldest first."""
    triage = _has_desk(Role.CLERK)
    dispatch = _has_desk(Role.DISPATCHER, Role.SUPERVISOR, Role.COMMANDER)
    callback = _has_desk(Role.CLERK, Role.OPERATOR)
    unit, holder = _has_unit(), _has_unit(user=OuterRef("holder_id"))
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
    """Reassign up to `most` cases, from holders who left and empty units; return how many."""
    done = stuck = 0
    left = unanswered().filter(status__in=(Status.ASSIGNED, Status.HANDLING))
    left = left.select_related("unit")
    for appeal in left.iterator(chunk_size=most):
        if done == most:
            break
        try:
            if appeal.state is Status.HANDLING and (appeal.unit is None or appeal.unit.active):
                why = _("承办人已经不在本单位，放回给大家")
                actions.release(appeal.pk, SYSTEM, why=why, expect=appeal.version)
            else:
                why = _("单位里没有人了，或者停用了，由上一级接手")
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
    """Settle orphan cases, every five minutes."""
    if done := settle():
        log.info("settled", cases=done)
