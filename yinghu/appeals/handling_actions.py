"""Verbs of a case that is being handled, each declared with its function."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext, pgettext_lazy

from yinghu.appeals import clocks
from yinghu.appeals.channels import CHANNELS
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.moving import Conflict, Refused, move
from yinghu.appeals.phrases import by_requester_or_staff, said, unit_of, unit_said
from yinghu.appeals.policies import policy
from yinghu.appeals.states import (
    ALARM_CLOCKS,
    DESKS,
    EVERY_STATUS,
    HELD,
    OPEN,
    PAUSABLE,
    UNIT,
    ClockKind,
    Status,
    Urgency,
    Who,
)
from yinghu.appeals.verb import (
    PHOTOS,
    WHY,
    WORDS,
    WORDS_OPTIONAL,
    Audience,
    ClockChanges,
    FieldKind,
    Privacy,
    Verb,
    VerbField,
)
from yinghu.common import text_cleaning
from yinghu.common.photos import StoredPhoto
from yinghu.people.access import Actor, relations
from yinghu.people.models import Unit

URGE_EVERY = timedelta(hours=1)
LONGEST_EXTENSION = timedelta(days=366)


def _ask_clocks(
    usual: ClockChanges, _appeal: Appeal, _before: Status, facts: Mapping[str, Any]
) -> ClockChanges:
    """Time goes on where nobody can answer, and where somebody may be in danger."""
    return usual._replace(pause=()) if facts.get("goes_on") else usual


ASK = Verb(
    "ask",
    gettext_noop("请补充"),
    pgettext_lazy("done", "请补充"),
    "message-question",
    who=DESKS | UNIT,
    sources=frozenset({Status.FILED, Status.SORTED}) | HELD,
    target=Status.WAITING,
    fields=(WORDS,),
    clocks=ClockChanges(pause=PAUSABLE),
    adjust_clocks=_ask_clocks,
    told=said(gettext_noop("需要您补充")),
    detail=lambda event: _("时限照走") if event.facts.get("goes_on") else "",
    key="q",
)


@ASK.action
def ask(appeal_id: int, actor: Actor, *, words: str, expect: int | None = None) -> Event:
    """Ask the requester a question; clocks pause until they answer.

    They go on if nobody can answer (no contact, no tracking link), and in an emergency unless the
    command asks.
    """
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        urgent = appeal.urgency == Urgency.EMERGENCY and "command" not in relations(actor, appeal)
        if urgent or not can_answer(appeal):
            facts["goes_on"] = True
        return {}

    return move(appeal_id, actor, ASK, change, words, facts=facts, expect=expect)


def can_answer(appeal: Appeal) -> bool:
    """Can the requester be asked: by phone, by the sender's id, or by a tracking link they have?"""
    channel = CHANNELS.get(appeal.channel)
    return bool(appeal.caller or appeal.phone or (channel and channel.link))


def _supply_clocks(
    usual: ClockChanges, appeal: Appeal, _before: Status, _facts: Mapping[str, Any]
) -> ClockChanges:
    """A returned case keeps the unit's clocks paused until the ruling."""
    if not appeal.returned:
        return usual
    held_still = (ClockKind.RESPOND, ClockKind.ARRIVE)
    return usual._replace(resume=tuple(k for k in usual.resume if k not in held_still))


SUPPLY = Verb(
    "supply",
    gettext_noop("补充"),
    pgettext_lazy("done", "补充"),
    "plus",
    who=UNIT | {Who.REQUESTER, Who.CALLBACK},
    sources=OPEN,
    rests_from=frozenset({Status.WAITING}),
    fields=(WORDS, PHOTOS),
    clocks=ClockChanges(resume=PAUSABLE),
    adjust_clocks=_supply_clocks,
    told=by_requester_or_staff(gettext_noop("您补充了情况"), gettext_noop("平台代您补充了情况")),
    key="i",
    first_at=Status.WAITING,
    for_requester=True,
    read_for_danger=True,
    audience=(Audience.WORKERS,),
)


@SUPPLY.action
def supply(
    appeal_id: int,
    actor: Actor,
    *,
    words: str,
    photos: Sequence[StoredPhoto] = (),
    expect: int | None = None,
) -> Event:
    """Add information from the requester; a waiting case goes back into handling."""
    return move(appeal_id, actor, SUPPLY, None, words, photos=photos, expect=expect)


def _report_clocks(
    usual: ClockChanges, appeal: Appeal, _before: Status, facts: Mapping[str, Any]
) -> ClockChanges:
    """Stop the arrival clock on arrival; restart that of progress reports if one runs."""
    stop = (ClockKind.ARRIVE,) if facts.get("arrived") else ()
    if not clocks.running(appeal.pk).filter(kind=ClockKind.PROGRESS).exists():
        return usual._replace(stop=stop)
    return usual._replace(start=(ClockKind.PROGRESS,), stop=(*stop, ClockKind.PROGRESS))


REPORT = Verb(
    "report",
    gettext_noop("报进展"),
    pgettext_lazy("done", "报进展"),
    "flag",
    who=UNIT,
    sources=frozenset({Status.HANDLING}),
    fields=(
        WORDS,
        PHOTOS,
        VerbField("arrived", FieldKind.BOOL, gettext_noop("已到场"), required=False),
    ),
    adjust_clocks=_report_clocks,
    told=unit_said(gettext_noop("%s报告了进展")),
    detail=lambda event: _("已到场") if event.facts.get("arrived") else "",
    key="p",
    first_at=Status.HANDLING,
)


@REPORT.action
def report(
    appeal_id: int,
    actor: Actor,
    *,
    words: str,
    photos: Sequence[StoredPhoto] = (),
    arrived: bool = False,
    expect: int | None = None,
) -> Event:
    """Tell the requester about progress."""
    facts = {"arrived": arrived}
    return move(appeal_id, actor, REPORT, None, words, facts=facts, photos=photos, expect=expect)


NOTE = Verb(
    "note",
    gettext_noop("内部备注"),
    pgettext_lazy("done", "内部备注"),
    "lock",
    who=DESKS | UNIT | {Who.CALLBACK, Who.VOLUNTEER, Who.PARTY},
    sources=EVERY_STATUS,
    fields=(WHY,),
    privacy=Privacy.INSIDE,
    key="n",
)


@NOTE.action
def note(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Add a note that only staff read."""
    return move(appeal_id, actor, NOTE, None, why=why, expect=expect)


def urge_again_at(appeal: Appeal) -> datetime | None:
    """Return when the requester may urge again; None if they may now."""
    last = appeal.events.filter(verb=URGE.name, actor_kind="requester").last()
    again = last.at + URGE_EVERY if last else None
    return again if again and again > timezone.now() else None


URGE = Verb(
    "urge",
    gettext_noop("催办"),
    pgettext_lazy("done", "催办"),
    "flame",
    who=frozenset({Who.REQUESTER, Who.CALLBACK, Who.COMMAND}),
    sources=OPEN,
    fields=(WORDS_OPTIONAL,),
    told=by_requester_or_staff(gettext_noop("您催了一次"), gettext_noop("平台催了一次")),
    key="y",
    read_for_danger=True,
    audience=(Audience.WORKERS,),
)


@URGE.action
def urge(appeal_id: int, actor: Actor, *, words: str = "", expect: int | None = None) -> Event:
    """Press for progress; a requester at most once in `URGE_EVERY`."""

    def change(appeal: Appeal) -> dict[str, Any]:
        if actor.kind == "requester" and (again := urge_again_at(appeal)):
            clock = timezone.localtime(again).strftime("%H:%M")
            raise Conflict("urged_already", _("刚刚催过，%s 以后可以再催") % clock)
        return {}

    return move(appeal_id, actor, URGE, change, words, expect=expect)


def _extend_told(event: Event) -> str:
    if event.facts.get("asked"):
        return _("%s申请延长办理时限") % unit_of(event)
    return _("办理时限延长了")


def _extend_detail(event: Event) -> str:
    until = parse_datetime(event.facts.get("until", ""))
    return f"→ {timezone.localtime(until):%Y-%m-%d %H:%M}" if until else ""


def _extend_done(event: Event) -> str:
    asked = event.facts.get("asked")
    return pgettext("done", "申请延期") if asked else pgettext("done", "延期")


EXTEND = Verb(
    "extend",
    gettext_noop("延期"),
    pgettext_lazy("done", "延期"),
    "calendar-time",
    who=UNIT | {Who.DISPATCH, Who.COMMAND},
    sources=HELD,
    fields=(VerbField("until", FieldKind.TIME, gettext_noop("延至")), WHY),
    done_as=_extend_done,
    told=_extend_told,
    detail=_extend_detail,
    key="e",
    audience=(Audience.DISPATCHERS_IF_ASKED,),
)


@EXTEND.action
def extend(
    appeal_id: int, actor: Actor, *, until: datetime, why: str, expect: int | None = None
) -> Event:
    """Extend the running solve clock; a unit's request waits for a ruling (`oversight.rulings`)."""
    facts: dict[str, Any] = {"until": until.isoformat()}

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        if until <= now:
            raise Refused("past", _("延期只能延到将来"), "until")
        if until > now + LONGEST_EXTENSION:
            raise Refused("too_far", _("最多延期一年"), "until")
        solve = clocks.running(appeal.pk).filter(kind=ClockKind.SOLVE).first()
        if solve is None:
            raise Conflict("no_clock", _("这件诉求没有正在计时的解决时限"))
        if relations(actor, appeal) & {"dispatch", "command"}:
            clocks.extend_solving(appeal.pk, until)
            return {}
        _request_extension(appeal, solve, until, now)
        facts["asked"] = True
        return {}

    return move(appeal_id, actor, EXTEND, change, why=why, facts=facts, expect=expect)


def _request_extension(appeal: Appeal, solve: Clock, until: datetime, now: datetime) -> None:
    """Start the ruling clock if a unit may still ask for an extension."""
    if solve.paused_at is None and solve.due_at <= now:
        raise Conflict("too_late", _("已经过了办理时限，不能再申请延期；延期要在到期以前申请"))
    if until <= solve.due_at:
        raise Refused("shorter", _("要延到现在的时限以后"), "until")
    most = policy("most_extensions")
    granted = appeal.events.filter(facts__of=EXTEND.name, facts__agree=True)
    if granted.count() >= most:
        raise Conflict("extended_often", _("已经延期 %d 次，不能再延") % most)
    (limit,) = clocks.limits_for(appeal, (ClockKind.RULING,))
    if not clocks.begin(appeal.pk, ClockKind.RULING, now, limit.minutes, working=limit.working):
        raise Conflict("asked_already", _("已经申请过，正在等裁定"))


RESOLVE = Verb(
    "resolve",
    gettext_noop("办结"),
    pgettext_lazy("done", "办结"),
    "circle-check",
    # The system resolves a case when its errands are done.
    who=UNIT | {Who.SYSTEM},
    sources=frozenset({Status.HANDLING}),
    target=Status.RESOLVED,
    fields=(
        WORDS,
        PHOTOS,
        VerbField(
            "why", FieldKind.TEXT, gettext_noop("协办还没有回复，为什么不等"), required=False
        ),
    ),
    clocks=ClockChanges(
        start=(ClockKind.FEEDBACK,),
        stop=(
            ClockKind.RESPOND,
            ClockKind.ARRIVE,
            ClockKind.SOLVE,
            ClockKind.PROGRESS,
            ClockKind.RULING,
            ClockKind.HELP,
            *ALARM_CLOCKS,
        ),
    ),
    told=unit_said(gettext_noop("%s已办结，等您评价")),
    key="f",
)


@RESOLVE.action
def resolve(
    appeal_id: int,
    actor: Actor,
    *,
    words: str,
    photos: Sequence[StoredPhoto] = (),
    why: str = "",
    expect: int | None = None,
) -> Event:
    """Resolve the case; a reason is needed while co-handlers have not answered."""

    def change(appeal: Appeal) -> dict[str, Any]:
        asked = clocks.running(appeal.pk).filter(kind=ClockKind.HELP)
        silent = Unit.objects.filter(pk__in=asked.values("unit"))
        if silent and not why.strip():
            names = _("、").join(str(unit) for unit in silent)
            raise Refused(
                "help_pending", _("%s还没有回复协办；不等的话，请写明理由") % names, "why"
            )
        return {"result": text_cleaning.clean_words(words)}

    return move(appeal_id, actor, RESOLVE, change, words, why, photos=photos, expect=expect)
