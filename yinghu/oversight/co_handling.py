"""Co-handling (协办): other units help with a case, each with its own clock and its own reply."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals import clocks
from yinghu.appeals.loop import LONGEST_EXTENSION
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Refused, move
from yinghu.appeals.states import ClockKind, Verb
from yinghu.oversight.levels import joined
from yinghu.people.access import Actor, staffed
from yinghu.people.models import Unit


def minutes_until(until: datetime, now: datetime, field: str = "until") -> float:
    """How long from `now` a deadline leaves; Refused where it is past or further than a year."""
    if until <= now:
        raise Refused("past", _("请写将来的时间"), field)
    if until > now + LONGEST_EXTENSION:
        raise Refused("too_far", _("最多一年以内"), field)
    return (until - now).total_seconds() / 60


def invite(
    appeal_id: int,
    actor: Actor,
    *,
    unit: str,
    until: datetime,
    why: str,
    expect: int | None = None,
) -> Event:
    """Ask another unit (by code) to help until a time. It sees the case from then on."""
    helper = Unit.objects.filter(code=unit, active=True).first()
    if helper is None:
        raise Refused("unknown_unit", _("没有这个单位：%s") % unit, "unit")
    facts = {"unit": helper.code, "name": helper.name, "until": until.isoformat()}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        if helper.pk == appeal.unit_id:
            raise Refused("own_unit", _("它就是承办单位"), "unit")
        if helper.pk not in staffed():
            raise Refused("nobody_there", _("%s还没有人，请另请一个") % helper, "unit")
        minutes = minutes_until(until, now)
        if not clocks.begin(appeal.pk, ClockKind.HELP, now, minutes, unit=helper.pk):
            raise Conflict("asked_already", _("已经请%s协办，等它回复") % helper)
        return {"also": joined(appeal, helper.pk)}

    return move(appeal_id, actor, Verb.INVITE, change, why=why, facts=facts, expect=expect)


def reply(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Answer what one's unit was asked to help with."""
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        own = clocks.running(appeal.pk).filter(kind=ClockKind.HELP, unit__in=actor.party_units)
        names = [clock.unit.name for clock in own.select_related("unit") if clock.unit]
        own.update(stopped_at=timezone.now())
        facts["name"] = _("、").join(names)
        return {}

    return move(appeal_id, actor, Verb.REPLY, change, why=why, facts=facts, expect=expect)
