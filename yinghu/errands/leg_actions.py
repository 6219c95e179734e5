"""Verbs of helpers on a leg of an errand, each row with its function.

Every step locks the case's row, so legs need no lock of their own: if several people take a leg at
once, one gets it. `eligibility` says who may take a leg, `offers` who is asked to.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Forbidden, NotFound, Refused, move
from yinghu.appeals.phrases import fact_said
from yinghu.appeals.policies import policy
from yinghu.appeals.states import IN_UNIT, OPEN, Who
from yinghu.appeals.verb import (
    PHOTOS,
    WHY,
    WORDS_OPTIONAL,
    Audience,
    FieldKind,
    Subject,
    Verb,
    VerbField,
)
from yinghu.common import text_cleaning
from yinghu.common.photos import StoredPhoto
from yinghu.common.raw_query import fetch
from yinghu.errands import eligibility, hours
from yinghu.errands.actions import title_detail
from yinghu.errands.leg_sequence import Course
from yinghu.errands.models import Leg, LegKind, Offer, Proof
from yinghu.people.access import SYSTEM, Actor, helper_of, holds_leg

MOST_MONEY = 100_000_00
"""Upper limit of the cost of an errand, in cents."""


TAKE = Verb(
    "take",
    gettext_noop("接一程"),
    pgettext_lazy("done", "接一程"),
    "hand-grab",
    who=frozenset({Who.HELPER}),
    sources=IN_UNIT,
    flag="legs",
    errand=True,
    subject=Subject.LEG,
    told=fact_said(gettext_noop("有人接下了“%s”"), "title"),
    detail=title_detail,
    lists=frozenset({"field"}),
    audience=(Audience.OFFERED_HELPERS,),
)


@TAKE.action
def take(leg_id: int, actor: Actor) -> Event:
    """Take a leg and those that go along. Conflict("gone") if it is taken, Forbidden if unfit."""
    found = fetch(Leg, "WHERE id = %s", leg_id) if actor.kind == "user" else []
    leg = found[0] if found else None
    if leg is None or (leg.state != Leg.State.OPEN and not eligibility.may_know(actor, leg)):
        raise NotFound("not_found", _("没有这一程"))
    # Answer late takes without waiting for a lock.
    if leg.state != Leg.State.OPEN:
        _check_open(leg)

    # Before the case is locked, as others wait for the lock.
    idle = idle_time()

    def step(appeal: Appeal, course: Course, mine: Leg, now: datetime) -> dict[str, Any]:
        volunteer = eligibility.lock(actor)
        if not eligibility.may_know(actor, mine, appeal, volunteer):
            raise NotFound("not_found", _("没有这一程"))
        _check_open(mine)
        taken = course.along(mine)
        eligibility.check_may_take(actor, appeal, taken, volunteer)
        for each in taken:
            each.state, each.holder_id = Leg.State.TAKEN, actor.user_id
            each.taken_at = each.active_at = now
            each.nudged_at = None
            each.stage, each.stage_at, each.next_at = 0, None, now + idle
        return {
            "told": sorted(_close_offers(taken, actor) - {actor.user_id}),
            "taken": [each.n for each in taken],
        }

    # With both sides held by one person, the hand-over is done by taking.
    return _move_leg(TAKE, leg, actor, step)


LegStep = Callable[[Appeal, Course, Leg, datetime], dict[str, Any]]


def _move_leg(verb: Verb, leg: Leg, actor: Actor, step: LegStep, **given: Any) -> Event:
    """Do a verb to a leg under the case's lock; `step` changes legs and returns further facts."""
    facts: dict[str, Any] = leg.facts

    def change(appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        course = Course(fetch(Leg, "WHERE errand_id = %s", leg.errand_id))
        facts.update(step(appeal, course, course[leg.n], now))
        course.follow(now)
        course.save()
        return {"legs": appeal.legs + course.change_of_left()}

    helper = helper_of(actor, leg.appeal_id)
    return move(leg.appeal_id, helper, verb, change, facts=facts, **given)


_ANSWER = """
UPDATE errands_offer SET answered_at = %s, answer = CASE WHEN user_id = %s THEN %s ELSE %s END
WHERE leg_id = ANY(%s) AND answer = %s RETURNING user_id
"""


def _close_offers(taken: Sequence[Leg], actor: Actor) -> set[int | None]:
    """End the offers of legs that the actor has taken; return everyone who was still asked."""
    ids, answer = [leg.pk for leg in taken], Offer.Answer
    given = [timezone.now(), actor.user_id, answer.YES, answer.GONE, ids, answer.WAITING]
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, given)
        return {user_id for (user_id,) in cursor.fetchall()}


GIVE_BACK = Verb(
    "give_back",
    gettext_noop("交回一程"),
    pgettext_lazy("done", "交回一程"),
    "hand-stop",
    who=frozenset({Who.HELPER, Who.SYSTEM}),
    sources=OPEN,
    fields=(
        WHY,
        VerbField("kept", FieldKind.TEXT, gettext_noop("已经办到哪一步了"), required=False),
    ),
    flag="legs",
    errand=True,
    subject=Subject.LEG,
    told=fact_said(gettext_noop("“%s”正在换人"), "title"),
    detail=title_detail,
    lists=frozenset({"field"}),
    audience=(Audience.HELPERS, Audience.HOLDER_OR_UNIT),
)


@GIVE_BACK.action
def give_back(leg_id: int, actor: Actor, *, why: str, kept: str = "") -> Event:
    """Give back a leg and those that go along; `kept` says what was done so far."""

    def step(_appeal: Appeal, course: Course, mine: Leg, now: datetime) -> dict[str, Any]:
        _check_held(mine, actor)
        _reopen_legs(course, mine, text_cleaning.clean_line(kept)[:200], now)
        return {}

    return _move_leg(GIVE_BACK, _get_held_leg(leg_id, actor), actor, step, why=why)


def release_leg(leg: Leg, seen_active_at: datetime | None, *, why: str) -> Event:
    """Take a leg away from a holder who has done nothing about it since `seen_active_at`."""

    def step(_appeal: Appeal, course: Course, mine: Leg, now: datetime) -> dict[str, Any]:
        if mine.state != Leg.State.TAKEN or mine.active_at != seen_active_at:
            raise Conflict("moved_on", _("已经有进展了"))
        _reopen_legs(course, mine, mine.kept, now)
        return {"told": [] if eligibility.serves_no_more(leg.holder_id) else [leg.holder_id]}

    return _move_leg(GIVE_BACK, leg, SYSTEM, step, why=why)


def _restore(
    course: Course, leg: Leg, actor: Actor, now: datetime, done_at: datetime | None
) -> None:
    """Give a leg that was released and is still open back to its helper, whose work arrives late.

    Does nothing if somebody else has it, if the actor never had it, or if they say that they did it
    (`done_at`) after they had lost it.
    """
    if leg.state != Leg.State.OPEN or leg.kind == LegKind.HAND_OVER:
        return
    had = [(each, eligibility.taken_at(actor, each)) for each in course.along(leg)]
    taken = had[0][1]
    if taken is None:
        return
    lost = eligibility.lost_at(actor, leg, taken)
    if done_at is not None and lost is not None and done_at > lost.at:
        return
    again = [(each, since) for each, since in had if since is not None]
    _close_offers([each for each, _since in again], actor)
    for each, since in again:
        each.state, each.holder_id = Leg.State.TAKEN, actor.user_id
        each.taken_at, each.active_at = since, now
        each.stage, each.stage_at, each.next_at = 0, None, now + idle_time()
    course.follow(now)


def _reopen_legs(course: Course, mine: Leg, kept: str, now: datetime) -> None:
    for each in course.held_along(mine):
        course.reopen(each, kept if each.n == mine.n else each.kept)
    # Do not offer the same leg to its last holder again.
    Offer.objects.update_or_create(
        leg_id=mine.pk,
        user_id=course.was_held_by or 0,
        defaults={"answer": Offer.Answer.NO, "until": now, "answered_at": now},
    )


def _hand_over_told(event: Event) -> str:
    done = event.facts.get("done")
    text = _("“%s”完成，下一位接着办") if done else _("“%s”正在进行")
    return text % title_detail(event)


HAND_OVER = Verb(
    "hand_over",
    gettext_noop("交接"),
    pgettext_lazy("done", "交接"),
    "heart-handshake",
    who=frozenset({Who.HELPER}),
    sources=OPEN,
    flag="legs",
    errand=True,
    subject=Subject.LEG,
    told=_hand_over_told,
    detail=title_detail,
    audience=(Audience.HELPERS,),
)


@HAND_OVER.action
def hand_over(leg_id: int, actor: Actor, *, at: datetime | None = None) -> Event:
    """Confirm one side of a hand-over. Conflict if the leg before is not done.

    With `at`, the moment when a phone recorded it, a receiver whose leg was released meanwhile gets
    it back. A giver who serves no more cannot confirm, so the receiver's word is enough.
    """

    def step(_appeal: Appeal, course: Course, mine: Leg, now: datetime) -> dict[str, Any]:
        gives = mine.giver_id == actor.user_id
        late = at is not None and mine.kind == LegKind.HAND_OVER and not gives
        if late and mine.state == Leg.State.OPEN:
            for each in course.following(mine):
                _restore(course, each, actor, now, None)
        receives = mine.holder_id == actor.user_id
        if mine.kind != LegKind.HAND_OVER or not (gives or receives):
            raise Forbidden("not_yours", _("这次交接不是您的，不能替别人确认"))
        if mine.state != Leg.State.OPEN:
            raise Conflict("gone", _gone_reason(mine))
        if not course.is_ready(mine):
            raise Conflict("too_early", _("前一程还没有办完，不能交接"))
        when = plausible_time(at, mine.ready_at)
        if (not gives or mine.given_at) and (not receives or mine.received_at):
            raise Conflict("said_already", _("您已经确认过，正在等对方确认"))
        if gives:
            mine.given_at = mine.given_at or when
        if receives:
            mine.received_at = mine.received_at or when
            if not mine.given_at and eligibility.serves_no_more(mine.giver_id):
                mine.given_at = mine.received_at
        if mine.given_at and mine.received_at:
            mine.state, mine.done_at = Leg.State.DONE, max(mine.given_at, mine.received_at)
        course.touch(actor.user_id, now)
        other = mine.holder_id if gives else mine.giver_id
        return {
            "gave": gives,
            "received": receives,
            "done": mine.state == Leg.State.DONE,
            "told": [other] if other and other != actor.user_id else [],
        }

    return _move_leg(HAND_OVER, known(leg_id, actor), actor, step)


FINISH = Verb(
    "finish",
    gettext_noop("办完一程"),
    pgettext_lazy("done", "办完一程"),
    "circle-check",
    who=frozenset({Who.HELPER}),
    sources=OPEN,
    fields=(
        WORDS_OPTIONAL,
        PHOTOS,
        VerbField("paid", FieldKind.MONEY, gettext_noop("垫了多少钱（分）"), required=False),
    ),
    flag="legs",
    errand=True,
    subject=Subject.LEG,
    told=fact_said(gettext_noop("“%s”办好了"), "title"),
    detail=title_detail,
    lists=frozenset({"field"}),
    audience=(Audience.HELPERS,),
)


@FINISH.action
def finish(
    leg_id: int,
    actor: Actor,
    *,
    words: str = "",
    photos: Sequence[StoredPhoto] = (),
    paid: int | None = None,
    at: datetime | None = None,
) -> Event:
    """Mark a leg as done, with its proof; `paid` in cents, `at` as an offline phone reported it.

    With `at`, a leg that was released meanwhile, and that nobody has taken, counts as theirs. Words
    of somebody who serves no more are for the unit alone.
    """
    serves = at is None or not eligibility.serves_no_more(actor.user_id)

    def step(_appeal: Appeal, course: Course, mine: Leg, now: datetime) -> dict[str, Any]:
        if at is not None:
            _restore(course, mine, actor, now, None if serves else at)
        _check_held(mine, actor)
        if not course.is_ready(mine):
            raise Conflict("too_early", _("前面的一程还没有办完，轮不到这一程"))
        if mine.proof == Proof.PHOTO and not photos:
            raise Refused("no_photo", _("请拍一张照片证明办好了"), "photos")
        if mine.proof == Proof.WORDS and not text_cleaning.clean_words(words):
            raise Refused("missing", _("请写一句办得怎么样"), "words")
        if paid is not None:
            check_money(paid)
            mine.paid = paid
        begun = hours.begun(course, mine)
        mine.done_at = plausible_time(at, begun)
        mine.minutes = hours.minutes(mine, begun)
        mine.state, mine.next_at = Leg.State.DONE, None
        course.touch(actor.user_id, now)
        spent = {} if paid is None else {"paid": paid}
        late = {} if serves else {"late": True}
        return spent | late | {"minutes": mine.minutes, "told": course.whom_next(mine)}

    leg = known(leg_id, actor) if at is not None else _get_held_leg(leg_id, actor)
    said = {"words": words} if serves else {"why": words}
    return _move_leg(FINISH, leg, actor, step, photos=photos, **said)


def check_money(paid: int) -> None:
    """Refuse an amount, in cents, that an errand cannot cost."""
    if not 0 <= paid <= MOST_MONEY:
        raise Refused("bad_money", _("金额应在 0 到 100000 元之间"), "paid")


def touch(leg_id: int, actor: Actor) -> None:
    """Record that the holder is working on it, which postpones the next reminder."""
    leg = _get_held_leg(leg_id, actor)
    now = timezone.now()
    held = Leg.objects.filter(pk=leg.pk, holder=actor.user_id, state=Leg.State.TAKEN)
    held.update(active_at=now, nudged_at=None, next_at=now + idle_time())


def known(leg_id: int, actor: Actor) -> Leg:
    """Return a leg that the actor may know of, else raise NotFound."""
    found = Leg.objects.select_related("errand", "appeal", "zone").filter(pk=leg_id).first()
    if found is None or not eligibility.may_know(actor, found):
        raise NotFound("not_found", _("没有这一程"))
    return found


def _get_held_leg(leg_id: int, actor: Actor) -> Leg:
    leg = known(leg_id, actor)
    _check_held(leg, actor)
    return leg


def _check_held(leg: Leg, actor: Actor) -> None:
    if leg.kind == LegKind.HAND_OVER:
        raise Refused("wrong_kind", _("交接要双方各自确认"))
    if leg.kind == LegKind.BRING_BACK:
        raise Refused("wrong_kind", _("东西交给单位以后，由单位来记收到了"))
    if leg.state in (Leg.State.DONE, Leg.State.DROPPED):
        raise Conflict(str(leg.state), _gone_reason(leg))
    if not holds_leg(actor, leg):
        raise Conflict("not_yours", _("这一程现在不在您手上，可能太久没有动静，已经放回给大家了"))


def _check_open(leg: Leg) -> None:
    if leg.kind == LegKind.HAND_OVER:
        raise Refused("wrong_kind", _("交接不用接，前后两程的人各自确认"))
    if leg.state != Leg.State.OPEN:
        raise Conflict("gone", _gone_reason(leg))
    if leg.opened_at is None:
        raise Conflict("too_early", _("前面的一程还没有人接，请过一会儿再看"))


def _gone_reason(leg: Leg) -> str:
    if leg.state == Leg.State.TAKEN:
        return _("这一程刚刚被别人接了，谢谢您")
    done = leg.state == Leg.State.DONE
    return _("这一程已经办完了") if done else _("这一程已经取消，不用办了")


def idle_time() -> timedelta:
    """How long a holder may do nothing until reminded."""
    return timedelta(minutes=policy("leg_idle_minutes"))


def plausible_time(at: datetime | None, not_before: datetime | None) -> datetime:
    """Limit a time reported by a phone, perhaps late or by a wrong clock, to what is possible."""
    now = timezone.now()
    if at is None:
        return now
    return min(max(at, not_before or at), now)
