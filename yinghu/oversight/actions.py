"""Verbs of oversight: rulings, raising (提级), co-handling (协办) and supervision (督办)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals import clocks
from yinghu.appeals.actions import RETURN
from yinghu.appeals.handling_actions import EXTEND, LONGEST_EXTENSION
from yinghu.appeals.models import Appeal, ChaseAct, ChaseTell, Event
from yinghu.appeals.moving import Conflict, Refused, move
from yinghu.appeals.phrases import (
    agreement_of,
    deadline_detail,
    fact_said,
    joined,
    name_detail,
    unit_detail,
    unit_of,
    unit_said,
)
from yinghu.appeals.states import (
    DESKS,
    EVERY_STATUS,
    HELD,
    PAUSED_BY_RETURN,
    UNIT,
    UNRATED,
    ClockKind,
    Status,
    Who,
)
from yinghu.appeals.verb import WHY, Audience, ClockChanges, FieldKind, Privacy, Verb, VerbField
from yinghu.oversight.levels import above, joined_units
from yinghu.oversight.rulings import pending_request
from yinghu.people.access import Actor, staffed
from yinghu.people.models import Unit


def minutes_until(until: datetime, now: datetime) -> float:
    """Minutes from `now` until a deadline; Refused if it is past or more than a year ahead."""
    if until <= now:
        raise Refused("past", _("请写将来的时间"), "until")
    if until > now + LONGEST_EXTENSION:
        raise Refused("too_far", _("最多一年以内"), "until")
    return (until - now).total_seconds() / 60


def _rule_clocks(
    usual: ClockChanges, appeal: Appeal, before: Status, _facts: Mapping[str, Any]
) -> ClockChanges:
    """After a refused return the unit's paused clocks resume; a granted one awaits dispatch."""
    if before is not Status.SORTED:
        return usual
    if appeal.state is not before:
        # The desk may have sorted it again meanwhile.
        stop = (*usual.stop, ClockKind.DISPATCH)
        return usual._replace(stop=stop, resume=PAUSED_BY_RETURN)
    stop = (*usual.stop, *PAUSED_BY_RETURN)
    return usual._replace(stop=stop, start=(ClockKind.DISPATCH,))


def _rule_told(event: Event) -> str:
    agreed = bool(event.facts.get("agree"))
    if event.facts.get("of") == RETURN.name:
        if agreed:
            return _("平台正在重新安排承办单位")
        return _("平台判定仍由%s办理") % unit_of(event)
    return _("办理时限延长了") if agreed else _("办理时限没有延长")


def _rule_detail(event: Event) -> str:
    asked = {verb.name: verb.label for verb in (RETURN, EXTEND)}.get(event.facts.get("of", ""))
    return joined(agreement_of(event), _(asked) if asked else "")


RULE = Verb(
    "rule",
    gettext_noop("裁定"),
    pgettext_lazy("done", "裁定"),
    "gavel",
    who=frozenset({Who.DISPATCH, Who.COMMAND}),
    sources=frozenset({Status.SORTED}) | HELD,
    rests_from=frozenset({Status.SORTED}) | HELD,
    fields=(VerbField("agree", FieldKind.BOOL, gettext_noop("同意吗")), WHY),
    clocks=ClockChanges(stop=(ClockKind.RULING,)),
    adjust_clocks=_rule_clocks,
    needs=ClockKind.RULING,
    told=_rule_told,
    detail=_rule_detail,
    pressing=1,
    after=RETURN.name,
    audience=(Audience.ASKING_UNIT,),
)


@RULE.action
def rule(
    appeal_id: int, actor: Actor, *, agree: bool, why: str, expect: int | None = None
) -> Event:
    """Rule on the unit's request. A granted return waits for another unit, a refused one goes back
    to its last holder. Sending it to another unit at once (`assign`) is also a ruling.
    """
    facts: dict[str, Any] = {"agree": agree}

    def change(appeal: Appeal) -> dict[str, Any]:
        request = pending_request(appeal)
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
            if until <= timezone.now():
                why_not = _("申请延到的时间已经过了，不能再同意；请写明理由，不同意")
                raise Conflict("past", why_not)
            solve = clocks.running(appeal.pk).filter(kind=ClockKind.SOLVE)
            # The desk may have given more time by itself meanwhile.
            if solve.filter(due_at__lt=until).exists():
                clocks.extend_solving(appeal.pk, until)
        return {}

    return move(appeal_id, actor, RULE, change, why=why, facts=facts, expect=expect)


ESCALATE = Verb(
    "escalate",
    gettext_noop("提级"),
    pgettext_lazy("done", "提级"),
    "stairs-up",
    who=DESKS | UNIT | {Who.SYSTEM},
    sources=frozenset({Status.SORTED}) | HELD,
    target=Status.ASSIGNED,
    fields=(WHY,),
    clocks=ClockChanges(
        start=(ClockKind.RESPOND, ClockKind.SOLVE, ClockKind.PROGRESS),
        stop=(
            ClockKind.DISPATCH,
            ClockKind.RESPOND,
            ClockKind.ARRIVE,
            ClockKind.SOLVE,
            ClockKind.PROGRESS,
            ClockKind.RULING,
        ),
    ),
    told=unit_said(gettext_noop("已提到上一级，由%s负责办理")),
    detail=unit_detail,
    key="t",
    after=EXTEND.name,
    audience=(Audience.RAISED_TO,),
)


@ESCALATE.action
def escalate(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Raise the case to the unit above, which has to accept it; its clocks start anew there."""
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        unit = above(appeal)
        if unit is None:
            raise Conflict("top_level", _("已经是最高一级，或者上面没有可以接的单位"))
        facts.update({"from": appeal.level, "to": unit.level.value, "unit": unit.code})
        lead = appeal.lead_id or appeal.unit_id or unit.pk
        return {
            "unit_id": unit.pk,
            "holder_id": None,
            "returned": False,
            "level": unit.level.value,
            "lead_id": lead,
            # Units that had it still see it, and may be asked what was done.
            "also": joined_units(appeal, lead, appeal.unit_id or lead),
        }

    return move(appeal_id, actor, ESCALATE, change, why=why, facts=facts, expect=expect)


INVITE = Verb(
    "invite",
    gettext_noop("请协办"),
    pgettext_lazy("done", "请协办"),
    "users-plus",
    who=UNIT | {Who.DISPATCH, Who.COMMAND},
    sources=HELD,
    fields=(
        VerbField("unit", FieldKind.UNIT, gettext_noop("协办单位")),
        VerbField("until", FieldKind.TIME, gettext_noop("请在什么时候以前回复")),
        VerbField("why", FieldKind.TEXT, gettext_noop("请他们办什么（内部）")),
    ),
    told=fact_said(gettext_noop("已请%s一起办理")),
    detail=lambda event: joined(name_detail(event), deadline_detail(event)),
    hurried=True,
    audience=(Audience.INVITED_UNITS,),
)


@INVITE.action
def invite(
    appeal_id: int, actor: Actor, *, unit: str, until: datetime, why: str, expect: int | None = None
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
        return {"also": joined_units(appeal, helper.pk)}

    return move(appeal_id, actor, INVITE, change, why=why, facts=facts, expect=expect)


REPLY = Verb(
    "reply",
    gettext_noop("协办回复"),
    pgettext_lazy("done", "协办回复"),
    "message-check",
    who=frozenset({Who.PARTY}),
    sources=UNRATED,
    fields=(VerbField("why", FieldKind.TEXT, gettext_noop("协办情况（内部）")),),
    needs=ClockKind.HELP,
    privacy=Privacy.PRIVATE,
    detail=name_detail,
    pressing=5,
    audience=(Audience.WORKERS,),
)


@REPLY.action
def reply(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Answer the request for help in the name of one's unit."""
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        own = clocks.running(appeal.pk).filter(kind=ClockKind.HELP, unit__in=actor.party_units)
        names = [clock.unit.name for clock in own.select_related("unit") if clock.unit]
        own.update(stopped_at=timezone.now())
        facts["name"] = _("、").join(names)
        return {}

    return move(appeal_id, actor, REPLY, change, why=why, facts=facts, expect=expect)


SUPERVISE = Verb(
    "supervise",
    gettext_noop("督办"),
    pgettext_lazy("done", "督办"),
    "eye",
    who=frozenset({Who.COMMAND}),
    sources=UNRATED,
    fields=(
        VerbField("until", FieldKind.TIME, gettext_noop("请在什么时候以前回复")),
        VerbField("why", FieldKind.TEXT, gettext_noop("督办要求（内部）")),
    ),
    privacy=Privacy.PRIVATE,
    detail=deadline_detail,
    hurried=True,
    audience=(Audience.WORKERS, Audience.HEADS),
)


@SUPERVISE.action
def supervise(
    appeal_id: int, actor: Actor, *, until: datetime, why: str, expect: int | None = None
) -> Event:
    """Put the case under supervision: a demand, to be answered in writing until a time."""

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        if not clocks.begin(appeal.pk, ClockKind.ACCOUNT, now, minutes_until(until, now)):
            raise Conflict("demanded_already", _("上一次的督办要求还没有回复"))
        return {"watched": True}

    facts = {"until": until.isoformat()}
    return move(appeal_id, actor, SUPERVISE, change, why=why, facts=facts, expect=expect)


ACCOUNT = Verb(
    "account",
    gettext_noop("回复督办"),
    pgettext_lazy("done", "回复督办"),
    "writing",
    who=UNIT | {Who.TRIAGE, Who.DISPATCH},
    sources=UNRATED,
    fields=(VerbField("why", FieldKind.TEXT, gettext_noop("对督办的回复（内部）")),),
    clocks=ClockChanges(stop=(ClockKind.ACCOUNT,)),
    needs=ClockKind.ACCOUNT,
    privacy=Privacy.PRIVATE,
    pressing=6,
    audience=(Audience.SUPERVISORS,),
)


@ACCOUNT.action
def account(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Answer the supervisor's demand in writing."""
    return move(appeal_id, actor, ACCOUNT, None, why=why, expect=expect)


LIFT = Verb(
    "lift",
    gettext_noop("解除督办"),
    pgettext_lazy("done", "解除督办"),
    "eye-off",
    who=frozenset({Who.COMMAND}),
    sources=EVERY_STATUS,
    fields=(WHY,),
    clocks=ClockChanges(stop=(ClockKind.ACCOUNT,)),
    flag="watched",
    privacy=Privacy.PRIVATE,
    audience=(Audience.WORKERS, Audience.HEADS),
)


@LIFT.action
def lift(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """End the supervision."""
    return move(appeal_id, actor, LIFT, lambda _a: {"watched": False}, why=why, expect=expect)


def _chase_detail(event: Event) -> str:
    """Which clock, and the step taken; the recipients are in the notifications."""
    given = event.facts
    return _("%(clock)s · %(act)s → %(tell)s") % {
        "clock": _(ClockKind(given["clock"]).label),
        "act": ChaseAct(given["act"]).label,
        "tell": ChaseTell(given["tell"]).label,
    }


CHASE = Verb(
    "chase",
    gettext_noop("催督"),
    pgettext_lazy("done", "催督"),
    "bell-ringing",
    who=frozenset({Who.SYSTEM}),
    sources=UNRATED,
    privacy=Privacy.PRIVATE,
    detail=_chase_detail,
    audience=(Audience.CHASED_LEVEL,),
)
"""Written by `sweep`, for many cases at once."""
