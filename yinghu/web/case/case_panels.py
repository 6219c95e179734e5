"""Panels of the case page: oversight (level, other units, extension request) and errands."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.appeals.verb import Verb
from yinghu.errands.actions import PLAN
from yinghu.errands.models import Leg, LegKind
from yinghu.oversight import alarms, rulings
from yinghu.oversight.actions import RULE
from yinghu.oversight.alarm_actions import CONFIRM
from yinghu.people.access import Actor, may_read_why, relations
from yinghu.people.models import Level, Unit
from yinghu.ui.errand_parts import LEG_ICONS
from yinghu.verbs import verb_of


def oversight_panel(appeal: Appeal, available: Collection[Verb]) -> dict[str, Any]:
    """The unit's level, other units, and a request for more time that the reader can rule on."""
    beside = {*(appeal.also or ())} - {appeal.unit_id}
    may_rule = RULE in available and not appeal.returned
    asked = rulings.pending_request(appeal) if may_rule else None
    return {
        "level": Level(appeal.level).label if appeal.unit_id else "",
        "parties": list(Unit.objects.filter(pk__in=beside)) if beside else [],
        "asked": asked,
        "asked_until": verb_of(asked).detail_of(asked) if asked else "",
    }


def alarm_panel(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """The case's open alarm, for those who can judge it."""
    if not appeal.alarmed or not CONFIRM.who & relations(actor, appeal):
        return {}
    return {"alarm": next(iter(alarms.read_alarms([appeal])), None)}


def errand_panel(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """The legs of the case's errands, for a reader who may see them."""
    if appeal.state is Status.FILED or not may_read_why(actor, appeal):
        return {}
    found = Leg.objects.filter(appeal=appeal.pk).select_related("holder", "giver")
    return {
        "errand_legs": [
            {"leg": leg, "icon": LEG_ICONS[LegKind(leg.kind)]}
            for leg in found.order_by("errand", "n")
        ],
        "may_plan": may_change_errands(actor, appeal, PLAN),
    }


def may_change_errands(actor: Actor, appeal: Appeal, verb: Verb) -> bool:
    """May the actor do `verb` to the case's errands now?"""
    return bool(verb.who & relations(actor, appeal)) and appeal.status in verb.sources
