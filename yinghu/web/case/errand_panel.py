"""What a case's page shows of its errands."""

from __future__ import annotations

from typing import Any

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.appeals.verb import Verb
from yinghu.dispatch.actions import PLAN
from yinghu.dispatch.models import Leg, LegKind
from yinghu.people.access import Actor, may_read_why, relations
from yinghu.ui.errand_parts import LEG_ICONS


def part_of(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """What a case's page shows of its errands."""
    if appeal.state is Status.FILED or not may_read_why(actor, appeal):
        return {}
    found = Leg.objects.filter(appeal=appeal.pk).select_related("holder", "giver")
    return {
        "errand_legs": [
            {"leg": leg, "icon": LEG_ICONS[LegKind(leg.kind)]}
            for leg in found.order_by("errand", "n")
        ],
        "may_plan": may(actor, appeal, PLAN),
    }


def may(actor: Actor, appeal: Appeal, verb: Verb) -> bool:
    """Whether the actor may do this to its errands now."""
    return bool(verb.who & relations(actor, appeal)) and appeal.status in verb.sources
