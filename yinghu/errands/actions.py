"""Verbs of errands for desks and units, each row with its function; helpers' are in `leg_actions`.

`move` locks the case's row, so legs need no lock of their own.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, NotFound, Refused, move
from yinghu.appeals.phrases import fact_in, fact_said
from yinghu.appeals.states import EVERY_STATUS, IN_UNIT, UNIT, Who
from yinghu.appeals.verb import (
    WHY,
    WHY_OPTIONAL,
    Audience,
    FieldKind,
    Privacy,
    Subject,
    Verb,
    VerbField,
)
from yinghu.common import text_cleaning
from yinghu.errands.leg_sequence import Course
from yinghu.errands.models import Errand, ErrandTemplate, Leg, LegKind, Offer
from yinghu.errands.planning import legs_of
from yinghu.people.access import SYSTEM, Actor, helper_of, relations

ERRAND_DESKS = UNIT | {Who.DISPATCH, Who.COMMAND}
"""The parties that manage the errands of a case."""


def title_detail(event: Event) -> str:
    """The title of the step."""
    return str(fact_in(event.facts, "title"))


PLAN = Verb(
    "plan",
    gettext_noop("安排跑腿"),
    pgettext_lazy("done", "安排跑腿"),
    "route",
    who=ERRAND_DESKS | {Who.SYSTEM},
    sources=IN_UNIT,
    errand=True,
    told=fact_said(gettext_noop("已安排人帮您办：%s"), "title"),
    detail=title_detail,
    lists=frozenset({"field"}),
    pages_only=True,
)


@PLAN.action
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
    """Plan an errand for the case, from a template or from `specs` (as in `ErrandTemplate.legs`).

    `what` is the item or task, "" for the case's own text; `estimate` is in cents.
    """
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        errand = Errand(
            appeal=appeal,
            template=template,
            title=text_cleaning.clean_line(title or (template.name if template else ""))[:60],
            words=template.words if template else "",
        )
        given = list(specs) or list(template.legs if template else ())
        legs = legs_of(appeal, given, text_cleaning.clean_words(what), estimate)
        if not legs:
            raise Refused("no_legs", _("请至少安排一程"), "legs")
        # A template has no English name of its own.
        errand.title_en = ", ".join(leg.title_en for leg in legs if leg.title_en)[:200]
        errand.save()
        for leg in legs:
            leg.errand = errand
        course = Course(legs)
        course.follow(timezone.now())
        Leg.objects.bulk_create(legs)
        facts.update(errand=errand.pk, title=errand.title, legs=len(legs))
        facts["title_en"] = errand.title_en
        return {"legs": appeal.legs + course.left()}

    return move(appeal_id, actor, PLAN, change, facts=facts, expect=expect)


def _drop_detail(event: Event) -> str:
    return _("、").join(fact_in(event.facts, "titles", ()))


DROP = Verb(
    "drop",
    gettext_noop("取消一程"),
    pgettext_lazy("done", "取消一程"),
    "ban",
    who=ERRAND_DESKS | {Who.SYSTEM},
    sources=EVERY_STATUS,
    fields=(WHY,),
    flag="legs",
    errand=True,
    subject=Subject.LEG,
    told=lambda event: _("取消了：%s") % _drop_detail(event),
    detail=_drop_detail,
    lists=frozenset({"field"}),
    audience=(Audience.HELPERS, Audience.HOLDER_OR_UNIT_IF_OWED),
)


@DROP.action
def drop(leg_id: int, actor: Actor, *, why: str) -> Event:
    """Cancel one leg. Its holder and the people who were asked are told."""
    leg = leg_of_seen_case(leg_id, actor)
    event = drop_all(leg.appeal_id, actor, why=why, leg_ids=[leg.pk], unused=True)
    if event is None:
        raise Conflict("gone", _("没有还在办的一程"))
    return event


def drop_all(
    appeal_id: int,
    actor: Actor,
    *,
    why: str,
    leg_ids: Iterable[int] | None = None,
    unused: bool = False,
) -> Event | None:
    """Cancel these legs, or all that are not done, and tell those involved; None without any.

    If what was bought is `unused`, each helper who has goods is to bring them to the unit. The unit
    is told of such goods, and of money that is to be repaid.
    """
    facts: dict[str, Any] = {}
    left = Leg.objects.filter(appeal=appeal_id, state__in=(Leg.State.OPEN, Leg.State.TAKEN))
    if leg_ids is None:
        left = left.exclude(kind=LegKind.BRING_BACK)
    else:
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
        ended, keepers = 0, set()
        for errand in sorted({leg.errand_id for leg in found}):
            course = Course(Leg.objects.filter(errand=errand))
            dropped = [leg for leg in course if leg.pk in gone]
            if unused:
                here = {user for leg in dropped if (user := course.keeper(leg)) is not None}
                for user in sorted(here):
                    course.add_bring_back(dropped[0], user, now)
                keepers |= here
            for leg in dropped:
                leg.state, leg.next_at = Leg.State.DROPPED, None
                leg.holder_id = leg.holder_id if leg.kind == LegKind.HAND_OVER else None
            course.follow(now)
            course.save()
            ended += course.change_of_left()
        facts.update(
            titles=[leg.title for leg in found],
            titles_en=[leg.title_en or leg.title for leg in found],
            told=sorted((told | keepers) - {actor.user_id}),
            keepers=sorted(keepers),
        )
        if owed := owed_for(appeal.pk):
            facts["owed"] = owed
        return {"legs": appeal.legs + ended}

    return move(appeal_id, actor, DROP, change, why=why, facts=facts)


def owed_for(appeal_id: int) -> int:
    """Return the money, in cents, that helpers spent on a case and that is not repaid."""
    paid = Leg.objects.filter(appeal=appeal_id, repaid_at=None)
    return paid.aggregate(sum=Sum("paid"))["sum"] or 0


REPAY = Verb(
    "repay",
    gettext_noop("报销"),
    pgettext_lazy("done", "报销"),
    "coin",
    who=ERRAND_DESKS,
    sources=EVERY_STATUS,
    fields=(WHY_OPTIONAL,),
    errand=True,
    subject=Subject.LEG,
    privacy=Privacy.PRIVATE,
    detail=title_detail,
    audience=(Audience.HELPERS,),
)


@REPAY.action
def repay(leg_id: int, actor: Actor, *, why: str = "") -> Event:
    """Record that the payer of a leg was repaid. Conflict if repeated, Refused for the payer."""
    leg = leg_of_seen_case(leg_id, actor)
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

    return move(leg.appeal_id, actor, REPAY, change, why=why, facts=facts)


def leg_of_seen_case(leg_id: int, actor: Actor) -> Leg:
    """Return a leg of a case that the actor may see, else raise NotFound."""
    leg = Leg.objects.select_related("appeal").filter(pk=leg_id).first()
    if leg is None or not relations(actor, leg.appeal):
        raise NotFound("not_found", _("没有这一程"))
    return leg


SAY = Verb(
    "say",
    gettext_noop("留言"),
    pgettext_lazy("done", "留言"),
    "message",
    who=ERRAND_DESKS | {Who.HELPER},
    sources=EVERY_STATUS,
    fields=(VerbField("why", FieldKind.TEXT, gettext_noop("留言")),),
    errand=True,
    privacy=Privacy.PRIVATE,
    audience=(Audience.HELPERS, Audience.HOLDER_OR_UNIT),
)


@SAY.action
def say(appeal_id: int, actor: Actor, *, why: str, expect: int | None = None) -> Event:
    """Write a line to everyone who works on the case: helpers and unit, not the requester."""
    facts: dict[str, Any] = {}
    on = Leg.objects.filter(appeal=appeal_id, state__in=(Leg.State.OPEN, Leg.State.TAKEN))
    # A requester has no login, and a leg without a holder has no holder id.
    helps = actor.user_id and Leg.objects.filter(appeal=appeal_id, holder=actor.user_id).exists()

    def change(_appeal: Appeal) -> dict[str, Any]:
        pairs = on.values_list("holder_id", "giver_id")
        facts["told"] = sorted({u for pair in pairs for u in pair if u} - {actor.user_id})
        return {}

    speaker = helper_of(actor, appeal_id) if helps else actor
    return move(appeal_id, speaker, SAY, change, why=why, facts=facts, expect=expect)


OFFER = Verb(
    "offer",
    gettext_noop("请人帮忙"),
    pgettext_lazy("done", "请人帮忙"),
    "speakerphone",
    who=frozenset({Who.SYSTEM}),
    sources=IN_UNIT,
    flag="legs",
    errand=True,
    privacy=Privacy.PRIVATE,
    detail=title_detail,
    audience=(Audience.OFFERED_HELPERS, Audience.HELPER_FINDERS),
)

NUDGE = Verb(
    "nudge",
    gettext_noop("问进展"),
    pgettext_lazy("done", "问进展"),
    "bell-ringing",
    who=frozenset({Who.SYSTEM}),
    sources=EVERY_STATUS,
    errand=True,
    privacy=Privacy.PRIVATE,
    detail=title_detail,
    audience=(Audience.HELPERS, Audience.HEADS_IF_NO_ANSWER),
)


def nudge(
    leg: Leg,
    people: Sequence[int | None],
    now: datetime,
    patience: timedelta,
    to: str,
    *,
    left: bool = False,
) -> None:
    """Remind these people of a leg, and its unit if `to` is "head". Conflict if it has changed.

    `left`: its helper does not serve any more, so the unit has to fetch the goods.
    """
    seen = ("state", "active_at", "given_at", "received_at", "nudged_at")

    def change(_appeal: Appeal) -> dict[str, Any]:
        still = Leg.objects.filter(pk=leg.pk, **{name: getattr(leg, name) for name in seen})
        if not still.update(nudged_at=now, next_at=now + patience):
            raise Conflict("moved_on", "")
        return {}

    facts = leg.facts | {"told": list(people), "to": to} | ({"left": True} if left else {})
    move(leg.appeal_id, SYSTEM, NUDGE, change, facts=facts)
