"""Who is asked to take a leg: the group's own people, then the nearest few who fit, each refusal
and each silence replaced; then those farther away, then the squads' leaders, then the desk.

How many, how long, how far and how often are policies. Whoever is asked has an `Offer`; that
somebody was asked is an event of the case. Any number of workers may be at it: each step is done
under the case's lock, and only while it is due.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
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
from yinghu.dispatch import handover_reminders, leg_actions
from yinghu.dispatch.actions import NUDGE, OFFER
from yinghu.dispatch.leg_sequence import Course
from yinghu.dispatch.models import FixedHelper, Leg, LegKind, Offer
from yinghu.people.access import SYSTEM, UNIT_ROLES, Actor
from yinghu.people.models import Post, Volunteer
from yinghu.places.locate import METRES_A_DEGREE, metres
from yinghu.places.models import Zone

log = structlog.get_logger(__name__)

BATCH = 200
ASK_TASK = "yinghu.ask"


class Stage(IntEnum):
    """Whom the search for somebody has come to."""

    FIXED = 0
    NEAR = 1
    WIDE = 2
    LEADER = 3
    DESK = 4


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody who fits; how far they are, where that is known."""

    user_id: int
    metres: int | None


# Whoever is nearest comes out of the index first, and what else must hold is looked at one by one
# until enough are found. So nothing here is a join: the planner would take all first and sort them.
# A degree is as long in any direction on Mercator's map, which makes the index right about near.
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
            ELSE EXISTS (
                SELECT FROM unnest(v.areas) AS served WHERE starts_with(%(area)s, served)) END
        AND (squad.most_held = 0 OR squad.most_held > (
            SELECT count(DISTINCT held.errand_id) FROM dispatch_leg AS held
            WHERE held.holder_id = v.user_id AND held.state = 'taken'))
        FROM people_unit AS squad WHERE squad.id = v.squad_id)
  AND (SELECT count(*) FROM dispatch_offer AS o
        WHERE o.leg_id = ANY(%(legs)s) AND o.user_id = v.user_id) = 0
  AND (SELECT count(*) FROM dispatch_offer AS o
        WHERE o.user_id = v.user_id AND o.asked_at > %(yesterday)s) < %(most)s
  AND (SELECT login.is_active FROM people_user AS login WHERE login.id = v.user_id)
ORDER BY {order} LIMIT %(limit)s
FOR NO KEY UPDATE OF v SKIP LOCKED
"""
_POINT = "point(v.lon, degrees(asinh(tan(radians(v.lat)))))"
_THERE = "point(%(lon)s, degrees(asinh(tan(radians(%(lat)s)))))"


def nearest(
    appeal: Appeal, together: list[Leg], limit: int, km: float, now: datetime
) -> list[Found]:
    """Up to `limit` volunteers who fit these legs, which are taken together, and can be asked now,
    the nearest first; within `km` where it is known where they are to go. Their rows are locked:
    who is about to be asked elsewhere is left out.
    """
    first, offers = together[0], policies("offer_")
    zones = _zone_rule({leg.zone for leg in together if leg.zone is not None})
    if zones is None:
        return []
    urgent = appeal.urgency == Urgency.EMERGENCY
    here = timezone.localtime(now)
    given: dict[str, Any] = zones.given | {
        "skills": sorted(zones.skills | {leg.skill for leg in together if leg.skill}),
        "area": first.area_id or "",
        "now": now,
        "hour": here.weekday() * 24 + here.hour,
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
        # Mercator's degrees stand for fewer metres the farther from the equator.
        shrunk = METRES_A_DEGREE * _cosine(lat)
        given |= {"lon": lon, "lat": lat, "far": km * 1000 / shrunk}
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST.format(where=where, order=order, zones=zones.sql), given)
        rows = cursor.fetchall()
    # It is told to them, so it is measured from where the door is shown: of several who know how
    # far they are each, the door could be found.
    about_lon, about_lat = first.about_lon, first.about_lat
    if lon is None or about_lon is None or about_lat is None:
        return [Found(user_id, None) for user_id, *_their in rows]
    return [
        Found(user_id, round(metres(about_lon, about_lat, their_lon, their_lat)))
        for user_id, their_lon, their_lat in rows
    ]


def _cosine(lat: float) -> float:
    return max(math.cos(math.radians(lat)), 0.01)


@dataclass(frozen=True, slots=True)
class _ZoneRule:
    sql: str
    given: dict[str, Any]
    skills: set[str]


def _zone_rule(zones: set[Zone]) -> _ZoneRule | None:
    """Who may go there, as a condition on `v`; None where nobody may."""
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
    return _ZoneRule(" AND ".join(parts), given, skills)


def ask(leg_id: int, now: datetime | None = None) -> bool:
    """Go on with the search for somebody who takes this leg, if that is due; whether anybody was
    asked or told.
    """
    now = now or timezone.now()
    leg = Leg.objects.filter(pk=leg_id).first()
    if leg is None or not _due(leg, now):
        return False
    facts: dict[str, Any] = leg.facts

    def change(appeal: Appeal) -> dict[str, Any]:
        course = Course(Leg.objects.select_related("zone").filter(errand=leg.errand_id))
        fresh = course[leg.n]
        if not _due(fresh, now):
            raise Conflict("moved_on", "")
        search = _Search(appeal, course, fresh, now)
        search.go()
        course.save()
        if not search.told and not search.to:
            raise _NobodyYet(fresh)
        facts.update(told=search.told, to=search.to)
        return {}

    try:
        move(leg.appeal_id, SYSTEM, OFFER, change, facts=facts)
    except _NobodyYet as nobody:
        # Without an event, for nothing has happened; only if nobody else was at it.
        later = nobody.leg
        Leg.objects.filter(pk=leg.pk, next_at=leg.next_at, state=Leg.State.OPEN).update(
            next_at=later.next_at, stage=later.stage, stage_at=later.stage_at
        )
        _expire(leg.pk, now)
        return False
    except Refused as refused:
        if refused.code == "moved_on":
            return False
        # The case is not where anybody can help with it: look again later.
        later_at = now + timedelta(minutes=policy("offer_minutes"))
        Leg.objects.filter(pk=leg.pk, next_at=leg.next_at).update(next_at=later_at)
        return False
    return True


class _NobodyYet(Exception):
    """There was nobody to ask; the leg says when to look again."""

    def __init__(self, leg: Leg) -> None:
        super().__init__(leg.pk)
        self.leg = leg


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
    """One step of looking for somebody, under the case's lock."""

    def __init__(self, appeal: Appeal, course: Course, leg: Leg, now: datetime) -> None:
        self.appeal, self.leg, self.now = appeal, leg, now
        self.together = course.along(leg)
        self.policy = policies("offer_")
        self.told: list[int] = []
        self.to = ""

    def go(self) -> None:
        leg, now = self.leg, self.now
        _expire(leg.pk, now)
        open_offers = Offer.objects.filter(leg=leg.pk, answer=Offer.Answer.WAITING)
        waiting = list(open_offers.values_list("until", flat=True))
        if leg.stage == Stage.FIXED:
            fixed = self._fixed() if not waiting else []
            if fixed:
                self._offer(fixed)
                return
            if waiting:
                leg.next_at = min(waiting)
                return
            opened = leg.opened_at or now
            patient = opened + timedelta(minutes=self.policy["offer_pool_minutes"])
            if self.appeal.urgency == Urgency.NORMAL and patient > now:
                leg.next_at = patient
                return
            self._reach(Stage.NEAR)
        wanted = self.policy["offer_people"] - len(waiting)
        while True:
            found = self._look(wanted) if wanted > 0 else []
            if found:
                self._offer(found)
                return
            if waiting and not self._worn():
                leg.next_at = min(*waiting, self._worn_at())
                return
            if leg.stage >= Stage.LEADER and not self._worn():
                leg.next_at = now + timedelta(minutes=self.policy["offer_minutes"])
                return
            if leg.stage == Stage.DESK:
                # Somebody who can do it may come on duty.
                leg.next_at = now + timedelta(minutes=self.policy["offer_minutes"])
                return
            self._reach(Stage(leg.stage + 1))
            if leg.stage >= Stage.LEADER:
                self.to = "leader" if leg.stage == Stage.LEADER else "desk"
                leg.next_at = now + timedelta(minutes=self.policy["offer_minutes"])
                return

    def _reach(self, stage: Stage) -> None:
        self.leg.stage, self.leg.stage_at = stage, self.now

    def _patience(self) -> timedelta:
        wide = self.leg.stage < Stage.LEADER
        return timedelta(
            minutes=self.policy["offer_widen_minutes" if wide else "offer_leader_minutes"]
        )

    def _worn(self) -> bool:
        """Whether this stage has had its time."""
        return self.now >= self._worn_at()

    def _worn_at(self) -> datetime:
        return (self.leg.stage_at or self.now) + self._patience()

    def _look(self, wanted: int) -> list[Found]:
        km = self.policy["offer_km" if self.leg.stage == Stage.NEAR else "offer_km_most"]
        return nearest(self.appeal, self.together, wanted, km, self.now)

    def _fixed(self) -> list[Found]:
        """The group's own people for this, who have not been asked."""
        serving = Post.objects.filter(active=True, unit__active=True, role__in=UNIT_ROLES)
        found = FixedHelper.objects.filter(
            unit=self.appeal.unit_id, kind=self.leg.kind, active=True, user__is_active=True
        ).filter(user__in=serving.values("user"))
        asked = Offer.objects.filter(leg=self.leg.pk).values("user")
        # Of volunteers not whose own case it is, nor who has said that they are not to be asked.
        not_now = Q(away_until__gt=self.now)
        if self.appeal.caller is not None:
            not_now |= Q(caller=self.appeal.caller)
        not_now_ids = Volunteer.objects.filter(not_now).values("pk")
        found = found.exclude(user__in=asked).exclude(user__in=not_now_ids)
        found = found.order_by("-place", "id")
        named = [f for f in found if f.place_id in (None, self.leg.place_id)]
        return [Found(each.user_id, None) for each in named]

    def _offer(self, found: list[Found]) -> None:
        until = self.now + timedelta(minutes=self.policy["offer_minutes"])
        Offer.objects.bulk_create(
            [
                Offer(
                    leg_id=self.leg.pk,
                    user_id=each.user_id,
                    asked_at=self.now,
                    until=until,
                    metres=each.metres,
                )
                for each in found
            ],
            ignore_conflicts=True,
        )
        self.told = [each.user_id for each in found]
        Volunteer.objects.filter(pk__in=self.told).update(asked_at=self.now)
        self.leg.next_at = until


def decline(leg_id: int, actor: Actor) -> bool:
    """Say no to an offer: somebody else is asked at once. False where there is nothing to answer
    any more, which is no mistake of theirs.
    """
    now = timezone.now()
    with transaction.atomic():
        waiting = Offer.objects.filter(leg=leg_id, user=actor.user_id, answer=Offer.Answer.WAITING)
        if not waiting.update(answer=Offer.Answer.NO, answered_at=now):
            return False
        Leg.objects.filter(pk=leg_id, state=Leg.State.OPEN).update(next_at=now)
        queue(ASK_TASK, leg=leg_id)
    return True


def free_hands(user_id: int, why: str) -> None:
    """Somebody helps no more: what they have taken or were asked goes to others.
    Of what they have in their hands already the unit's head is told.
    """
    now, patience = timezone.now(), timedelta(minutes=policy("leg_release_minutes"))
    for leg in Leg.objects.filter(holder=user_id, state=Leg.State.TAKEN):
        has_goods = Course(Leg.objects.filter(errand=leg.errand_id)).has_goods(leg)
        # Done, called off or taken by somebody else meanwhile, it needs nothing more.
        with suppress(Refused):
            if has_goods:
                _nudge(leg, now, patience, to="head")
            else:
                leg_actions.release(leg, leg.active_at, why=why)
    handover_reminders.tell_of(user_id, now)
    asked = Offer.objects.filter(user=user_id, answer=Offer.Answer.WAITING)
    waiting = list(asked.values_list("leg", flat=True))
    asked.update(answer=Offer.Answer.NO, answered_at=now)
    Leg.objects.filter(pk__in=waiting, state=Leg.State.OPEN).update(next_at=now)


def ask_for(appeal_id: int) -> None:
    """Go on at once with what is due of a case's legs."""
    now = timezone.now()
    due = Leg.objects.filter(appeal=appeal_id, state=Leg.State.OPEN, next_at__lte=now)
    due = due.exclude(kind=LegKind.HAND_OVER)
    for pk in due.order_by("n").values_list("pk", flat=True):
        ask(pk)


def look_after(leg_id: int, now: datetime | None = None) -> bool:
    """Ask whoever has a leg and does nothing about it; after a while give it to somebody else, but
    not what they have in their hands already: then the unit's head is told. Whether one of these.
    """
    now = now or timezone.now()
    leg = Leg.objects.filter(pk=leg_id).first()
    if leg is None or leg.state != Leg.State.TAKEN or leg.next_at is None or leg.next_at > now:
        return False
    course = Course(Leg.objects.filter(errand=leg.errand_id))
    fresh = course[leg.n]
    idle = timedelta(minutes=policy("leg_idle_minutes"))
    since = max(filter(None, (fresh.active_at, fresh.ready_at)))
    if not course.is_ready(fresh):
        # It is not their turn: nobody can expect anything of them.
        _again(leg, now + idle)
        return False
    if since + idle > now:
        _again(leg, since + idle)
        return False
    patience = timedelta(minutes=policy("leg_release_minutes"))
    if fresh.nudged_at and fresh.nudged_at + patience > now:
        _again(leg, fresh.nudged_at + patience)
        return False
    try:
        if fresh.nudged_at and not course.has_goods(fresh):
            leg_actions.release(fresh, fresh.active_at, why=_("很久没有动静，放回给大家"))
        else:
            _nudge(leg, now, patience, to="head" if fresh.nudged_at else "")
    except Refused as refused:
        if refused.code != "moved_on":
            _again(leg, now + patience)
        return False
    return True


def _nudge(leg: Leg, now: datetime, patience: timedelta, to: str) -> None:
    facts = leg.facts | {"told": [leg.holder_id], "to": to}

    def change(_appeal: Appeal) -> dict[str, Any]:
        still = Leg.objects.filter(
            pk=leg.pk, state=Leg.State.TAKEN, active_at=leg.active_at, next_at=leg.next_at
        )
        if not still.update(nudged_at=now, next_at=now + patience):
            raise Conflict("moved_on", "")
        return {}

    move(leg.appeal_id, SYSTEM, NUDGE, change, facts=facts)


def _again(leg: Leg, at: datetime) -> None:
    Leg.objects.filter(pk=leg.pk, next_at=leg.next_at).update(next_at=at)


def sweep(limit: int = BATCH, now: datetime | None = None) -> int:
    """Go on with up to `limit` legs that are due; how many."""
    now = now or timezone.now()
    due = Leg.objects.filter(
        next_at__lte=now, state__in=(Leg.State.OPEN, Leg.State.TAKEN)
    ).order_by("next_at")
    found = list(due.values_list("pk", "state", "kind")[:limit])
    for pk, state, kind in found:
        try:
            if kind == LegKind.HAND_OVER:
                handover_reminders.look_after(pk, now)
            elif state == Leg.State.OPEN:
                ask(pk, now)
            else:
                look_after(pk, now)
        except Exception:
            # One at which something is wrong keeps no other waiting, and is tried again.
            log.exception("leg_failed", leg=pk)
            Leg.objects.filter(pk=pk).update(next_at=now + timedelta(minutes=5))
    return len(found)


@jobs.periodic(cron="* * * * * */5", periodic_id="errands")
@jobs.task(name="yinghu.errands", queueing_lock="yinghu.errands", queue="oversight")
def go_on(timestamp: int) -> None:
    """Every five seconds: all legs whose next step is due."""
    done = sweep()
    if done:
        log.info("errands", legs=done)


@jobs.task(name=ASK_TASK, queue="react")
def ask_at_once(leg: int) -> None:
    """Somebody has said no: ask the next."""
    ask(leg)
