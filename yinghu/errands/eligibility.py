"""Eligibility: who may take and see which leg, by post, squad, area, zone, skill and load."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Forbidden
from yinghu.common.raw_query import fetch
from yinghu.errands.models import Leg, LegKind, Offer
from yinghu.people.access import UNIT_ROLES, Actor, active_posts, may_see
from yinghu.people.models import Role, Skill, Unit, User, Volunteer
from yinghu.people.volunteers import may_go
from yinghu.places.models import Zone

_NOT_NOW = gettext_noop("您现在不能接任务：请先加入志愿服务队，等队长审核")
_TAKING = frozenset({Role.HANDLER, Role.HEAD, Role.GRID_WORKER, Role.VOLUNTEER})


def volunteer_of(actor: Actor) -> Volunteer | None:
    """Return the actor's active volunteer record, if any."""
    if actor.user_id is None:
        return None
    return _volunteer("WHERE user_id = %s AND state = %s", actor.user_id, Volunteer.State.ACTIVE)


def _volunteer(tail: str, *values: Any) -> Volunteer | None:
    """Fetch one volunteer with their squad; `tail` is the rest of the statement."""
    for found in fetch(Volunteer, tail, *values):
        found.squad = fetch(Unit, "WHERE id = %s", found.squad_id)[0]
        return found
    return None


def _areas_of(volunteer: Volunteer) -> list[str]:
    """Return the prefixes of the areas that a volunteer serves; "" is everywhere."""
    return volunteer.areas or [volunteer.squad.area_id or ""]


def serves_area(volunteer: Volunteer, *found: str | None) -> bool:
    """Does the volunteer serve one of these areas, or a part of it? An unknown one may be so."""
    codes = [code for code in found if code] or [""]
    return any(
        code.startswith(served) or served.startswith(code)
        for code in codes
        for served in _areas_of(volunteer)
    )


def _in_areas(served: list[str]) -> Q:
    """Filter legs as `serves_area` does, by where they are done and where the requester is."""
    if "" in served:
        return Q(pk__isnull=False)
    near = Q(area=None, appeal__area=None)
    for prefix in served:
        near |= Q(area__code__startswith=prefix) | Q(appeal__area__code__startswith=prefix)
    around = {prefix[:length] for prefix in served for length in range(1, len(prefix))}
    return near | Q(area__in=around) | Q(appeal__area__in=around)


def lock(actor: Actor) -> Volunteer | None:
    """Lock the actor's volunteer row or login, to count parallel takes. Forbidden if suspended."""
    volunteer = _volunteer("WHERE user_id = %s FOR NO KEY UPDATE", actor.user_id)
    if volunteer is None:
        User.objects.select_for_update(no_key=True).filter(pk=actor.user_id or 0).first()
    elif volunteer.state != Volunteer.State.ACTIVE:
        # The request of someone just suspended still has the posts it began with.
        if not actor.has(*(_TAKING - {Role.VOLUNTEER})):
            raise Forbidden("not_allowed", _(_NOT_NOW))
        return None
    return volunteer


def may_know(
    actor: Actor, leg: Leg, appeal: Appeal | None = None, volunteer: Volunteer | None = None
) -> bool:
    """May the actor know that the leg exists?

    True if they hold it or another leg of its errand, were asked, had it once, may see its case, or
    it is or was open where they serve. Pass `appeal` and `volunteer` if at hand.
    """
    if actor.kind != "user":
        return actor.kind == "system"
    if actor.user_id in {leg.holder_id, leg.giver_id}:
        return True
    volunteer, appeal = volunteer or volunteer_of(actor), appeal or leg.appeal
    if volunteer and leg.opened_at and serves_area(volunteer, leg.area_id, appeal.area_id):
        return True
    if may_see(actor, appeal):
        return True
    asked = Offer.objects.filter(leg=leg, user=actor.user_id)
    beside = Leg.objects.filter(Q(holder=actor.user_id) | Q(giver=actor.user_id), errand=leg.errand)
    return asked.exists() or beside.exists() or _takes(actor, leg).exists()


def _takes(actor: Actor, leg: Leg) -> QuerySet[Event]:
    """The events by which the actor took legs of this leg's errand."""
    taken = Event.objects.filter(appeal=leg.appeal_id, verb="take", user=actor.user_id or 0)
    return taken.filter(facts__errand=leg.errand_id)


def taken_at(actor: Actor, leg: Leg) -> datetime | None:
    """Return when the actor last took this leg, whoever has it now; None if never."""
    for event in _takes(actor, leg).order_by("-seq"):
        # Older events name only the first of the legs that were taken together.
        if leg.n in event.facts.get("taken", (event.facts["leg"],)):
            return event.at
    return None


def lost_at(actor: Actor, leg: Leg, since: datetime) -> Event | None:
    """Return the event by which the actor lost the leg that they took at `since`."""
    ended = Event.objects.filter(appeal=leg.appeal_id, verb__in=("give_back", "drop"))
    for event in ended.filter(at__gte=since).order_by("seq"):
        facts = event.facts
        # Legs that go along are given back with the one that the event names.
        along = event.user_id in (None, actor.user_id) and facts.get("errand") == leg.errand_id
        if event.verb == "drop" or along:
            return event
    return None


def serves_no_more(user_id: int | None) -> bool:
    """Has this person no post any more by which they could help?"""
    return not active_posts().filter(user=user_id, role__in=UNIT_ROLES).exists()


def check_may_take(
    actor: Actor, appeal: Appeal, legs: Sequence[Leg], volunteer: Volunteer | None
) -> None:
    """Refuse an actor who may not take these legs; call it with the result of `lock`."""
    check_fit(actor, appeal, legs, volunteer)
    most = most_held(actor, volunteer, appeal.unit_id)
    held = Leg.objects.filter(holder=actor.user_id, state=Leg.State.TAKEN)
    # Goods that the unit has not fetched keep nobody from helping.
    held = held.exclude(kind=LegKind.BRING_BACK)
    # Legs of the same errand count as one.
    if most and held.values("errand").distinct().count() >= most:
        raise Conflict("full", _("您手上已经有 %d 件，先办完一件再接") % most)


def check_fit(
    actor: Actor, appeal: Appeal, legs: Sequence[Leg], volunteer: Volunteer | None
) -> None:
    """Refuse an actor whom these legs do not fit, regardless of load."""
    if actor.user_id is None or not actor.has(*_TAKING):
        raise Forbidden("not_allowed", _(_NOT_NOW))
    mine = {grant.unit_id for grant in actor.grants if grant.role in _TAKING}
    if volunteer is None and appeal.unit_id not in mine:
        raise Forbidden("not_allowed", _("您不在承办这件事的组里，也不是在队的志愿者"))
    own = volunteer is not None and volunteer.caller
    if own and bytes(own) == bytes(appeal.caller or b""):
        raise Forbidden("own_appeal", _("这是您自己的诉求，请让别人来办"))
    for leg in legs:
        _check_leg(volunteer, leg)


def _check_leg(volunteer: Volunteer | None, leg: Leg) -> None:
    if leg.skill and (volunteer is None or leg.skill not in volunteer.skills):
        skill = Skill.objects.filter(pk=leg.skill).first()
        raise Forbidden("no_skill", _("这一程要会“%s”的人来办") % (skill or leg.skill))
    zone = leg.zone
    if volunteer is not None:
        may_enter = may_go(volunteer, leg.zone_id or "")
    else:
        may_enter = zone is None or not zone.keeps_out
    if may_enter:
        return
    if zone is None:
        raise Forbidden("stays_inside", _("您住的地方正在封控，不能出来办这一程"))
    raise Forbidden("zone", _("“%s”现在不能随便进，您没有通行证") % zone.name)


def most_held(actor: Actor, volunteer: Volunteer | None, unit_id: int | None) -> int:
    """How many errands and cases the actor may hold at once; 0 is no limit."""
    if volunteer is not None:
        return volunteer.squad.most_held
    if unit_id in actor.all_units:
        return 0
    return Unit.objects.filter(pk=unit_id or 0).values_list("most_held", flat=True).first() or 0


def legs_in_hand(actor: Actor) -> QuerySet[Leg]:
    """Return the actor's legs and pending hand-overs; those that can be done now first."""
    taken = Q(holder=actor.user_id, state=Leg.State.TAKEN)
    side = Q(giver=actor.user_id) | Q(holder=actor.user_id)
    pending = side & Q(state=Leg.State.OPEN, kind=LegKind.HAND_OVER)
    return Leg.objects.filter(taken | pending).order_by("taken_at", "errand", "n")


def pool(actor: Actor) -> QuerySet[Leg]:
    """Return open legs that fit the actor where they serve, most urgent first."""
    volunteer = volunteer_of(actor)
    found = Leg.objects.filter(state=Leg.State.OPEN, opened_at__isnull=False)
    found = found.exclude(kind=LegKind.HAND_OVER).order_by("-appeal__urgency", "opened_at", "id")
    of_units = Q(appeal__unit__in=actor.unit_ids) if actor.unit_ids else Q(pk__in=[])
    if volunteer is None:
        return found.filter(of_units, skill="", zone=None)
    near = _in_areas(_areas_of(volunteer))
    found = found.filter(near | of_units).filter(Q(skill="") | Q(skill__in=volunteer.skills))
    if volunteer.caller:
        found = found.exclude(appeal__caller=bytes(volunteer.caller))
    zones = {zone.code: zone for zone in Zone.objects.defer("outline")}
    allowed = Q(zone__in=[code for code in zones if may_go(volunteer, code, zones)])
    if may_go(volunteer, "", zones):
        allowed |= Q(zone=None)
    return found.filter(allowed)
