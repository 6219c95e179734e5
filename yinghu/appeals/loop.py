"""The closed loop: one function for each verb, all through one private door, `_move`.

A page, an API call, a chat message and a sweep call these same functions. Each one is one
transaction: the row locked, MOVES asked, row and event written, clocks moved, the reaction queued
and viewers told, or nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as jobs

from yinghu.appeals import clocks, holding, visible
from yinghu.appeals.filing import REACT_TASK, Filed, Filing, file_many
from yinghu.appeals.labels import status_label
from yinghu.appeals.models import Appeal, Attachment, Category, Event, Untallied
from yinghu.appeals.notify import tell
from yinghu.appeals.photos import MAX_PHOTOS, StoredPhoto
from yinghu.appeals.states import (
    BY_REST,
    ENDED,
    MOVES,
    Klass,
    Move,
    Satisfaction,
    Status,
    Urgency,
    Verb,
    resting_status,
)
from yinghu.people.access import Actor, may_see, relations, serving
from yinghu.people.models import Unit
from yinghu.places.models import Area

__all__ = ["Filed", "Filing", "file_many"]

MAX_WORDS = 10_000
"""Characters; the longest answer of an office among 2,720 real ones has 7,883."""
URGE_EVERY = timedelta(hours=1)
LONGEST_EXTENSION = timedelta(days=366)
TOP_LEVEL = 1

Change = Callable[[Appeal], dict[str, Any]]


class Refused(Exception):
    """A verb that was not done, and nothing changed. `code` is stable, `message` is for people.

    `field` names the field at fault, if one is. `status` is the HTTP status that fits.
    """

    status = 422

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


class NotFound(Refused):
    """No such appeal, or none that this actor may know of."""

    status = 404


class Forbidden(Refused):
    """The actor sees the appeal, but may not do this to it."""

    status = 403


class Conflict(Refused):
    """The appeal has moved on: the verb does not fit its status or version any more."""

    status = 409


def available(appeal: Appeal, actor: Actor) -> list[Move]:
    """What this actor may do to the appeal now, in the order of MOVES: the buttons of its page."""
    mine = relations(actor, appeal)
    return [m for m in MOVES.values() if appeal.status in m.sources and m.who & mine]


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

    return _move(appeal_id, actor, Verb.SORT, change, why=why, expect=expect)


def answer(
    appeal_id: int, actor: Actor, *, words: str, why: str = "", expect: int | None = None
) -> Event:
    """Answer at once what needs only an answer; it then waits for the requester's rating."""
    return _move(
        appeal_id, actor, Verb.ANSWER, lambda _a: {"result": words}, words, why, expect=expect
    )


def assign(
    appeal_id: int, actor: Actor, *, unit: str, why: str = "", expect: int | None = None
) -> Event:
    """Hand it to a unit (by code), which then has to accept it."""
    target = Unit.objects.filter(code=unit, active=True).first()
    if target is None:
        raise Refused("unknown_unit", _("没有这个单位：%s") % unit, "unit")
    return _move(
        appeal_id,
        actor,
        Verb.ASSIGN,
        lambda _a: {"unit_id": target.pk, "holder_id": None},
        why=why,
        facts={"unit": target.code},
        expect=expect,
    )


def accept(appeal_id: int, actor: Actor, *, words: str = "", expect: int | None = None) -> Event:
    """Take it in one's own name. Of many who press at once one has it, the others Conflict; so has
    a volunteer who has as many in hand as their unit allows.
    """

    def change(appeal: Appeal) -> dict[str, Any]:
        if most := holding.full_at(actor, appeal.unit_id):
            raise Conflict("hands_full", _("您手上已有 %d 件，请先办好或放回一件，再接新的") % most)
        return {"holder_id": actor.user_id}

    return _move(appeal_id, actor, Verb.ACCEPT, change, words, expect=expect)


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

    return _move(appeal_id, actor, Verb.HAND, change, why=why, facts=facts, expect=expect)


def release(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Put it back for others of the same unit."""
    return _move(
        appeal_id, actor, Verb.RELEASE, lambda _a: {"holder_id": None}, why=why, expect=expect
    )


def return_(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Give it back to the dispatch desk: it is not this unit's."""

    def change(appeal: Appeal) -> dict[str, Any]:
        return {"holder_id": None, "unit_id": None}

    return _move(appeal_id, actor, Verb.RETURN, change, why=why, expect=expect)


def ask(appeal_id: int, actor: Actor, *, words: str, expect: int | None = None) -> Event:
    """Ask the requester something; the clocks hold still until they supply it."""
    return _move(appeal_id, actor, Verb.ASK, None, words, expect=expect)


def supply(
    appeal_id: int,
    actor: Actor,
    *,
    words: str,
    photos: Sequence[StoredPhoto] = (),
    expect: int | None = None,
) -> Event:
    """Add what was asked for, or anything else; if it waited, it goes back to who asked."""
    return _move(appeal_id, actor, Verb.SUPPLY, None, words, photos=photos, expect=expect)


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
    return _move(
        appeal_id, actor, Verb.REPORT, None, words, facts=facts, photos=photos, expect=expect
    )


def note(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Write something that only those inside see."""
    return _move(appeal_id, actor, Verb.NOTE, None, why=why, expect=expect)


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

    return _move(appeal_id, actor, Verb.URGE, change, words, expect=expect)


def extend(
    appeal_id: int, actor: Actor, *, until: datetime, why: str, expect: int | None = None
) -> Event:
    """Give the unit until `until` to solve it; not into the past, and only while its clock runs."""

    def change(appeal: Appeal) -> dict[str, Any]:
        if until <= timezone.now():
            raise Refused("past", _("延期只能延到将来"), "until")
        if until > timezone.now() + LONGEST_EXTENSION:
            raise Refused("too_far", _("最多延期一年"), "until")
        if not clocks.extend(appeal.pk, until):
            raise Conflict("no_clock", _("这件诉求没有正在计时的解决时限"))
        return {}

    facts = {"until": until.isoformat()}
    return _move(appeal_id, actor, Verb.EXTEND, change, why=why, facts=facts, expect=expect)


def escalate(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Raise it one level towards the city."""

    def change(appeal: Appeal) -> dict[str, Any]:
        if appeal.level <= TOP_LEVEL:
            raise Conflict("top_level", _("已经是最高一级"))
        return {"level": appeal.level - 1}

    return _move(appeal_id, actor, Verb.ESCALATE, change, why=why, expect=expect)


def resolve(
    appeal_id: int,
    actor: Actor,
    *,
    words: str,
    photos: Sequence[StoredPhoto] = (),
    expect: int | None = None,
) -> Event:
    """Say that it is done and how; the requester then rates it."""

    def change(appeal: Appeal) -> dict[str, Any]:
        return {"result": words}

    return _move(appeal_id, actor, Verb.RESOLVE, change, words, photos=photos, expect=expect)


def rate(
    appeal_id: int,
    actor: Actor,
    *,
    solved: bool,
    satisfaction: str,
    words: str = "",
    expect: int | None = None,
) -> Event:
    """Say whether it was solved and how satisfied one is (`Satisfaction`)."""
    if satisfaction not in list(Satisfaction):
        raise Refused("unknown_satisfaction", _("请选择满意程度"), "satisfaction")

    def change(appeal: Appeal) -> dict[str, Any]:
        own = appeal.satisfaction and appeal.events.filter(verb=Verb.RATE).order_by("seq").last()
        if own and own.actor_kind == "requester" and actor.kind != "requester":
            raise Conflict("rated_already", _("诉求人自己评价过了，不能代替他改"))
        return {"solved": solved, "satisfaction": satisfaction}

    return _move(
        appeal_id,
        actor,
        Verb.RATE,
        change,
        words,
        facts={"solved": solved, "satisfaction": satisfaction},
        expect=expect,
    )


def reopen(appeal_id: int, actor: Actor, *, words: str, expect: int | None = None) -> Event:
    """Take it up again: with its unit if it had one, else at the desk where it belongs."""

    def change(appeal: Appeal) -> dict[str, Any]:
        return {
            "holder_id": None,
            "master_id": None,
            "result": "",
            "solved": None,
            "satisfaction": "",
            "closed_at": None,
        }

    return _move(appeal_id, actor, Verb.REOPEN, change, words, expect=expect)


def close(appeal_id: int, actor: Actor, *, why: str = "", expect: int | None = None) -> Event:
    """End it for good (though it can be reopened)."""
    return _move(appeal_id, actor, Verb.CLOSE, None, why=why, expect=expect)


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
        return _move(appeal_id, actor, Verb.MERGE, change, why=why, facts=facts, expect=expect)


def decline(
    appeal_id: int, actor: Actor, *, words: str, why: str = "", expect: int | None = None
) -> Event:
    """Say that it is not a matter for us, with a reason that the requester sees."""
    return _move(
        appeal_id, actor, Verb.DECLINE, lambda _a: {"result": words}, words, why, expect=expect
    )


def withdraw(appeal_id: int, actor: Actor, *, words: str = "", expect: int | None = None) -> Event:
    """The requester no longer needs it."""
    return _move(appeal_id, actor, Verb.WITHDRAW, None, words, expect=expect)


VERBS: dict[Verb, Callable[..., Event]] = {
    verb: globals()["return_" if verb is Verb.RETURN else verb.value]
    for verb in Verb
    if verb is not Verb.FILE
}
"""The function of each verb; all take (appeal_id, actor) and the keywords that MOVES names."""


def _move(
    appeal_id: int,
    actor: Actor,
    verb: Verb,
    change: Change | None = None,
    words: str = "",
    why: str = "",
    facts: dict[str, Any] | None = None,
    photos: Sequence[StoredPhoto] = (),
    expect: int | None = None,
) -> Event:
    """The one door. Raises NotFound, Forbidden, Conflict or Refused, and then nothing has changed.

    `change` is called with the locked row and returns the columns to write; `expect` is the version
    that the actor saw, where acting on an older one would be wrong.
    """
    move = MOVES[verb]
    if len(photos) > MAX_PHOTOS:
        raise Refused("too_many_photos", _("最多 %d 张照片") % MAX_PHOTOS, "photos")
    words, why = visible.words(words), visible.words(why)
    with transaction.atomic():
        appeal = Appeal.objects.select_for_update(no_key=True).filter(pk=appeal_id).first()
        if appeal is None or not may_see(actor, appeal):
            raise NotFound("not_found", _("没有这件诉求"))
        _guard(move, appeal, actor, words, why, expect)
        columns = change(appeal) if change else {}
        now = timezone.now()
        before = appeal.status
        for name, value in columns.items():
            setattr(appeal, name, value)
        appeal.status = _target(move, appeal)
        if appeal.status in ENDED:
            columns["closed_at"] = appeal.closed_at = now
        Appeal.objects.filter(pk=appeal.pk).update(
            **columns, status=appeal.status, version=F("version") + 1, moved_at=now
        )
        event = Event.objects.create(
            appeal=appeal,
            seq=appeal.version + 1,
            verb=verb,
            from_status=before,
            to_status=appeal.status,
            actor_kind=actor.kind,
            user_id=actor.user_id,
            words=words,
            why=why,
            facts=facts or {},
            klass=appeal.klass,
            category_id=appeal.category_id,
            unit_id=appeal.unit_id,
            area_id=appeal.area_id,
            at=now,
        )
        Untallied.objects.create(event_id=event.pk)
        if photos:
            Attachment.objects.bulk_create(
                [Attachment.of(photo, appeal.pk, event.pk) for photo in photos]
            )
        clocks.apply(move, appeal, now, arrived=bool((facts or {}).get("arrived")))
        jobs.configure_task(REACT_TASK).defer(events=[event.pk])
        tell(verb, [appeal.pk])
    return event


def _guard(
    move: Move, appeal: Appeal, actor: Actor, words: str, why: str, expect: int | None
) -> None:
    """Refuse what MOVES does not allow, in the order: who, when, with what."""
    if not move.who & relations(actor, appeal):
        raise Forbidden("not_allowed", _("您不能对这件诉求做“%s”") % _(move.verb.label))
    if appeal.status not in move.sources:
        raise Conflict(
            "wrong_status",
            _("这件诉求现在是“%(status)s”，不能再“%(verb)s”")
            % {"status": status_label(appeal.state), "verb": _(move.verb.label)},
        )
    if expect is not None and expect != appeal.version:
        raise Conflict("moved_on", _("您看的时候，别人已经处理过这件诉求，请看最新情况"))
    given = {"words": words, "why": why}
    for field in move.fields:
        text = given.get(field.name)
        if text is not None and field.required and not text:
            raise Refused("missing", _("请填写“%s”") % _(field.label), field.name)
        if text is not None and len(text) > MAX_WORDS:
            raise Refused("too_long", _("最多 %d 个字") % MAX_WORDS, field.name)
        if text is not None and "\x00" in text:
            raise Refused("bad_text", _("文字里有不能保存的字符"), field.name)


def _target(move: Move, appeal: Appeal) -> Status:
    """The status after the move, `appeal` carrying its new columns already."""
    if move.verb in BY_REST and (move.verb is Verb.REOPEN or appeal.status == Status.WAITING):
        return resting_status(
            held=appeal.holder_id is not None,
            unit=appeal.unit_id is not None,
            category=appeal.category_id is not None,
        )
    return move.target or Status(appeal.status)
