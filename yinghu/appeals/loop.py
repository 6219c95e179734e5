"""The closed loop: one function for each verb, all through one private door, `moving.move`.

A page, an API call, a chat message and a sweep call these same functions. Each one is one
transaction: the row locked, MOVES asked, row and event written, clocks moved, the reaction queued
and viewers told, or nothing. What oversight does (raising, whistles …) is in the room above.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals import capacity, clocks
from yinghu.appeals.filing import Filed, Filing, file_many
from yinghu.appeals.models import Appeal, Category, Clock, Event
from yinghu.appeals.moving import (
    MAX_WORDS as MAX_WORDS,
)
from yinghu.appeals.moving import (
    Conflict as Conflict,
)
from yinghu.appeals.moving import (
    Forbidden as Forbidden,
)
from yinghu.appeals.moving import (
    NotFound as NotFound,
)
from yinghu.appeals.moving import (
    Refused as Refused,
)
from yinghu.appeals.moving import (
    available as available,
)
from yinghu.appeals.moving import (
    move,
)
from yinghu.appeals.policies import policy
from yinghu.appeals.states import ENDED, ClockKind, Klass, Satisfaction, Urgency, Verb
from yinghu.common import text_cleaning
from yinghu.common.photos import StoredPhoto
from yinghu.people.access import (
    Actor,
    may_see,
    only_volunteers_in,
    relations,
    serves,
    serving,
)
from yinghu.people.models import Unit
from yinghu.places.models import Area

__all__ = ["Filed", "Filing", "file_many"]

URGE_EVERY = timedelta(hours=1)
LONGEST_EXTENSION = timedelta(days=366)


def file(filing: Filing, actor: Actor) -> Filed:
    """File one appeal; see `file_many`."""
    return file_many([filing], actor)[0]


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
    kind = Category.objects.filter(pk=category, active=True).first()
    if kind is None:
        raise Refused("unknown_category", _("没有这个类别：%s") % category, "category")
    if klass and klass not in list(Klass):
        raise Refused("unknown_klass", _("没有这个性质：%s") % klass, "klass")
    if area and not Area.objects.filter(pk=area, retired_at=None).exists():
        raise Refused("unknown_area", _("没有这个区域：%s") % area, "area")
    if urgency is not None and urgency not in list(Urgency):
        raise Refused("unknown_urgency", _("紧急程度只能是 1、2、3"), "urgency")

    def change(appeal: Appeal) -> dict[str, Any]:
        found: dict[str, Any] = {"category_id": category, "klass": klass or kind.klass}
        if area:
            found["area_id"] = area
        if urgency is not None:
            found["urgency"] = urgency
        return found

    return move(appeal_id, actor, Verb.SORT, change, why=why, expect=expect)


def answer(
    appeal_id: int, actor: Actor, *, words: str, why: str = "", expect: int | None = None
) -> Event:
    """Answer at once what needs only an answer; it then waits for the requester's rating."""

    def change(_appeal: Appeal) -> dict[str, Any]:
        # What its unit asked to give back needs no ruling any more.
        return {"result": text_cleaning.words(words), "returned": False}

    return move(appeal_id, actor, Verb.ANSWER, change, words, why, expect=expect)


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
        Verb.ASSIGN,
        change,
        why=why,
        facts={"unit": target.code},
        expect=expect,
    )


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

    return move(appeal_id, actor, Verb.ACCEPT, change, words, expect=expect)


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

    return move(appeal_id, actor, Verb.HAND, change, why=why, facts=facts, expect=expect)


def release(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Put it back for others of the same unit."""
    return move(
        appeal_id, actor, Verb.RELEASE, lambda _a: {"holder_id": None}, why=why, expect=expect
    )


def return_(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Ask to give it back: it is not this unit's. The dispatcher rules (`oversight.rulings`); until
    then it stays the unit's to answer for.
    """

    def change(appeal: Appeal) -> dict[str, Any]:
        most = policy("most_returns")
        if appeal.events.filter(verb=Verb.RETURN).count() >= most:
            raise Conflict("returned_often", _("已经退过 %d 次，不能再退；办不了的请提级") % most)
        return {"returned": True}

    return move(appeal_id, actor, Verb.RETURN, change, why=why, expect=expect)


def ask(appeal_id: int, actor: Actor, *, words: str, expect: int | None = None) -> Event:
    """Ask the requester something; the clocks hold still until they supply it."""
    return move(appeal_id, actor, Verb.ASK, None, words, expect=expect)


def supply(
    appeal_id: int,
    actor: Actor,
    *,
    words: str,
    photos: Sequence[StoredPhoto] = (),
    expect: int | None = None,
) -> Event:
    """Add what was asked for, or anything else; if it waited, it goes back to who asked."""
    return move(appeal_id, actor, Verb.SUPPLY, None, words, photos=photos, expect=expect)


def report(
    appeal_id: int,
    actor: Actor,
    *,
    words: str,
    photos: Sequence[StoredPhoto] = (),
    arrived: bool = False,
    expect: int | None = None,
) -> Event:
    """Tell the requester how far it is."""
    facts = {"arrived": arrived}
    return move(
        appeal_id, actor, Verb.REPORT, None, words, facts=facts, photos=photos, expect=expect
    )


def note(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Write something that only those inside see."""
    return move(appeal_id, actor, Verb.NOTE, None, why=why, expect=expect)


def urge_again_at(appeal: Appeal) -> datetime | None:
    """When its requester may urge again; None where they may now."""
    last = appeal.events.filter(verb=Verb.URGE, actor_kind="requester").last()
    again = last.at + URGE_EVERY if last else None
    return again if again and again > timezone.now() else None


def urge(appeal_id: int, actor: Actor, *, words: str = "", expect: int | None = None) -> Event:
    """Press for it; a requester at most once in `URGE_EVERY`."""

    def change(appeal: Appeal) -> dict[str, Any]:
        if actor.kind == "requester" and (again := urge_again_at(appeal)):
            clock = timezone.localtime(again).strftime("%H:%M")
            raise Conflict("urged_already", _("刚刚催过，%s 以后可以再催") % clock)
        return {}

    return move(appeal_id, actor, Verb.URGE, change, words, expect=expect)


def extend(
    appeal_id: int, actor: Actor, *, until: datetime, why: str, expect: int | None = None
) -> Event:
    """Give the unit until `until` to solve it; not into the past, and only while its clock runs.

    A unit can only ask for it, before the time is up; the dispatcher rules (`oversight.rulings`).
    """
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
            clocks.extend(appeal.pk, until)
            return {}
        _ask_for_time(appeal, solve, until, now)
        facts["asked"] = True
        return {}

    return move(appeal_id, actor, Verb.EXTEND, change, why=why, facts=facts, expect=expect)


def _ask_for_time(appeal: Appeal, solve: Clock, until: datetime, now: datetime) -> None:
    """Start the wait for a ruling, where a unit may still ask for one."""
    if solve.paused_at is None and solve.due_at <= now:
        raise Conflict("too_late", _("已经过了办理时限，不能再申请延期；延期要在到期以前申请"))
    if until <= solve.due_at:
        raise Refused("shorter", _("要延到现在的时限以后"), "until")
    most = policy("most_extensions")
    granted = appeal.events.filter(verb=Verb.RULE, facts__of=Verb.EXTEND.value, facts__agree=True)
    if granted.count() >= most:
        raise Conflict("extended_often", _("已经延期 %d 次，不能再延") % most)
    (limit,) = clocks.limits_for(appeal, (ClockKind.RULING,))
    if not clocks.begin(appeal.pk, ClockKind.RULING, now, limit.minutes, working=limit.working):
        raise Conflict("asked_already", _("已经申请过，正在等裁定"))


def resolve(
    appeal_id: int,
    actor: Actor,
    *,
    words: str,
    photos: Sequence[StoredPhoto] = (),
    why: str = "",
    expect: int | None = None,
) -> Event:
    """Say that it is done and how; the requester then rates it. Not before the units that were
    asked to help have answered, or without saying why.
    """

    def change(appeal: Appeal) -> dict[str, Any]:
        asked = clocks.running(appeal.pk).filter(kind=ClockKind.HELP)
        silent = Unit.objects.filter(pk__in=asked.values("unit"))
        if silent and not why.strip():
            names = _("、").join(str(unit) for unit in silent)
            raise Refused(
                "help_pending", _("%s还没有回复协办；不等的话，请写明理由") % names, "why"
            )
        return {"result": text_cleaning.words(words)}

    return move(appeal_id, actor, Verb.RESOLVE, change, words, why, photos=photos, expect=expect)


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
    """Say whether it was solved, how satisfied one is (`Satisfaction`), and whether the unit has
    never been in touch (`unreached`).
    """
    if satisfaction not in list(Satisfaction):
        raise Refused("unknown_satisfaction", _("请选择满意程度"), "satisfaction")

    def change(appeal: Appeal) -> dict[str, Any]:
        own = appeal.satisfaction and appeal.events.filter(verb=Verb.RATE).order_by("seq").last()
        if own and own.actor_kind == "requester" and actor.kind != "requester":
            raise Conflict("rated_already", _("诉求人自己评价过了，不能代替他改"))
        return {"solved": solved, "satisfaction": satisfaction}

    return move(
        appeal_id,
        actor,
        Verb.RATE,
        change,
        words,
        facts={"solved": solved, "satisfaction": satisfaction, "unreached": unreached},
        expect=expect,
    )


def no_answer(appeal_id: int, actor: Actor, *, why: str = "", expect: int | None = None) -> Event:
    """Write down that the requester was called back and did not answer: no rating, no verdict."""
    return move(appeal_id, actor, Verb.NO_ANSWER, None, why=why, expect=expect)


def reopen(appeal_id: int, actor: Actor, *, words: str, expect: int | None = None) -> Event:
    """Take it up again: with whoever had it, if they still serve there; else with its unit, else at
    the desk where it belongs.
    """

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

    return move(appeal_id, actor, Verb.REOPEN, change, words, expect=expect)


def close(appeal_id: int, actor: Actor, *, why: str = "", expect: int | None = None) -> Event:
    """End it for good (though it can be reopened)."""
    return move(appeal_id, actor, Verb.CLOSE, None, why=why, expect=expect)


def merge(
    appeal_id: int, actor: Actor, *, master: int, why: str = "", expect: int | None = None
) -> Event:
    """Make it part of another open appeal (by id), which the requester then follows."""

    with transaction.atomic():
        # Both rows, in the order of their ids: two opposite merges must not wait for each other.
        pair = Appeal.objects.filter(pk__in=(appeal_id, master)).order_by("pk")
        target = {row.pk: row for row in pair.select_for_update(no_key=True)}.get(master)

        def change(appeal: Appeal) -> dict[str, Any]:
            if target is None or not may_see(actor, target):
                raise Refused("unknown_master", _("没有这件诉求"), "master")
            if target.pk == appeal.pk:
                raise Refused("own_master", _("不能并入自己"), "master")
            if target.status in ENDED:
                raise Refused("ended_master", _("%s 已经结束，不能并入") % target.number, "master")
            return {"master_id": target.pk}

        facts = {"master": master}
        return move(appeal_id, actor, Verb.MERGE, change, why=why, facts=facts, expect=expect)


def decline(
    appeal_id: int, actor: Actor, *, words: str, why: str = "", expect: int | None = None
) -> Event:
    """Say that it is not a matter for us, with a reason that the requester sees."""
    return move(
        appeal_id,
        actor,
        Verb.DECLINE,
        lambda _a: {"result": text_cleaning.words(words)},
        words,
        why,
        expect=expect,
    )


def withdraw(appeal_id: int, actor: Actor, *, words: str = "", expect: int | None = None) -> Event:
    """The requester no longer needs it."""
    return move(appeal_id, actor, Verb.WITHDRAW, None, words, expect=expect)


VERBS: dict[Verb, Callable[..., Event]] = {
    verb: globals()["return_" if verb is Verb.RETURN else verb.value]
    for verb in Verb
    if verb is not Verb.FILE and ("return_" if verb is Verb.RETURN else verb.value) in globals()
}
"""The function of each verb of this module; all take (appeal_id, actor) and the keywords that MOVES
names. `oversight.verbs.VERBS` has all verbs.
"""
