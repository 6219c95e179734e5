"""What helpers did on legs that are theirs no more, and goods that nobody needs any more.

A leg may be released, given to another helper or cancelled while its helper is offline, and a case
may be withdrawn while they stand at the till. Their work and their money count all the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Forbidden, Refused, move
from yinghu.appeals.phrases import joined
from yinghu.appeals.states import EVERY_STATUS, Who
from yinghu.appeals.verb import (
    PHOTOS,
    WHY_OPTIONAL,
    Audience,
    FieldKind,
    Privacy,
    Subject,
    Verb,
    VerbField,
)
from yinghu.common import text_cleaning
from yinghu.common.photos import StoredPhoto
from yinghu.common.raw_query import fetch
from yinghu.errands import eligibility, hours
from yinghu.errands.actions import ERRAND_DESKS, leg_of_seen_case, title_detail
from yinghu.errands.leg_actions import check_money, known, plausible_time
from yinghu.errands.leg_sequence import Course, in_both_languages
from yinghu.errands.models import PURCHASES, Leg, LegKind
from yinghu.people.access import Actor, helper_of, holds_leg

LATEST = timedelta(days=30)
"""After losing a leg, when work on it can be reported."""


def _claim_detail(event: Event) -> str:
    paid = event.facts.get("paid")
    return joined(title_detail(event), _("垫了 %.2f 元") % (paid / 100) if paid else "")


CLAIM = Verb(
    "claim",
    gettext_noop("补报"),
    pgettext_lazy("done", "补报"),
    "receipt",
    who=frozenset({Who.HELPER}),
    sources=EVERY_STATUS,
    fields=(
        VerbField("why", FieldKind.TEXT, gettext_noop("办了什么，东西在哪里"), required=False),
        PHOTOS,
        VerbField("paid", FieldKind.MONEY, gettext_noop("垫了多少钱（分）"), required=False),
    ),
    errand=True,
    subject=Subject.LEG,
    privacy=Privacy.PRIVATE,
    detail=_claim_detail,
    audience=(Audience.HELPERS, Audience.HOLDER_OR_UNIT),
)


@CLAIM.action
def claim(
    leg_id: int,
    actor: Actor,
    *,
    why: str = "",
    photos: Sequence[StoredPhoto] = (),
    paid: int | None = None,
    at: datetime | None = None,
) -> Event:
    """Report what one did on a leg that one had, once; `paid` in cents, `at` as a phone said.

    It becomes a leg of its own in their name, done, so it counts as service and can be repaid. Of a
    purchase, the goods are to be brought to the unit. Those who have the leg now are told.
    """
    leg = known(leg_id, actor)
    facts: dict[str, Any] = leg.facts

    def change(appeal: Appeal) -> dict[str, Any]:
        course = Course(fetch(Leg, "WHERE errand_id = %s", leg.errand_id))
        mine, now = course[leg.n], timezone.now()
        since, lost = _check_claim(mine, actor)
        if not (text_cleaning.clean_words(why) or photos or paid):
            raise Refused("missing", _("请写办了什么，或者垫了多少钱"), "why")
        if paid is not None:
            check_money(paid)
        done = course.add(
            LegKind(mine.kind),
            mine,
            **in_both_languages(gettext_noop("补报：%s"), mine),
            state=Leg.State.DONE,
            holder_id=actor.user_id,
            place_id=mine.place_id,
            area_id=mine.area_id,
            taken_at=since,
            done_at=_end_of_work(actor, since, lost, at),
            paid=paid,
        )
        done.minutes = hours.minutes(done, since)
        if mine.kind in PURCHASES:
            course.add_bring_back(mine, actor.user_id, now)
        course.save()
        beside = {mine.holder_id, *course.whom_next(mine)} - {None, actor.user_id}
        facts.update(told=sorted(user for user in beside if user), claim=done.n)
        if paid:
            facts["paid"] = paid
        return {}

    helper = helper_of(actor, leg.appeal_id)
    return move(leg.appeal_id, helper, CLAIM, change, why=why, facts=facts, photos=photos)


def may_claim(actor: Actor, leg: Leg) -> bool:
    """May the actor report late what they did on this leg?"""
    try:
        _check_claim(leg, actor)
    except Refused:
        return False
    return True


def _end_of_work(
    actor: Actor, since: datetime, lost: Event | None, at: datetime | None
) -> datetime:
    """When the work on a lost leg ended: when a phone says, who gave it back has done so before."""
    if lost is None:
        return plausible_time(at, since)
    if at is None or lost.user_id == actor.user_id:
        return lost.at
    return plausible_time(at, since)


def _check_claim(leg: Leg, actor: Actor) -> tuple[datetime, Event | None]:
    """Return when the actor took the leg, and the event by which they lost it."""
    since = eligibility.taken_at(actor, leg)
    if since is None:
        raise Forbidden("not_yours", _("这一程没有在您手上过"))
    if holds_leg(actor, leg):
        raise Refused("wrong_kind", _("这一程还在您手上，请直接按“办好了”"))
    if leg.state == Leg.State.DONE and leg.holder_id == actor.user_id:
        raise Conflict("done", _("这一程已经办完了"))
    before = Event.objects.filter(appeal=leg.appeal_id, verb=CLAIM.name, user=actor.user_id)
    if before.filter(facts__errand=leg.errand_id, facts__leg=leg.n).exists():
        raise Conflict("claimed_already", _("您已经补报过这一程"))
    lost = eligibility.lost_at(actor, leg, since)
    if lost is not None and timezone.now() > lost.at + LATEST:
        raise Conflict("too_late", _("时间太久了，不能再补报；请直接联系单位"))
    return since, lost


COLLECT_GOODS = Verb(
    "collect_goods",
    gettext_noop("收到东西"),
    pgettext_lazy("done", "收到东西"),
    "package",
    who=ERRAND_DESKS,
    sources=EVERY_STATUS,
    fields=(WHY_OPTIONAL,),
    errand=True,
    subject=Subject.LEG,
    privacy=Privacy.PRIVATE,
    detail=title_detail,
    audience=(Audience.HELPERS,),
)


@COLLECT_GOODS.action
def collect_goods(leg_id: int, actor: Actor, *, why: str = "") -> Event:
    """Record that goods were brought back, or (`why`) what became of them otherwise."""
    leg = leg_of_seen_case(leg_id, actor)

    def change(_appeal: Appeal) -> dict[str, Any]:
        now = timezone.now()
        waits = Leg.objects.filter(pk=leg.pk, kind=LegKind.BRING_BACK, state=Leg.State.TAKEN)
        if not waits.update(state=Leg.State.DONE, done_at=now, next_at=None):
            raise Conflict("gone", _("没有等着交回的东西，可能同事刚刚记过"))
        return {}

    facts = leg.facts | {"told": [leg.holder_id]}
    return move(leg.appeal_id, actor, COLLECT_GOODS, change, why=why, facts=facts)
