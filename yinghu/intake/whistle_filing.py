"""Whistling at a place (吹哨) without a case: the whistle creates the case."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from yinghu.appeals import actions, moving
from yinghu.appeals.channels import Door
from yinghu.appeals.states import Occasion, Urgency
from yinghu.intake.drafts import City, Draft, check
from yinghu.intake.receive import Incoming, receive
from yinghu.oversight import whistle_actions
from yinghu.people.access import SYSTEM, Actor, staffed_units
from yinghu.people.models import Level, Unit

CHANNEL = "whistle"


def callers(actor: Actor) -> list[Unit]:
    """Return the actor's units that may whistle at a place: those below the command, by name."""
    own = staffed_units().filter(pk__in=actor.party_units).select_related("area")
    return [unit for unit in own.order_by("name") if unit.level > Level.COMMAND]


def blow(
    actor: Actor,
    *,
    key: str,
    raw: bytes,
    unit: Unit,
    area: str,
    category: str,
    whistle: Mapping[str, Any],
) -> int:
    """Create a case at an area, take it for the actor in the name of `unit` (one of `callers`) and
    whistle for others, as in `whistle_actions.whistle`; return the case's id.

    `key` identifies the form: a repeated submission finds its case. Refused changes nothing.
    """
    if not area.startswith(unit.area_id or ""):
        raise moving.Refused("elsewhere", _("%s不管这个地方") % unit, "area")
    draft = Draft(Door.INSIDE, CHANNEL, body=whistle["why"], area=area)
    report = check(draft, City(categories={}))
    for fault in report.faults:
        raise moving.Refused(fault.code, fault.words, "why" if fault.field == "body" else "area")
    urgent = whistle["occasion"] == Occasion.EMERGENCY
    urgency = Urgency.URGENT if urgent else Urgency.NORMAL
    with transaction.atomic():
        got = receive(Incoming(f"{actor.user_id}:{key}", raw, report.filing), actor)
        if got.new:
            actions.sort(got.appeal_id, SYSTEM, category=category, area=area, urgency=urgency)
            actions.assign(got.appeal_id, SYSTEM, unit=unit.code, why=_("就地吹哨"))
            actions.accept(got.appeal_id, actor)
            whistle_actions.whistle(got.appeal_id, actor, **whistle)
    return got.appeal_id
