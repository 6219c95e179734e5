"""The verbs that bring a case to a unit and into somebody's hands, each row with its function.

A page, an API call, a chat message and a sweep call these same functions, and each goes through
`moving.move`: in one transaction the row is locked, the verb's row checked, case and event written,
clocks moved, the reaction queued and viewers told, or nothing. Filing is in `filing`, the verbs
that follow are in `handling_actions` and `closing_actions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals import capacity
from yinghu.appeals.labels import name_of
from yinghu.appeals.models import Appeal, Category, Event
from yinghu.appeals.moving import Conflict, Refused, move
from yinghu.appeals.phrases import joined, name_detail, said, unit_detail, unit_said
from yinghu.appeals.policies import policy
from yinghu.appeals.states import (
    DESKS,
    EVERY_STATUS,
    HELD,
    OPEN,
    PAUSABLE,
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
    ClockChanges,
    Field,
    FieldKind,
    Privacy,
    Verb,
)
from yinghu.common import text_cleaning
from yinghu.people.access import Actor, only_volunteers_in, serving
from yinghu.people.models import Unit
from yinghu.places.models import Area


def _sort_clocks(
    usual: ClockChanges, appeal: Appeal, _before: Status, _facts: Mapping[str, Any]
) -> ClockChanges:
    """What waits for a ruling does not wait for dispatch, unless the ruling says so."""
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
        Field("category", FieldKind.CATEGORY, gettext_noop("类别")),
        Field("klass", FieldKind.KLASS, gettext_noop("性质"), required=False),
        Field("area", FieldKind.AREA, gettext_noop("地点"), required=False),
        Field("urgency", FieldKind.URGENCY, gettext_noop("紧急程度"), required=False),
        WHY_OPTIONAL,
    ),
    clocks=ClockChanges(start=(ClockKind.DISPATCH,), stop=(ClockKind.RECEIVE,)),
    adjust_clocks=_sort_clocks,
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
    """Decide category, class, area and urgency. The class defaults to the category's."""
    decided = _decided(category, klass, area, urgency)
    return move(appeal_id, actor, SORT, lambda _a: decided, why=why, expect=expect)


def _decided(category: str | None, klass: str, area: str, urgency: int | None) -> dict[str, Any]:
    """The columns of what is decided about a case; Refused for a code that does not exist."""
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


CORRECT = Verb(
    "correct",
    gettext_noop("更正"),
    pgettext_lazy("done", "更正"),
    "edit",
    who=DESKS,
    # What nobody has studied yet is sorted instead.
    sources=EVERY_STATUS - {Status.FILED},
    fields=(
        Field("category", FieldKind.CATEGORY, gettext_noop("类别"), required=False),
        Field("klass", FieldKind.KLASS, gettext_noop("性质"), required=False),
        Field("area", FieldKind.AREA, gettext_noop("地点"), required=False),
        Field("urgency", FieldKind.URGENCY, gettext_noop("紧急程度"), required=False),
        WHY,
    ),
    new_limits=True,
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
    """Put right what was sorted wrongly, also after closing: the requester is not told, nobody is
    sent elsewhere, clocks that run follow the limits that now hold. A new category brings its class
    where none is given. `facts` keep what it was.
    """
    decided = _decided(category or None, klass, area, urgency)
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        if appeal.category_id is None and appeal.state in OPEN:
            raise Conflict("not_sorted", _("这件诉求还没有研判，请先研判"))
        changed = {name: now for name, now in decided.items() if now != getattr(appeal, name)}
        if not changed:
            raise Conflict("nothing_changed", _("没有改动：填的和现在的一样"))
        facts["was"] = {name.removesuffix("_id"): getattr(appeal, name) for name in changed}
        if "urgency" in changed:
            facts["urgency"] = urgency
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
    # What a unit was about to give back may have more clocks than these of the desk.
    clocks=ClockChanges(start=(ClockKind.FEEDBACK,), stop=(*PAUSABLE, ClockKind.HELP)),
    told=said(gettext_noop("平台答复了您")),
    key="r",
)


@ANSWER.action
def answer(
    appeal_id: int, actor: Actor, *, words: str, why: str = "", expect: int | None = None
) -> Event:
    """Answer at once what needs only an answer; it then waits for the requester's rating."""

    def change(_appeal: Appeal) -> dict[str, Any]:
        # What its unit asked to give back needs no ruling any more.
        return {"result": text_cleaning.words(words), "returned": False}

    return move(appeal_id, actor, ANSWER, change, words, why, expect=expect)


ASSIGN = Verb(
    "assign",
    gettext_noop("派单"),
    pgettext_lazy("done", "派单"),
    "route",
    who=frozenset({Who.DISPATCH, Who.COMMAND, Who.SYSTEM}),
    sources=frozenset({Status.SORTED}) | HELD,
    target=Status.ASSIGNED,
    fields=(Field("unit", FieldKind.UNIT, gettext_noop("承办单位")), WHY_OPTIONAL),
    clocks=ClockChanges(
        start=(ClockKind.RESPOND,),
        stop=(ClockKind.DISPATCH, ClockKind.RESPOND, ClockKind.ARRIVE, ClockKind.RULING),
    ),
    told=unit_said(gettext_noop("已派给%s")),
    detail=unit_detail,
    key="d",
    first_at=Status.SORTED,
)


@ASSIGN.action
def assign(
    appeal_id: int, actor: Actor, *, unit: str, why: str = "", expect: int | None = None
) -> Event:
    """Hand it to a unit (by code), which then has to accept it."""
    target = Unit.objects.filter(code=unit, active=True).first()
    if target is None:
        raise Refused("unknown_unit", _("没有这个单位：%s") % unit, "unit")

    def change(appeal: Appeal) -> dict[str, Any]:
        # What has been raised does not sink again.
        level = min(appeal.level, target.level) if appeal.lead_id else target.level
        return {"unit_id": target.pk, "holder_id": None, "returned": False, "level": level}

    return move(
        appeal_id,
        actor,
        ASSIGN,
        change,
        why=why,
        facts={"unit": target.code},
        expect=expect,
    )


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
    """Take it in one's own name. Of many who press at once one has it, the others Conflict; so has
    a volunteer who has as many in hand as their unit allows.
    """

    def change(appeal: Appeal) -> dict[str, Any]:
        if appeal.legs and appeal.unit_id in only_volunteers_in(actor):
            raise Conflict("in_legs", _("这件事已经分成几程，请接其中一程"))
        if most := capacity.full_at(actor, appeal.unit_id):
            raise Conflict("hands_full", _("您手上已有 %d 件，请先办好或放回一件，再接新的") % most)
        return {"holder_id": actor.user_id}

    return move(appeal_id, actor, ACCEPT, change, words, expect=expect)


HAND = Verb(
    "hand",
    gettext_noop("转交"),
    pgettext_lazy("done", "转交"),
    "user-check",
    who=frozenset({Who.HANDLER, Who.HEAD, Who.SYSTEM}),
    sources=HELD,
    target=Status.HANDLING,
    fields=(Field("user", FieldKind.USER, gettext_noop("转给谁")), WHY_OPTIONAL),
    clocks=ClockChanges(start=(ClockKind.ARRIVE,), stop=(ClockKind.RESPOND,)),
    told=unit_said(gettext_noop("%s已安排专人办理")),
    detail=lambda event: f"→ {name_detail(event)}",
    key="h",
)


@HAND.action
def hand(
    appeal_id: int, actor: Actor, *, user: str, why: str = "", expect: int | None = None
) -> Event:
    """Hand it to one person of the same unit (by user name), who then holds it."""
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
)


@RELEASE.action
def release(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Put it back for others of the same unit."""
    return move(appeal_id, actor, RELEASE, lambda _a: {"holder_id": None}, why=why, expect=expect)


RETURN = Verb(
    "return",
    gettext_noop("退单"),
    pgettext_lazy("done", "申请退单"),
    "arrow-back-up",
    who=frozenset({Who.HANDLER, Who.HEAD}),
    sources=HELD,
    target=Status.SORTED,
    fields=(WHY,),
    clocks=ClockChanges(
        start=(ClockKind.RULING,),
        stop=(ClockKind.RULING,),
        pause=(ClockKind.RESPOND, ClockKind.ARRIVE),
    ),
    told=unit_said(gettext_noop("%s认为不归他们办，平台正在判定")),
    key="b",
    ending=True,
)


@RETURN.action
def return_(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Ask to give it back: it is not this unit's. The dispatcher rules (`oversight.rulings`); until
    then it stays the unit's to answer for.
    """

    def change(appeal: Appeal) -> dict[str, Any]:
        most = policy("most_returns")
        if appeal.events.filter(verb=RETURN.name).count() >= most:
            raise Conflict("returned_often", _("已经退过 %d 次，不能再退；办不了的请提级") % most)
        return {"returned": True}

    return move(appeal_id, actor, RETURN, change, why=why, expect=expect)
