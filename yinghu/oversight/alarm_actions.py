"""Verbs of alarms: danger to life is raised, acknowledged by name, and judged real or not.

An alarm makes its case 危急 at once, so that the limits of danger hold from filing; dismissing it
restores the urgency that the case had. It has no table: `Appeal.alarmed` is set until somebody has
judged, the clock 看警报 runs until somebody looks and 判断警报 from then on, and the rest is in the
events.
"""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, move
from yinghu.appeals.phrases import joined
from yinghu.appeals.policies import policy
from yinghu.appeals.states import (
    ALARM_CLOCKS,
    DESKS,
    OPEN,
    PAUSABLE,
    UNIT,
    ClockKind,
    Status,
    Urgency,
    Who,
)
from yinghu.appeals.verb import (
    WHY,
    WHY_OPTIONAL,
    Audience,
    ClockChanges,
    NewLimits,
    Privacy,
    Verb,
)
from yinghu.people.access import Actor

_AT_ALARM_DESKS = DESKS | {Who.CALLBACK}
_LANE = frozenset({"alarms"})

ALARM = Verb(
    "alarm",
    gettext_noop("报警"),
    pgettext_lazy("done", "报警"),
    "urgent",
    who=_AT_ALARM_DESKS | UNIT | {Who.VOLUNTEER, Who.HELPER, Who.PARTY, Who.SYSTEM},
    sources=OPEN,
    fields=(WHY,),
    # Danger does not wait for an answer of the requester.
    clocks=ClockChanges(stop=(ClockKind.JUDGE,), resume=PAUSABLE),
    new_limits=NewLimits.RUNNING,
    privacy=Privacy.INSIDE,
    detail=lambda event: joined(*event.facts.get("words", ())),
    lists=_LANE,
    at_alarm=True,
    audience=(Audience.ALARM_DESKS, Audience.HOLDER_OR_UNIT),
)


@ALARM.action
def alarm(
    appeal_id: int,
    actor: Actor,
    *,
    why: str,
    evidence: Sequence[str] = (),
    read: int | None = None,
    expect: int | None = None,
) -> Event:
    """Raise an alarm, which makes the case 危急. Raises Conflict while one waits to be looked at.

    `evidence` are the words that were read as danger, in the event with the number `read`: 1 is the
    filing, from which the clock then runs. The fact `was` is the urgency that a dismissal
    restores.
    """
    facts: dict[str, Any] = {"words": list(evidence)} if evidence else {}
    facts |= {"read": read} if read else {}

    def change(appeal: Appeal) -> dict[str, Any]:
        if clocks.running(appeal.pk).filter(kind=ClockKind.ALARM).exists():
            raise Conflict("alarmed_already", _("这件诉求已经在报警"))
        facts["was"] = _urgency_without_alarm(appeal, filed=read == 1)
        since = appeal.filed_at if read == 1 and not appeal.alarmed else timezone.now()
        clocks.begin(appeal.pk, ClockKind.ALARM, since, policy("alarm_minutes"))
        return {"alarmed": True, "urgency": Urgency.EMERGENCY.value}

    return move(appeal_id, actor, ALARM, change, why=why, facts=facts, expect=expect)


def _urgency_without_alarm(appeal: Appeal, *, filed: bool) -> int:
    if appeal.alarmed and (earlier := last_alarm(appeal)) is not None:
        # Somebody looks at it, and has not judged yet.
        return int(earlier.facts["was"])
    return min(appeal.urgency, Urgency.URGENT.value) if filed else appeal.urgency


def last_alarm(appeal: Appeal) -> Event | None:
    """Return the event that raised the case's last alarm."""
    return appeal.events.filter(verb=ALARM.name).order_by("seq").last()


ACKNOWLEDGE = Verb(
    "acknowledge",
    gettext_noop("我在看警报"),
    pgettext_lazy("done", "看了警报"),
    "eye-check",
    who=_AT_ALARM_DESKS,
    # Also after the requester has withdrawn.
    sources=frozenset(Status),
    clocks=ClockChanges(stop=(ClockKind.ALARM,)),
    needs=ClockKind.ALARM,
    flag="alarmed",
    privacy=Privacy.PRIVATE,
    lists=_LANE,
    at_once=True,
    key="1",
)


@ACKNOWLEDGE.action
def acknowledge(appeal_id: int, actor: Actor, *, expect: int | None = None) -> Event:
    """Say by name that somebody is looking; the alarm falls silent for the others.

    It rings again if nobody has judged it in the set time (`reactions.ring_again`).
    """

    def change(appeal: Appeal) -> dict[str, Any]:
        minutes = policy("alarm_judge_minutes")
        clocks.begin(appeal.pk, ClockKind.JUDGE, timezone.now(), minutes)
        return {}

    return move(appeal_id, actor, ACKNOWLEDGE, change, expect=expect)


CONFIRM = Verb(
    "confirm_alarm",
    gettext_noop("真的危急"),
    pgettext_lazy("done", "确认危急"),
    "alert-triangle",
    who=_AT_ALARM_DESKS,
    sources=frozenset(Status),
    fields=(WHY_OPTIONAL,),
    clocks=ClockChanges(stop=ALARM_CLOCKS),
    flag="alarmed",
    privacy=Privacy.PRIVATE,
    lists=_LANE,
    at_once=True,
    key="2",
)


@CONFIRM.action
def confirm_alarm(
    appeal_id: int, actor: Actor, *, why: str = "", expect: int | None = None
) -> Event:
    """Judge that the danger is real; the case stays 危急."""
    return move(appeal_id, actor, CONFIRM, lambda _a: {"alarmed": False}, why=why, expect=expect)


DISMISS = Verb(
    "dismiss_alarm",
    gettext_noop("不是危急"),
    pgettext_lazy("done", "解除警报"),
    "bell-off",
    who=_AT_ALARM_DESKS,
    sources=frozenset(Status),
    fields=(WHY_OPTIONAL,),
    clocks=ClockChanges(stop=ALARM_CLOCKS),
    new_limits=NewLimits.ALL,
    flag="alarmed",
    privacy=Privacy.PRIVATE,
    lists=_LANE,
    at_once=True,
    key="3",
)


@DISMISS.action
def dismiss_alarm(
    appeal_id: int, actor: Actor, *, why: str = "", expect: int | None = None
) -> Event:
    """Judge that nobody is in danger; the case is again as urgent as before the alarm."""

    def change(appeal: Appeal) -> dict[str, Any]:
        raised = last_alarm(appeal)
        return {"alarmed": False, "urgency": raised.facts["was"] if raised else appeal.urgency}

    return move(appeal_id, actor, DISMISS, change, why=why, expect=expect)
