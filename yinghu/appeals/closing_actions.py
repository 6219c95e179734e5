"""Verbs that rate, reopen and end a case, each declared with its function."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.handling_actions import check_master
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Refused, move, told_if_busy
from yinghu.appeals.numbers import number_of
from yinghu.appeals.phrases import rating_of, said
from yinghu.appeals.states import (
    ALARM_CLOCKS,
    DESKS,
    ENDED,
    OPEN,
    PAUSED_AT_END,
    RESTING_CLOCK,
    STOPPED_AT_END,
    ClockKind,
    Satisfaction,
    Status,
    Who,
)
from yinghu.appeals.verb import (
    WHY_OPTIONAL,
    WORDS,
    WORDS_OPTIONAL,
    Audience,
    ClockChanges,
    FieldKind,
    Verb,
    VerbField,
)
from yinghu.common import text_cleaning
from yinghu.people.access import Actor, may_see, serves


def _rate_told(event: Event) -> str:
    rated = _("您评价了：%s") if event.actor_kind == "requester" else _("平台回访了您：%s")
    return rated % rating_of(event.facts)


RATE = Verb(
    "rate",
    gettext_noop("评价"),
    pgettext_lazy("done", "评价"),
    "star",
    who=frozenset({Who.REQUESTER, Who.CALLBACK}),
    sources=frozenset({Status.RESOLVED, Status.CLOSED, Status.MERGED}),
    fields=(
        VerbField(
            "solved",
            FieldKind.BOOL,
            gettext_noop("解决了吗"),
            answers=(gettext_noop("解决了"), gettext_noop("没有解决")),
        ),
        VerbField("satisfaction", FieldKind.SATISFACTION, gettext_noop("满意程度")),
        VerbField(
            "unreached", FieldKind.BOOL, gettext_noop("单位没有联系过诉求人"), required=False
        ),
        WORDS_OPTIONAL,
    ),
    clocks=ClockChanges(stop=(ClockKind.FEEDBACK,)),
    told=_rate_told,
    detail=lambda event: rating_of(event.facts),
    key="v",
    first_at=Status.RESOLVED,
    for_requester=True,
    audience=(Audience.WORKERS_IF_DISSATISFIED,),
)


@RATE.action
def rate(
    appeal_id: int,
    actor: Actor,
    *,
    solved: bool,
    satisfaction: str,
    unreached: bool = False,
    words: str = "",
    expect: int | None = None,
) -> Event:
    """Record a rating (`satisfaction` is a `Satisfaction`; `unreached`: no contact by the unit)."""
    if satisfaction not in list(Satisfaction):
        raise Refused("unknown_satisfaction", _("请选择满意程度"), "satisfaction")

    def change(appeal: Appeal) -> dict[str, Any]:
        check_master(appeal, (Status.RESOLVED, Status.CLOSED))
        own = appeal.satisfaction and appeal.events.filter(verb=RATE.name).order_by("seq").last()
        if own and own.actor_kind == "requester" and actor.kind != "requester":
            raise Conflict("rated_already", _("诉求人自己评价过了，不能代替他改"))
        return {"solved": solved, "satisfaction": satisfaction}

    facts = {"solved": solved, "satisfaction": satisfaction, "unreached": unreached}
    return move(appeal_id, actor, RATE, change, words, facts=facts, expect=expect)


def _reopen_clocks(
    usual: ClockChanges, appeal: Appeal, _before: Status, _facts: Mapping[str, Any]
) -> ClockChanges:
    """Start the clock of the resting status, and that of reports if the case was raised."""
    start = (*usual.start, RESTING_CLOCK[appeal.state])
    return usual._replace(start=(*start, ClockKind.PROGRESS) if appeal.lead_id else start)


REOPEN = Verb(
    "reopen",
    gettext_noop("重办"),
    pgettext_lazy("done", "重办"),
    "refresh",
    who=frozenset({Who.REQUESTER, Who.CALLBACK, Who.TRIAGE, Who.COMMAND, Who.SYSTEM}),
    sources=frozenset({Status.RESOLVED}) | ENDED,
    rests_from=frozenset({Status.RESOLVED}) | ENDED,
    fields=(WORDS,),
    clocks=ClockChanges(start=(ClockKind.SOLVE,), stop=(ClockKind.FEEDBACK,), resume=PAUSED_AT_END),
    adjust_clocks=_reopen_clocks,
    told=said(gettext_noop("重新办理")),
    key="o",
    read_for_danger=True,
    audience=(Audience.WORKERS_IF_NOT_TOLD,),
)


@REOPEN.action
def reopen(appeal_id: int, actor: Actor, *, words: str, expect: int | None = None) -> Event:
    """Reopen a case for its holder, if they still serve the unit, else the unit or the desk."""

    def change(appeal: Appeal) -> dict[str, Any]:
        held = serves(appeal.unit_id, appeal.holder_id)
        return {
            "holder_id": appeal.holder_id if held else None,
            "returned": False,
            "master_id": None,
            "result": "",
            "solved": None,
            "satisfaction": "",
            "closed_at": None,
        }

    return move(appeal_id, actor, REOPEN, change, words, expect=expect)


CLOSE = Verb(
    "close",
    gettext_noop("销号"),
    pgettext_lazy("done", "销号"),
    "checks",
    who=frozenset({Who.TRIAGE, Who.CALLBACK, Who.COMMAND, Who.SYSTEM}),
    sources=frozenset({Status.RESOLVED}),
    target=Status.CLOSED,
    fields=(WHY_OPTIONAL,),
    clocks=ClockChanges(stop=STOPPED_AT_END, pause=PAUSED_AT_END),
    told=said(gettext_noop("诉求已办完销号")),
    key="x",
)


@CLOSE.action
def close(appeal_id: int, actor: Actor, *, why: str = "", expect: int | None = None) -> Event:
    """Close the case; it can still be reopened."""
    return move(appeal_id, actor, CLOSE, None, why=why, expect=expect)


def _merge_detail(event: Event) -> str:
    master = event.facts.get("master")
    return f"→ {number_of(master)}" if isinstance(master, int) else ""


MERGE = Verb(
    "merge",
    gettext_noop("并单"),
    pgettext_lazy("done", "并单"),
    "git-merge",
    who=DESKS,
    sources=OPEN,
    target=Status.MERGED,
    fields=(VerbField("master", FieldKind.APPEAL, gettext_noop("并入")), WHY_OPTIONAL),
    clocks=ClockChanges(stop=STOPPED_AT_END, pause=PAUSED_AT_END),
    told=said(gettext_noop("与另一件相同的诉求一并办理")),
    detail=_merge_detail,
    key="w",
    ending=True,
    audience=(Audience.HOLDER,),
)


@MERGE.action
def merge(
    appeal_id: int, actor: Actor, *, master: int, why: str = "", expect: int | None = None
) -> Event:
    """Merge into another open appeal (by id), which the requester then follows."""
    with told_if_busy(), transaction.atomic():
        # Lock both rows in id order, so that opposite merges cannot deadlock.
        pair = Appeal.objects.filter(pk__in=(appeal_id, master)).order_by("pk")
        target = {row.pk: row for row in pair.select_for_update(no_key=True)}.get(master)

        def change(appeal: Appeal) -> dict[str, Any]:
            if target is None or not may_see(actor, target):
                raise Refused("unknown_master", _("没有这件诉求"), "master")
            if target.pk == appeal.pk:
                raise Refused("own_master", _("不能并入自己"), "master")
            if appeal.alarmed:
                why_not = _("这件诉求正在报警，先判断是不是真的，再合并")
                raise Conflict("alarmed", why_not)
            if target.status in ENDED:
                raise Refused("ended_master", _("%s 已经结束，不能并入") % target.number, "master")
            return {"master_id": target.pk}

        facts = {"master": master}
        return move(appeal_id, actor, MERGE, change, why=why, facts=facts, expect=expect)


DECLINE = Verb(
    "decline",
    gettext_noop("不予受理"),
    pgettext_lazy("done", "不予受理"),
    "ban",
    who=DESKS,
    sources=frozenset({Status.FILED, Status.SORTED}),
    target=Status.DECLINED,
    fields=(WORDS, WHY_OPTIONAL),
    clocks=ClockChanges(stop=STOPPED_AT_END, pause=PAUSED_AT_END),
    told=said(gettext_noop("平台不予受理")),
    key="z",
    ending=True,
)


@DECLINE.action
def decline(
    appeal_id: int, actor: Actor, *, words: str, why: str = "", expect: int | None = None
) -> Event:
    """Decline the case as outside our remit, with a reason that the requester sees."""
    result = {"result": text_cleaning.clean_words(words)}
    return move(appeal_id, actor, DECLINE, lambda _a: result, words, why, expect=expect)


def _withdraw_clocks(
    usual: ClockChanges, appeal: Appeal, _before: Status, _facts: Mapping[str, Any]
) -> ClockChanges:
    """An alarm goes on until a desk has looked."""
    if not appeal.alarmed:
        return usual
    return usual._replace(stop=tuple(kind for kind in usual.stop if kind not in ALARM_CLOCKS))


WITHDRAW = Verb(
    "withdraw",
    gettext_noop("撤回"),
    pgettext_lazy("done", "撤回"),
    "arrow-back-up",
    who=frozenset({Who.REQUESTER}),
    sources=OPEN,
    target=Status.WITHDRAWN,
    fields=(WORDS_OPTIONAL,),
    clocks=ClockChanges(stop=STOPPED_AT_END, pause=PAUSED_AT_END),
    adjust_clocks=_withdraw_clocks,
    told=said(gettext_noop("您撤回了诉求")),
    audience=(Audience.HOLDER,),
)


@WITHDRAW.action
def withdraw(appeal_id: int, actor: Actor, *, words: str = "", expect: int | None = None) -> Event:
    """Withdraw the case because the requester no longer needs it."""
    return move(appeal_id, actor, WITHDRAW, None, words, expect=expect)
