"""What a unit asks for and a dispatcher rules on: giving a case back (退单), more time (延期)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from yinghu.appeals import clocks, inboxes
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.moving import Conflict, move
from yinghu.appeals.states import ClockKind, Verb
from yinghu.people.access import Actor


def pending(
    actor: Actor, kinds: Collection[ClockKind] = (ClockKind.RULING, ClockKind.CONTEST)
) -> QuerySet[Appeal]:
    """What waits for a ruling, of a dispatcher or of the command (`kinds`), in the actor's reach,
    the oldest first.
    """
    waiting = Clock.objects.filter(kind__in=kinds, stopped_at=None)
    return inboxes.visible(actor).filter(pk__in=waiting.values("appeal")).order_by("due_at", "id")


def asked(appeal: Appeal) -> Event | None:
    """The request that waits for a ruling; None where none does."""
    if appeal.returned:
        return appeal.events.filter(verb=Verb.RETURN).order_by("-seq").first()
    if not clocks.running(appeal.pk).filter(kind=ClockKind.RULING).exists():
        return None
    return appeal.events.filter(verb=Verb.EXTEND, facts__asked=True).order_by("-seq").first()


def rule(
    appeal_id: int, actor: Actor, *, agree: bool, why: str, expect: int | None = None
) -> Event:
    """Rule on what the unit asks for, with the reason.

    A return that is agreed to waits for another unit, a refused one goes back to whoever had it. To
    send it to another unit at once is a ruling, too: `loop.assign`.
    """
    facts: dict[str, Any] = {"agree": agree}

    def change(appeal: Appeal) -> dict[str, Any]:
        request = asked(appeal)
        if request is None:
            raise Conflict("nothing_to", _("没有等着裁定的申请，可能别人刚刚裁定过"))
        facts["of"] = request.verb
        if appeal.returned:
            facts["unit"] = appeal.unit.code if appeal.unit else ""
            given = {"unit_id": None, "holder_id": None} if agree else {}
            return {"returned": False, **given}
        until = parse_datetime(request.facts["until"])
        facts["until"] = request.facts["until"]
        if agree and until is not None:
            _grant(appeal, until)
        return {}

    return move(appeal_id, actor, Verb.RULE, change, why=why, facts=facts, expect=expect)


def _grant(appeal: Appeal, until: datetime) -> None:
    if until <= timezone.now():
        raise Conflict("past", _("申请延到的时间已经过了，不能再同意；请写明理由，不同意"))
    # The desk may have given more by itself meanwhile.
    if clocks.running(appeal.pk).filter(kind=ClockKind.SOLVE, due_at__lt=until).exists():
        clocks.extend(appeal.pk, until)
