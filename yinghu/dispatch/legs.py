"""What is done to the legs of an errand: each is one event of its case, through `appeals.moving`.

The case's row is locked by every step, so legs need no lock of their own: of any number of people
who press at once one has the leg. Who may take which leg is said in `fitting`, who is asked to in
`asking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Forbidden, NotFound, Refused, move
from yinghu.appeals.policies import policy
from yinghu.appeals.states import Verb
from yinghu.common import text_cleaning
from yinghu.common.photos import StoredPhoto
from yinghu.common.raw_query import fetch
from yinghu.dispatch import eligibility, hours
from yinghu.dispatch.leg_sequence import Course
from yinghu.dispatch.models import Errand, ErrandTemplate, Leg, LegKind, Offer, Proof
from yinghu.dispatch.planning import legs_of, template_for
from yinghu.people.access import SYSTEM, Actor, helper_of, holds_leg, relations

MOST_MONEY = 100_000_00
"""Cents; what an errand costs is no more than that."""


def plan(
    appeal_id: int,
    actor: Actor,
    *,
    template: ErrandTemplate | None = None,
    specs: Sequence[dict[str, Any]] = (),
    title: str = "",
    what: str = "",
    estimate: int | None = None,
    expect: int | None = None,
) -> Event:
    """Serve the case by an errand: that of the template, or of `specs` (as `ErrandTemplate.legs`).

    `what` is what is to be bought or done, "" for what the case itself says; `estimate` is in
    cents. Refused where there is nothing to do.
    """
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        errand = Errand(
            appeal=appeal,
            template=template,
            title=text_cleaning.line(title or (template.name if template else ""))[:60],
            words=template.words if template else "",
        )
        given = list(specs) or list(template.legs if template else ())
        legs = legs_of(appeal, given, text_cleaning.words(what), estimate)
        if not legs:
            raise Refused("no_legs", _("请至少安排一程"), "legs")
        errand.save()
        for leg in legs:
            leg.errand = errand
        course = Course(legs)
        course.follow(timezone.now())
        Leg.objects.bulk_create(legs)
        facts.update(errand=errand.pk, title=errand.title, legs=len(legs))
        return {"legs": appeal.legs + course.left()}

    return move(appeal_id, actor, Verb.PLAN, change, facts=facts, expect=expect)


def plan_by_template(appeal: Appeal) -> Event | None:
    """Serve a case by the errand that its category usually takes; None where there is none, or the
    case has one already.
    """
    template = template_for(appeal.category_id)
    if template is None or not template.auto or appeal.errands.exists():
        return None

    return plan(appeal.pk, SYSTEM, template=template, expect=appeal.version)


def take(leg_id: int, actor: Actor) -> Event:
    """Take a leg, and what goes along with it. Of many who press at once one has it, the others
    Conflict("gone"); Forbidden for whom it does not fit, with the reason in words.
    """
    found = fetch(Leg, "WHERE id = %s", leg_id) if actor.kind == "user" else []
    leg = found[0] if found else None
    if leg is None or (leg.state != Leg.State.OPEN and not eligibility.may_know(actor, leg)):
        raise NotFound("not_found", _("没有这一程"))
    # Nobody waits for a lock to be told that they are too late.
    if leg.state != Leg.State.OPEN:
        _still_open(leg)
    now, idle = timezone.now(), _idle()
    facts: dict[str, Any] = leg.facts

    def change(appeal: Appeal) -> dict[str, Any]:
        course = _course(leg)
        mine = course[leg.n]
        volunteer = eligibility.lock(actor)
        if not eligibility.may_know(actor, mine, appeal, volunteer):
            raise NotFound("not_found", _("没有这一程"))
        _still_open(mine)
        taken = course.along(mine)
        eligibility.check(actor, appeal, taken, volunteer)
        for each in taken:
            each.state, each.holder_id = Leg.State.TAKEN, actor.user_id
            each.taken_at = each.active_at = now
            each.nudged_at = None
            each.stage, each.stage_at, each.next_at = 0, None, now + idle
        facts["told"] = sorted(_answered(taken, actor) - {actor.user_id})
        course.follow(now)
        course.save()
        # Whoever has both sides of a hand-over has done it by taking.
        return {"legs": appeal.legs + course.change_of_left()}

    return move(leg.appeal_id, helper_of(actor, leg.appeal_id), Verb.TAKE, change, facts=facts)


_ANSWER = """
UPDATE dispatch_offer SET answered_at = %s, answer = CASE WHEN user_id = %s THEN %s ELSE %s END
WHERE leg_id = ANY(%s) AND answer = %s RETURNING user_id
"""


def _answered(taken: Sequence[Leg], actor: Actor) -> set[int | None]:
    """Everybody who was still asked about legs that the actor has taken; their offers end."""
    ids, answer = [leg.pk for leg in taken], Offer.Answer
    given = [timezone.now(), actor.user_id, answer.YES, answer.GONE, ids, answer.WAITING]
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, given)
        return {user_id for (user_id,) in cursor.fetchall()}


def give_back(leg_id: int, actor: Actor, *, why: str, kept: str = "") -> Event:
    """Give a leg back that one cannot do; what was done so far stays, and `kept` says what it was
    ("number 35 in the queue"). What goes along with it goes back too.
    """
    leg = _held(leg_id, actor)
    facts: dict[str, Any] = leg.facts

    def change(appeal: Appeal) -> dict[str, Any]:
        course = _course(leg)
        mine = course[leg.n]
        _still_held(mine, actor)
        _return(course, mine, text_cleaning.line(kept)[:200], facts)
        return {"legs": appeal.legs + course.change_of_left()}

    return move(
        leg.appeal_id,
        helper_of(actor, leg.appeal_id),
        Verb.GIVE_BACK,
        change,
        why=why,
        facts=facts,
    )


def release(leg: Leg, seen_active_at: datetime | None, *, why: str) -> Event:
    """Take a leg away from whoever has done nothing about it since `seen_active_at`."""
    facts: dict[str, Any] = leg.facts | {"told": [leg.holder_id]}

    def change(appeal: Appeal) -> dict[str, Any]:
        course = _course(leg)
        mine = course[leg.n]
        if mine.state != Leg.State.TAKEN or mine.active_at != seen_active_at:
            raise Conflict("moved_on", _("已经有进展了"))
        _return(course, mine, mine.kept, facts)
        return {"legs": appeal.legs + course.change_of_left()}

    return move(leg.appeal_id, SYSTEM, Verb.GIVE_BACK, change, why=why, facts=facts)


def _return(course: Course, mine: Leg, kept: str, facts: dict[str, Any]) -> None:
    now = timezone.now()
    for each in course.held_along(mine):
        course.reopen(each, kept if each.n == mine.n else each.kept)
    # Whoever has just had it is not asked again for the same.
    Offer.objects.update_or_create(
        leg_id=mine.pk,
        user_id=course.was_held_by or 0,
        defaults={"answer": Offer.Answer.NO, "until": now, "answered_at": now},
    )
    course.follow(now)
    course.save()


def hand_over(leg_id: int, actor: Actor, *, at: datetime | None = None) -> Event:
    """Say that one has given, or received, what is handed over here; it is done when both have.

    Forbidden for anybody else; Conflict where the leg before is not done yet.
    """
    leg = known(leg_id, actor)
    facts: dict[str, Any] = leg.facts

    def change(appeal: Appeal) -> dict[str, Any]:
        course = _course(leg)
        mine = course[leg.n]
        gives, receives = mine.giver_id == actor.user_id, mine.holder_id == actor.user_id
        if mine.kind != LegKind.HAND_OVER or not (gives or receives):
            raise Forbidden("not_yours", _("这次交接不是您的，不能替别人确认"))
        if mine.state != Leg.State.OPEN:
            raise Conflict("gone", _gone_said(mine))
        if not course.is_ready(mine):
            raise Conflict("too_early", _("前一程还没有办完，不能交接"))
        when = _when(at, mine.ready_at)
        already = (not gives or mine.given_at) and (not receives or mine.received_at)
        if already:
            raise Conflict("said_already", _("您已经确认过，正在等对方确认"))
        if gives:
            mine.given_at = mine.given_at or when
        if receives:
            mine.received_at = mine.received_at or when
        if mine.given_at and mine.received_at:
            mine.state, mine.done_at = Leg.State.DONE, max(mine.given_at, mine.received_at)
        course.touch(actor.user_id, timezone.now())
        course.follow(timezone.now())
        course.save()
        facts.update(gave=gives, received=receives, done=mine.state == Leg.State.DONE)
        other = mine.holder_id if gives else mine.giver_id
        facts["told"] = [other] if other and other != actor.user_id else []
        return {"legs": appeal.legs + course.change_of_left()}

    return move(leg.appeal_id, helper_of(actor, leg.appeal_id), Verb.HAND_OVER, change, facts=facts)


def finish(
    leg_id: int,
    actor: Actor,
    *,
    words: str = "",
    photos: Sequence[StoredPhoto] = (),
    paid: int | None = None,
    at: datetime | None = None,
) -> Event:
    """Say that a leg is done, with what it asks as proof. `paid` is in cents; `at` is when it was
    done, where a phone without a network has said so.
    """
    leg = _held(leg_id, actor)
    facts: dict[str, Any] = leg.facts

    def change(appeal: Appeal) -> dict[str, Any]:
        course = _course(leg)
        mine = course[leg.n]
        _still_held(mine, actor)
        if not course.is_ready(mine):
            raise Conflict("too_early", _("前面的一程还没有办完，轮不到这一程"))
        if mine.proof == Proof.PHOTO and not photos:
            raise Refused("no_photo", _("请拍一张照片证明办好了"), "photos")
        if mine.proof == Proof.WORDS and not text_cleaning.words(words):
            raise Refused("missing", _("请写一句办得怎么样"), "words")
        if paid is not None:
            if not 0 <= paid <= MOST_MONEY:
                raise Refused("bad_money", _("金额应在 0 到 100000 元之间"), "paid")
            mine.paid = facts["paid"] = paid
        begun = hours.begun(course, mine)
        mine.done_at = _when(at, begun)
        mine.minutes = hours.minutes(mine, begun)
        mine.state, mine.next_at = Leg.State.DONE, None
        course.touch(actor.user_id, timezone.now())
        course.follow(timezone.now())
        course.save()
        facts["minutes"] = mine.minutes
        facts["told"] = course.whom_next(mine)
        return {"legs": appeal.legs + course.change_of_left()}

    return move(
        leg.appeal_id,
        helper_of(actor, leg.appeal_id),
        Verb.FINISH,
        change,
        words,
        facts=facts,
        photos=photos,
    )


def drop(
    appeal_id: int, actor: Actor, *, why: str, leg_ids: Iterable[int] | None = None
) -> Event | None:
    """Call off these legs of the case, or all that are not done; None where there are none. Those
    who have them, or were asked, are told.
    """
    facts: dict[str, Any] = {}
    left = Leg.objects.filter(appeal=appeal_id, state__in=(Leg.State.OPEN, Leg.State.TAKEN))
    if leg_ids is not None:
        left = left.filter(pk__in=list(leg_ids))
    if not left.exists():
        return None

    def change(appeal: Appeal) -> dict[str, Any]:
        found = list(left.order_by("errand", "n"))
        if not found:
            raise Conflict("gone", _("没有还在办的一程"))
        now, gone = timezone.now(), {leg.pk for leg in found}
        told = {user for leg in found for user in (leg.holder_id, leg.giver_id) if user}
        asked = Offer.objects.filter(leg__in=gone, answer=Offer.Answer.WAITING)
        told |= set(asked.values_list("user_id", flat=True))
        asked.update(answer=Offer.Answer.GONE, answered_at=now)
        ended = 0
        for errand in sorted({leg.errand_id for leg in found}):
            course = Course(Leg.objects.filter(errand=errand))
            for leg in course:
                if leg.pk in gone:
                    leg.state, leg.next_at = Leg.State.DROPPED, None
                    leg.holder_id = leg.holder_id if leg.kind == LegKind.HAND_OVER else None
            course.follow(now)
            course.save()
            ended += course.change_of_left()
        facts.update(titles=[leg.title for leg in found], told=sorted(told - {actor.user_id}))
        return {"legs": appeal.legs + ended}

    return move(appeal_id, actor, Verb.DROP, change, why=why, facts=facts)


def repay(leg_id: int, actor: Actor, *, why: str = "") -> Event:
    """Write down that whoever has paid for a leg has their money back. Conflict a second time,
    Refused for themselves.
    """
    leg = Leg.objects.filter(pk=leg_id).first()
    if leg is None or not relations(actor, leg.appeal):
        raise NotFound("not_found", _("没有这一程"))
    facts: dict[str, Any] = leg.facts | {"paid": leg.paid}

    def change(_appeal: Appeal) -> dict[str, Any]:
        if leg.holder_id == actor.user_id:
            raise Refused("own_money", _("自己垫的钱，请同事来记已经报销"))
        if not leg.paid:
            raise Refused("nothing_paid", _("这一程没有垫过钱"))
        now = timezone.now()
        if not Leg.objects.filter(pk=leg.pk, repaid_at=None).update(repaid_at=now):
            raise Conflict("repaid", _("这笔钱已经报销过了"))
        facts["told"] = [leg.holder_id]
        return {}

    return move(leg.appeal_id, actor, Verb.REPAY, change, why=why, facts=facts)


def say(appeal_id: int, actor: Actor, *, words: str) -> Event:
    """A line to all who work on the case: helpers and unit, not the requester."""
    facts: dict[str, Any] = {}
    on = Leg.objects.filter(appeal=appeal_id, state__in=(Leg.State.OPEN, Leg.State.TAKEN))
    helps = Leg.objects.filter(appeal=appeal_id, holder=actor.user_id).exists()

    def change(_appeal: Appeal) -> dict[str, Any]:
        pairs = on.values_list("holder_id", "giver_id")
        facts["told"] = sorted({u for pair in pairs for u in pair if u} - {actor.user_id})
        return {}

    speaker = helper_of(actor, appeal_id) if helps else actor
    return move(appeal_id, speaker, Verb.SAY, change, why=words, facts=facts)


def touch(leg_id: int, actor: Actor) -> None:
    """Its holder says that they are at it: nobody asks them for a while."""
    leg = _held(leg_id, actor)
    now = timezone.now()
    held = Leg.objects.filter(pk=leg.pk, holder=actor.user_id, state=Leg.State.TAKEN)
    held.update(active_at=now, nudged_at=None, next_at=now + _idle())


def known(leg_id: int, actor: Actor) -> Leg:
    """A leg that the actor may know of. NotFound for one that they may not."""
    found = Leg.objects.select_related("errand", "appeal", "zone").filter(pk=leg_id).first()
    if found is None or not eligibility.may_know(actor, found):
        raise NotFound("not_found", _("没有这一程"))
    return found


def _held(leg_id: int, actor: Actor) -> Leg:
    leg = known(leg_id, actor)
    _still_held(leg, actor)
    return leg


def _still_held(leg: Leg, actor: Actor) -> None:
    if leg.kind == LegKind.HAND_OVER:
        raise Refused("wrong_kind", _("交接要双方各自确认"))
    if leg.state == Leg.State.DONE:
        raise Conflict("done", _("这一程已经办完了"))
    if leg.state == Leg.State.DROPPED:
        raise Conflict("dropped", _gone_said(leg))
    if not holds_leg(actor, leg):
        raise Conflict("not_yours", _("这一程现在不在您手上，可能太久没有动静，已经放回给大家了"))


def _still_open(leg: Leg) -> None:
    if leg.kind == LegKind.HAND_OVER:
        raise Refused("wrong_kind", _("交接不用接，前后两程的人各自确认"))
    if leg.state != Leg.State.OPEN:
        raise Conflict("gone", _gone_said(leg))
    if leg.opened_at is None:
        raise Conflict("too_early", _("前面的一程还没有人接，请过一会儿再看"))


def _gone_said(leg: Leg) -> str:
    """Why it cannot be had, in words, and without a name."""
    match leg.state:
        case Leg.State.TAKEN:
            return _("这一程刚刚被别人接了，谢谢您")
        case Leg.State.DONE:
            return _("这一程已经办完了")
        case _dropped:
            return _("这一程已经取消，不用办了")


def _course(leg: Leg) -> Course:
    return Course(fetch(Leg, "WHERE errand_id = %s", leg.errand_id))


def _idle() -> timedelta:
    return timedelta(minutes=policy("leg_idle_minutes"))


def _when(at: datetime | None, not_before: datetime | None) -> datetime:
    """What a phone says it was, within what can be: it may have been without a network, and its
    clock may be wrong.
    """
    now = timezone.now()
    if at is None:
        return now
    return min(max(at, not_before or at), now)
