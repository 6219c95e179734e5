"""Offers of legs to helpers: first the group's fixed helpers, then the nearest eligible few, then
those farther away, then the squad leaders, then the desk.

Each refusal or silence is replaced. Numbers, times and distances are policies. Each person asked
has an `Offer`; asking is an event of the case. Any number of workers may run: each step is done
under the case's lock, and only while it is due.
"""

import math
from contextlib import suppress
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as jobs

from yinghu.appeals.models import Appeal
from yinghu.appeals.moving import Conflict, Refused, move
from yinghu.appeals.policies import policies, policy
from yinghu.appeals.states import Urgency
from yinghu.common.job_queue import queue
from yinghu.errands import handover_reminders, leg_actions
from yinghu.errands.actions import OFFER, nudge
from yinghu.errands.eligibility import serves_no_more
from yinghu.errands.leg_actions import idle_time
from yinghu.errands.leg_sequence import Course
from yinghu.errands.models import FixedHelper, Leg, LegKind, Offer
from yinghu.people.access import SYSTEM, UNIT_ROLES, Actor, active_posts
from yinghu.people.models import Volunteer
from yinghu.people.volunteers import hour_of_week
from yinghu.places.locate import METRES_A_DEGREE, metres
from yinghu.places.models import Zone

log = structlog.get_logger(__name__)

BATCH = 200
BRING_BACK_PATIENCE = timedelta(days=1)
"""How long until goods that are to be brought to the unit are asked for again."""
ASK_TASK = "yinghu.ask"


class Stage(IntEnum):
    """How far the search for a helper has come."""

    FIXED = 0
    NEAR = 1
    WIDE = 2
    LEADER = 3
    DESK = 4


# The index yields the nearest first, and the other conditions are checked one by one until enough
# are found. So there are no joins: with them the planner would fetch all and sort. In Mercator's
# projection a degree is equally long in all directions, so the index orders by distance.
_NEAREST = """
SELECT v.user_id, v.lon, v.lat
FROM people_volunteer AS v
WHERE v.state = 'active' AND {where}
  AND v.skills::text[] @> %(skills)s::text[]
  AND {zones}
  AND (v.away_until IS NULL OR v.away_until < %(now)s)
  AND (v.ready_until > %(now)s OR v.hours @> ARRAY[%(hour)s]::smallint[] OR EXISTS (
        SELECT FROM people_shift AS shift WHERE shift.user_id = v.user_id
            AND shift.starts_at <= %(now)s AND shift.ends_at > %(now)s))
  AND (v.asked_at IS NULL OR v.asked_at <= %(rested)s)
  AND v.caller IS DISTINCT FROM %(caller)s
  AND (SELECT squad.active AND CASE
            WHEN v.areas = '{{}}' THEN starts_with(%(area)s, coalesce(squad.area_id, ''))
                OR starts_with(%(home)s, coalesce(squad.area_id, ''))
            ELSE EXISTS (SELECT FROM unnest(v.areas) AS served
                WHERE starts_with(%(area)s, served) OR starts_with(%(home)s, served)) END
        AND (squad.most_held = 0 OR squad.most_held > (
            SELECT count(DISTINCT held.errand_id) FROM errands_leg AS held
            WHERE held.holder_id = v.user_id AND held.state = 'taken'
              AND held.kind <> 'bring_back'))
        FROM people_unit AS squad WHERE squad.id = v.squad_id)
  AND (SELECT count(*) FROM errands_offer AS o
        WHERE o.leg_id = ANY(%(legs)s) AND o.user_id = v.user_id) = 0
  AND (SELECT count(*) FROM errands_offer AS o
        WHERE o.user_id = v.user_id AND o.asked_at > %(yesterday)s) < %(most)s
  AND (SELECT login.is_active FROM people_user AS login WHERE login.id = v.user_id)
ORDER BY {order} LIMIT %(limit)s
FOR NO KEY UPDATE OF v SKIP LOCKED
"""
_POINT = "point(v.lon, degrees(asinh(tan(radians(v.lat)))))"
_THERE = "point(%(lon)s, degrees(asinh(tan(radians(%(lat)s)))))"


def find_nearest_volunteers(
    appeal: Appeal, together: list[Leg], limit: int, km: float, now: datetime
) -> list[Offer]:
    """Return unsaved offers to the nearest volunteers, up to `limit`, who can be asked to take
    these legs together now; within `km` if the destination is known.

    Their rows are locked; volunteers who are being asked by another worker are left out.
    """
    first, offers = together[0], policies("offer_")
    zones = _zone_rule({leg.zone for leg in together if leg.zone is not None})
    if zones is None:
        return []
    zone_sql, zone_given, zone_skills = zones
    urgent = appeal.urgency == Urgency.EMERGENCY
    given: dict[str, Any] = zone_given | {
        "skills": sorted(zone_skills | {leg.skill for leg in together if leg.skill}),
        "area": first.area_id or "",
        "home": appeal.area_id or "",
        "now": now,
        "hour": hour_of_week(now),
        "rested": now if urgent else now - timedelta(minutes=offers["offer_gap_minutes"]),
        "yesterday": now - timedelta(days=1),
        "most": offers["offer_most_a_day"],
        "caller": appeal.caller,
        "legs": [leg.pk for leg in together],
        "limit": limit,
    }
    where, order = "TRUE", "v.asked_at NULLS FIRST, v.user_id"
    lon, lat = first.lon, first.lat
    if lon is not None and lat is not None:
        where = f"v.lon IS NOT NULL AND v.lat IS NOT NULL AND {_POINT} <@ circle({_THERE}, %(far)s)"
        order = f"{_POINT} <-> {_THERE}"
        # A degree in Mercator's projection is shorter on the ground the farther from the equator.
        metres_per_degree = METRES_A_DEGREE * max(math.cos(math.radians(lat)), 0.01)
        given |= {"lon": lon, "lat": lat, "far": km * 1000 / metres_per_degree}
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST.format(where=where, order=order, zones=zone_sql), given)
        rows = cursor.fetchall()
    # The distance is shown to them, so it is measured from the blurred point: from several exact
    # distances the door could be found.
    about_lon, about_lat = first.about_lon, first.about_lat
    if lon is None or about_lon is None or about_lat is None:
        return [Offer(user_id=user_id) for user_id, *_their in rows]
    return [
        Offer(user_id=user_id, metres=round(metres(about_lon, about_lat, their_lon, their_lat)))
        for user_id, their_lon, their_lat in rows
    ]


def _zone_rule(zones: set[Zone]) -> tuple[str, dict[str, Any], set[str]] | None:
    """Return the SQL condition on `v` for entering these zones, its parameters, and the skills
    required there; None if nobody may enter.
    """
    held = [zone for zone in zones if zone.keeps_out]
    if any(zone.entry == Zone.Entry.NOBODY for zone in held):
        return None
    parts = [
        "(v.inside = '' OR v.inside = ANY(%(there)s) OR NOT v.inside = ANY(ARRAY("
        "SELECT code::text FROM places_zone WHERE active AND status = %(sealed)s)))"
    ]
    given: dict[str, Any] = {"there": [zone.pk for zone in zones], "sealed": Zone.Status.SEALED}
    for n, zone in enumerate(held):
        parts.append(f"(v.zones::text[] @> ARRAY[%(zone{n})s]::text[] OR v.inside = %(zone{n})s)")
        given[f"zone{n}"] = zone.pk
    skills = {zone.skill for zone in zones if zone.status != Zone.Status.OPEN and zone.skill}
    return " AND ".join(parts), given, skills


def ask_helpers(leg_id: int, now: datetime | None = None) -> bool:
    """Continue the search for a helper if it is due; return whether anyone was asked or told."""
    now = now or timezone.now()
    leg = Leg.objects.filter(pk=leg_id).first()
    if leg is None or not _due(leg, now):
        return False
    facts: dict[str, Any] = leg.facts
    later: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        course = Course(Leg.objects.select_related("zone").filter(errand=leg.errand_id))
        fresh = course[leg.n]
        if not _due(fresh, now):
            raise Conflict("moved_on", "")
        search = _Search(appeal, course, fresh, now)
        search.advance()
        course.save()
        if not search.told and not search.to:
            later.update(next_at=fresh.next_at, stage=fresh.stage, stage_at=fresh.stage_at)
            raise Conflict("nobody", "")
        facts.update(told=search.told, to=search.to)
        return {}

    try:
        move(leg.appeal_id, SYSTEM, OFFER, change, facts=facts)
    except Refused as refused:
        if refused.code not in ("moved_on", "nobody"):
            # The case's status allows no helpers now.
            later["next_at"] = now + timedelta(minutes=policy("offer_minutes"))
        if refused.code != "moved_on":
            # Without an event; only if no other worker has changed the leg.
            unchanged = Leg.objects.filter(pk=leg.pk, next_at=leg.next_at, state=Leg.State.OPEN)
            unchanged.update(**later)
        if refused.code == "nobody":
            _expire(leg.pk, now)
        return False
    return True


def _due(leg: Leg, now: datetime) -> bool:
    return (
        leg.state == Leg.State.OPEN
        and leg.opened_at is not None
        and leg.next_at is not None
        and leg.next_at <= now
    )


def _expire(leg_id: int, now: datetime) -> None:
    late = Offer.objects.filter(leg=leg_id, answer=Offer.Answer.WAITING, until__lte=now)
    late.update(answer=Offer.Answer.LATE, answered_at=now)


class _Search:
    """One step of the search for a helper, under the case's lock."""

    def __init__(self, appeal: Appeal, course: Course, leg: Leg, now: datetime) -> None:
        self.appeal, self.leg, self.now = appeal, leg, now
        self.together = course.along(leg)
        self.policy = policies("offer_")
        self.told: list[int] = []
        self.to = ""

    def advance(self) -> None:
        """Ask the next people, or enter the next stage, and set when to look again."""
        _expire(self.leg.pk, self.now)
        self.leg.next_at = self._advance()

    def _advance(self) -> datetime:
        leg, now = self.leg, self.now
        open_offers = Offer.objects.filter(leg=leg.pk, answer=Offer.Answer.WAITING)
        waiting = list(open_offers.values_list("until", flat=True))
        if leg.stage == Stage.FIXED:
            if waiting:
                return min(waiting)
            if fixed := self._fixed_helpers():
                return self._make_offers(fixed)
            opened = leg.opened_at or now
            pool_until = opened + timedelta(minutes=self.policy["offer_pool_minutes"])
            if self.appeal.urgency == Urgency.NORMAL and pool_until > now:
                return pool_until
            self._enter_stage(Stage.NEAR)
        wanted = self.policy["offer_people"] - len(waiting)
        later = now + timedelta(minutes=self.policy["offer_minutes"])
        while True:
            km = self.policy["offer_km" if leg.stage == Stage.NEAR else "offer_km_most"]
            found = (
                find_nearest_volunteers(self.appeal, self.together, wanted, km, now)
                if wanted > 0
                else []
            )
            if found:
                return self._make_offers(found)
            is_over = now >= self._stage_ends_at()
            if waiting and not is_over:
                return min(*waiting, self._stage_ends_at())
            if leg.stage == Stage.DESK or (leg.stage == Stage.LEADER and not is_over):
                # Somebody eligible may come on duty.
                return later
            self._enter_stage(Stage(leg.stage + 1))
            if leg.stage >= Stage.LEADER:
                self.to = "leader" if leg.stage == Stage.LEADER else "desk"
                return later

    def _enter_stage(self, stage: Stage) -> None:
        self.leg.stage, self.leg.stage_at = stage, self.now

    def _stage_ends_at(self) -> datetime:
        searching = self.leg.stage < Stage.LEADER
        name = "offer_widen_minutes" if searching else "offer_leader_minutes"
        return (self.leg.stage_at or self.now) + timedelta(minutes=self.policy[name])

    def _fixed_helpers(self) -> list[Offer]:
        serving = active_posts().filter(role__in=UNIT_ROLES)
        own = FixedHelper.objects.filter(unit=self.appeal.unit_id, kind=self.leg.kind, active=True)
        found = own.filter(user__in=serving.values("user"))
        asked = Offer.objects.filter(leg=self.leg.pk).values("user")
        # Not the requester, nor volunteers who are away.
        not_now = Q(away_until__gt=self.now)
        if self.appeal.caller is not None:
            not_now |= Q(caller=self.appeal.caller)
        not_now_ids = Volunteer.objects.filter(not_now).values("pk")
        found = found.exclude(user__in=asked).exclude(user__in=not_now_ids)
        return [
            Offer(user_id=each.user_id)
            for each in found.order_by("-place", "id")
            if each.place_id in (None, self.leg.place_id)
        ]

    def _make_offers(self, offers: list[Offer]) -> datetime:
        until = self.now + timedelta(minutes=self.policy["offer_minutes"])
        for offer in offers:
            offer.leg, offer.asked_at, offer.until = self.leg, self.now, until
        Offer.objects.bulk_create(offers, ignore_conflicts=True)
        self.told = [offer.user_id for offer in offers]
        Volunteer.objects.filter(pk__in=self.told).update(asked_at=self.now)
        return until


def decline_offer(leg_id: int, actor: Actor) -> None:
    """Decline an offer that still waits for an answer; the next person is asked at once."""
    now = timezone.now()
    with transaction.atomic():
        waiting = Offer.objects.filter(leg=leg_id, user=actor.user_id, answer=Offer.Answer.WAITING)
        if waiting.update(answer=Offer.Answer.NO, answered_at=now):
            Leg.objects.filter(pk=leg_id, state=Leg.State.OPEN).update(next_at=now)
            queue(ASK_TASK, leg=leg_id)


def free_hands(user_id: int, why: str) -> None:
    """Release legs and offers of a person who stops helping, and report goods that they have."""
    now = timezone.now()
    for leg in Leg.objects.filter(holder=user_id, state=Leg.State.TAKEN):
        free_leg(leg, now, why)
    handover_reminders.report_held_goods(user_id, now)
    asked = Offer.objects.filter(user=user_id, answer=Offer.Answer.WAITING)
    waiting = list(asked.values_list("leg", flat=True))
    asked.update(answer=Offer.Answer.NO, answered_at=now)
    Leg.objects.filter(pk__in=waiting, state=Leg.State.OPEN).update(next_at=now)


def free_leg(leg: Leg, now: datetime, why: str) -> None:
    """Release a leg whose holder stops helping; goods that nobody needs are the unit's to fetch."""
    # If it was done, cancelled or taken meanwhile, nothing is left to do.
    with suppress(Refused):
        if leg.kind == LegKind.BRING_BACK:
            nudge(leg, [], now, BRING_BACK_PATIENCE, to="head", left=True)
        else:
            leg_actions.release_leg(leg, leg.active_at, why=why)


def ask_for(appeal_id: int) -> None:
    """Continue the search for all due legs of a case at once."""
    now = timezone.now()
    due = Leg.objects.filter(appeal=appeal_id, state=Leg.State.OPEN, next_at__lte=now)
    due = due.exclude(kind=LegKind.HAND_OVER)
    for pk in due.order_by("n").values_list("pk", flat=True):
        ask_helpers(pk)


def remind_holder(leg_id: int, now: datetime) -> None:
    """Remind the holder of an idle leg; later reopen it or tell the unit's head."""
    leg = Leg.objects.filter(pk=leg_id).first()
    if leg is None or leg.state != Leg.State.TAKEN or leg.next_at is None or leg.next_at > now:
        return
    course = Course(Leg.objects.filter(errand=leg.errand_id))
    fresh = course[leg.n]
    idle = idle_time()
    since = max(filter(None, (fresh.active_at, fresh.ready_at)))
    if not course.is_ready(fresh):
        # The holder cannot do anything yet.
        _postpone(leg, now + idle)
        return
    if since + idle > now:
        _postpone(leg, since + idle)
        return
    bring_back, left = fresh.kind == LegKind.BRING_BACK, serves_no_more(fresh.holder_id)
    if left and not bring_back:
        free_leg(fresh, now, _("帮手已经不在队里"))
        handover_reminders.report_held_goods(fresh.holder_id or 0, now)
        return
    patience = timedelta(minutes=policy("leg_release_minutes"))
    if bring_back:
        patience = BRING_BACK_PATIENCE
    if fresh.nudged_at and fresh.nudged_at + patience > now:
        _postpone(leg, fresh.nudged_at + patience)
        return
    try:
        if fresh.nudged_at and not bring_back and not course.has_goods(fresh):
            leg_actions.release_leg(fresh, fresh.active_at, why=_("很久没有动静，放回给大家"))
        else:
            to = "head" if fresh.nudged_at or left else ""
            nudge(leg, [] if left else [leg.holder_id], now, patience, to, left=left)
    except Refused as refused:
        if refused.code != "moved_on":
            _postpone(leg, now + patience)


def _postpone(leg: Leg, at: datetime) -> None:
    Leg.objects.filter(pk=leg.pk, next_at=leg.next_at).update(next_at=at)


def sweep(limit: int = BATCH, now: datetime | None = None) -> int:
    """Process up to `limit` due legs; return how many."""
    now = now or timezone.now()
    due = Leg.objects.filter(next_at__lte=now, state__in=(Leg.State.OPEN, Leg.State.TAKEN))
    found = list(due.order_by("next_at").values_list("pk", "state", "kind")[:limit])
    for pk, state, kind in found:
        try:
            if kind == LegKind.HAND_OVER:
                handover_reminders.remind_sides(pk, now)
            elif state == Leg.State.OPEN:
                ask_helpers(pk, now)
            else:
                remind_holder(pk, now)
        except Exception:
            # A leg that fails does not hold up the others, and is tried again.
            log.exception("leg_failed", leg=pk)
            Leg.objects.filter(pk=pk).update(next_at=now + timedelta(minutes=5))
    return len(found)


@jobs.periodic(cron="* * * * * */5", periodic_id="errands")
@jobs.task(name="yinghu.errands", queueing_lock="yinghu.errands", queue="oversight")
def process_due_legs(timestamp: int) -> None:
    """Process all due legs, every five seconds."""
    if done := sweep():
        log.info("errands", legs=done)


@jobs.task(name=ASK_TASK, queue="react")
def ask_next(leg: int) -> None:
    """Ask the next person after a refusal."""
    ask_helpers(leg)
