"""Verbs that bring a case to a unit and a holder, each declared with its function.

Pages, the API, chat messages and sweeps call these functions, and each goes through `moving.move`
in one transaction. Filing is in `filing`, later verbs in `handling_actions` and `closing_actions`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.models import Appeal, Category, Event
from yinghu.appeals.moving import Conflict, Refused, move
from yinghu.appeals.phrases import joined, name_detail, said, unit_detail, unit_said
from yinghu.appeals.policies import policy
from yinghu.appeals.states import (
    ALARM_CLOCKS,
    DESKS,
    EVERY_STATUS,
    HELD,
    OPEN,
    PAUSABLE,
    PAUSED_BY_RETURN,
    ClockKind,
    Klass,
    Status,
    Urgency,
    Who,
)
from yinghu.appeals.verb import (
    WHY,
    WHY_OPTIONAL,
    WORDS,
    WORDS_OPTIONAL,
    Audience,
    ClockChanges,
    FieldKind,
    NewLimits,
    Privacy,
    Verb,
    VerbField,
)
from yinghu.common import text_cleaning
from yinghu.common.language import name_of
from yinghu.people.access import Actor, only_volunteers_in, serving
from yinghu.people.models import Unit, User
from yinghu.places.models import Area

_CLASSIFICATION = (
    VerbField("klass", FieldKind.KLASS, gettext_noop("性质"), required=False),
    VerbField("area", FieldKind.AREA, gettext_noop("地点"), required=False),
    VerbField("urgency", FieldKind.URGENCY, gettext_noop("紧急程度"), required=False),
)


def _sort_clocks(
    usual: ClockChanges, appeal: Appeal, _before: Status, _facts: Mapping[str, Any]
) -> ClockChanges:
    """A returned case waits for a ruling, so the dispatch clock does not start."""
    return usual._replace(start=()) if appeal.returned else usual


SORT = Verb(
    "sort",
    gettext_noop("研判"),
    pgettext_lazy("done", "研判"),
    "clipboard-text",
    who=DESKS | {Who.SYSTEM},
    sources=frozenset({Status.FILED, Status.SORTED}),
    target=Status.SORTED,
    fields=(
        VerbField("category", FieldKind.CATEGORY, gettext_noop("类别")),
        *_CLASSIFICATION,
        WHY_OPTIONAL,
    ),
    clocks=ClockChanges(start=(ClockKind.DISPATCH,), stop=(ClockKind.RECEIVE, *ALARM_CLOCKS)),
    adjust_clocks=_sort_clocks,
    new_limits=NewLimits.ALL,
    told=said(gettext_noop("平台已研判")),
    detail=lambda event: joined(*(name_of(each) for each in (event.category, event.area) if each)),
    key="c",
    first_at=Status.FILED,
    at_once=True,
)


@SORT.action
def sort(
    appeal_id: int,
    actor: Actor,
    *,
    category: str,
    klass: str = "",
    area: str = "",
    urgency: int | None = None,
    why: str = "",
    expect: int | None = None,
) -> Event:
    """Set category, class (by default the category's), area and urgency, which ends an alarm.

    `facts` keep the urgency that was given to a case with an open alarm.
    """
    decided = _classify(category, klass, area, urgency) | {"alarmed": False}
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        if appeal.alarmed and urgency is not None:
            facts["urgency"] = urgency
        return decided

    return move(appeal_id, actor, SORT, change, why=why, facts=facts, expect=expect)


def _classify(category: str | None, klass: str, area: str, urgency: int | None) -> dict[str, Any]:
    """Return the columns for a classification. Raises Refused for an unknown code."""
    found: dict[str, Any] = {"klass": klass} if klass else {}
    if category is not None:
        kind = Category.objects.filter(pk=category, active=True).first()
        if kind is None:
            raise Refused("unknown_category", _("没有这个类别：%s") % category, "category")
        found |= {"category_id": category, "klass": klass or kind.klass}
    if klass and klass not in list(Klass):
        raise Refused("unknown_klass", _("没有这个性质：%s") % klass, "klass")
    if area:
        if not Area.objects.filter(pk=area, retired_at=None).exists():
            raise Refused("unknown_area", _("没有这个区域：%s") % area, "area")
        found["area_id"] = area
    if urgency is not None:
        if urgency not in list(Urgency):
            raise Refused("unknown_urgency", _("紧急程度只能是 1、2、3"), "urgency")
        found["urgency"] = urgency
    return found


def _correct_detail(event: Event) -> str:
    was = event.facts["was"]
    return joined(
        name_of(event.category) if "category" in was else "",
        _(Klass(event.klass).label) if "klass" in was else "",
        name_of(event.area) if "area" in was else "",
        _(Urgency(event.facts["urgency"]).label) if "urgency" in was else "",
    )


def _correct_clocks(
    usual: ClockChanges, _appeal: Appeal, _before: Status, facts: Mapping[str, Any]
) -> ClockChanges:
    """A given urgency judges an alarm; that of danger lets paused time go on."""
    if "urgency" not in facts:
        return usual
    danger = facts["urgency"] == Urgency.EMERGENCY
    return usual._replace(stop=ALARM_CLOCKS, resume=PAUSABLE if danger else ())


CORRECT = Verb(
    "correct",
    gettext_noop("更正"),
    pgettext_lazy("done", "更正"),
    "edit",
    # The system classifies what was answered at once.
    who=DESKS | {Who.SYSTEM},
    # A case that has only been filed is sorted instead.
    sources=EVERY_STATUS - {Status.FILED},
    fields=(
        VerbField("category", FieldKind.CATEGORY, gettext_noop("类别"), required=False),
        *_CLASSIFICATION,
        WHY,
    ),
    adjust_clocks=_correct_clocks,
    new_limits=NewLimits.ALL,
    privacy=Privacy.PRIVATE,
    detail=_correct_detail,
)


@CORRECT.action
def correct(
    appeal_id: int,
    actor: Actor,
    *,
    why: str,
    category: str = "",
    klass: str = "",
    area: str = "",
    urgency: int | None = None,
    expect: int | None = None,
) -> Event:
    """Correct category, class, area or urgency at any time, also after closing.

    The requester is not told and the case stays where it is. Its clocks follow the new limits,
    those that have stopped too, so that rates count by the limits that were right. A new category
    sets its class unless one is given. A given urgency judges an open alarm. `facts` keep the old
    values.
    """
    decided = _classify(category or None, klass, area, urgency)
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        if appeal.category_id is None and appeal.state in OPEN:
            raise Conflict("not_sorted", _("这件诉求还没有研判，请先研判"))
        changed = {name: now for name, now in decided.items() if now != getattr(appeal, name)}
        judged = urgency is not None and appeal.alarmed
        if not changed and not judged:
            raise Conflict("nothing_changed", _("没有改动：填的和现在的一样"))
        facts["was"] = {name.removesuffix("_id"): getattr(appeal, name) for name in changed}
        if "urgency" in changed or judged:
            facts["urgency"] = urgency
            changed["alarmed"] = False
        return changed

    return move(appeal_id, actor, CORRECT, change, why=why, facts=facts, expect=expect)


ANSWER = Verb(
    "answer",
    gettext_noop("答复"),
    pgettext_lazy("done", "答复"),
    "message-circle",
    who=DESKS | {Who.CALLBACK},
    sources=frozenset({Status.FILED, Status.SORTED}),
    target=Status.RESOLVED,
    fields=(WORDS, WHY_OPTIONAL),
    # A returned case may have more running clocks than these of the desk.
    clocks=ClockChanges(
        start=(ClockKind.FEEDBACK,), stop=(*PAUSABLE, ClockKind.HELP, *ALARM_CLOCKS)
    ),
    told=said(gettext_noop("平台答复了您")),
    key="r",
)


@ANSWER.action
def answer(
    appeal_id: int, actor: Actor, *, words: str, why: str = "", expect: int | None = None
) -> Event:
    """Answer a case that needs nothing else; the requester then rates it."""

    def change(_appeal: Appeal) -> dict[str, Any]:
        # An answer makes a pending ruling on a return unnecessary.
        return {"result": text_cleaning.clean_words(words), "returned": False}

    return move(appeal_id, actor, ANSWER, change, words, why, expect=expect)


ASSIGN = Verb(
    "assign",
    gettext_noop("派单"),
    pgettext_lazy("done", "派单"),
    "route",
    who=frozenset({Who.DISPATCH, Who.COMMAND, Who.SYSTEM}),
    sources=frozenset({Status.SORTED}) | HELD,
    target=Status.ASSIGNED,
    fields=(VerbField("unit", FieldKind.UNIT, gettext_noop("承办单位")), WHY_OPTIONAL),
    clocks=ClockChanges(
        start=(ClockKind.RESPOND,),
        stop=(ClockKind.DISPATCH, ClockKind.RESPOND, ClockKind.ARRIVE, ClockKind.RULING),
    ),
    told=unit_said(gettext_noop("已派给%s")),
    detail=unit_detail,
    key="d",
    first_at=Status.SORTED,
    audience=(Audience.UNIT,),
)


@ASSIGN.action
def assign(
    appeal_id: int, actor: Actor, *, unit: str, why: str = "", expect: int | None = None
) -> Event:
    """Assign the case to a unit (by code), which then has to accept it."""
    target = Unit.objects.filter(code=unit, active=True).first()
    if target is None:
        raise Refused("unknown_unit", _("没有这个单位：%s") % unit, "unit")

    def change(appeal: Appeal) -> dict[str, Any]:
        # A raised case keeps its level.
        level = min(appeal.level, target.level) if appeal.lead_id else target.level
        return {"unit_id": target.pk, "holder_id": None, "returned": False, "level": level}

    facts = {"unit": target.code}
    return move(appeal_id, actor, ASSIGN, change, why=why, facts=facts, expect=expect)


ACCEPT = Verb(
    "accept",
    gettext_noop("接单"),
    pgettext_lazy("done", "接单"),
    "hand-grab",
    who=frozenset({Who.HANDLER, Who.HEAD, Who.VOLUNTEER}),
    sources=frozenset({Status.ASSIGNED}),
    target=Status.HANDLING,
    fields=(WORDS_OPTIONAL,),
    clocks=ClockChanges(start=(ClockKind.ARRIVE,), stop=(ClockKind.RESPOND,)),
    told=unit_said(gettext_noop("%s已接单，开始办理")),
    key="g",
    first_at=Status.ASSIGNED,
    at_once=True,
)


@ACCEPT.action
def accept(appeal_id: int, actor: Actor, *, words: str = "", expect: int | None = None) -> Event:
    """Become the holder. Raises Conflict if somebody was first or a volunteer is at their limit."""

    def change(appeal: Appeal) -> dict[str, Any]:
        if appeal.legs and appeal.unit_id in only_volunteers_in(actor):
            raise Conflict("in_legs", _("这件事已经分成几程，请接其中一程"))
        if most := _reached_limit(actor, appeal.unit_id):
            raise Conflict("hands_full", _("您手上已有 %d 件，请先办好或放回一件，再接新的") % most)
        return {"holder_id": actor.user_id}

    return move(appeal_id, actor, ACCEPT, change, words, expect=expect)


def _reached_limit(actor: Actor, unit_id: int | None) -> int:
    """Return the unit's limit on cases held at once if the volunteer has reached it, else 0.

    It locks the volunteer's row, so that concurrent takes are counted one after the other. Staff
    have no limit.
    """
    units = only_volunteers_in(actor)
    if actor.user_id is None or unit_id not in units:
        return 0
    most = Unit.objects.values_list("most_held", flat=True).get(pk=unit_id)
    if not most:
        return 0
    User.objects.select_for_update(no_key=True).get(pk=actor.user_id)
    held = Appeal.objects.filter(
        holder=actor.user_id, unit__in=units, status__in=(Status.HANDLING, Status.WAITING)
    ).count()
    return most if held >= most else 0


HAND = Verb(
    "hand",
    gettext_noop("转交"),
    pgettext_lazy("done", "转交"),
    "user-check",
    who=frozenset({Who.HANDLER, Who.HEAD, Who.SYSTEM}),
    sources=HELD,
    target=Status.HANDLING,
    fields=(VerbField("user", FieldKind.USER, gettext_noop("转给谁")), WHY_OPTIONAL),
    clocks=ClockChanges(start=(ClockKind.ARRIVE,), stop=(ClockKind.RESPOND,)),
    told=unit_said(gettext_noop("%s已安排专人办理")),
    detail=lambda event: f"→ {name_detail(event)}",
    key="h",
    audience=(Audience.NEW_HOLDER,),
)


@HAND.action
def hand(
    appeal_id: int, actor: Actor, *, user: str, why: str = "", expect: int | None = None
) -> Event:
    """Make another member of the unit (by user name) the holder."""
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        target = serving(appeal.unit_id).filter(username=user).first()
        if target is None:
            raise Refused("unknown_user", _("本单位没有这个人：%s") % user, "user")
        if target.pk == appeal.holder_id:
            raise Conflict("held_already", _("已经在 %s 手上") % target)
        facts.update(user=target.username, name=str(target))
        return {"holder_id": target.pk}

    return move(appeal_id, actor, HAND, change, why=why, facts=facts, expect=expect)


RELEASE = Verb(
    "release",
    gettext_noop("放回"),
    pgettext_lazy("done", "放回"),
    "hand-stop",
    who=frozenset({Who.HOLDER, Who.HEAD, Who.DISPATCH, Who.COMMAND, Who.SYSTEM}),
    sources=frozenset({Status.HANDLING}),
    target=Status.ASSIGNED,
    fields=(WHY,),
    clocks=ClockChanges(start=(ClockKind.RESPOND,), stop=(ClockKind.ARRIVE,)),
    told=unit_said(gettext_noop("%s正在换人办理")),
    key="l",
    ending=True,
    audience=(Audience.UNIT,),
)


@RELEASE.action
def release(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Put the case back for others of the same unit."""
    return move(appeal_id, actor, RELEASE, lambda _a: {"holder_id": None}, why=why, expect=expect)


RETURN = Verb(
    "return",
    gettext_noop("退单"),
    pgettext_lazy("done", "申请退单"),
    "arrow-back-up",
    who=frozenset({Who.HANDLER, Who.HEAD}),
    sources=HELD,
    target=Status.SORTED,
    fields=(replace(WHY, from_template=True),),
    clocks=ClockChanges(
        start=(ClockKind.RULING,),
        stop=(ClockKind.RULING,),
        pause=PAUSED_BY_RETURN,
    ),
    told=unit_said(gettext_noop("%s认为不归他们办，平台正在判定")),
    key="b",
    ending=True,
    audience=(Audience.DISPATCHERS,),
)


@RETURN.action
def return_(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Ask to give the case back; it stays with the unit until the ruling (`oversight.rulings`)."""

    def change(appeal: Appeal) -> dict[str, Any]:
        most = policy("most_returns")
        if appeal.events.filter(verb=RETURN.name).count() >= most:
            raise Conflict("returned_often", _("已经退过 %d 次，不能再退；办不了的请提级") % most)
        return {"returned": True}

    return move(appeal_id, actor, RETURN, change, why=why, expect=expect)
