"""Cases shared with and by the actor's units, as pairs of a case and the unit on the other side."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from yinghu.appeals.actions import ASSIGN
from yinghu.appeals.handling_actions import NOTE, REPORT
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import ENDED
from yinghu.oversight.actions import ESCALATE, INVITE, REPLY
from yinghu.oversight.models import Contact, Share
from yinghu.oversight.sharing_actions import SHARE
from yinghu.oversight.whistle_actions import WHISTLE
from yinghu.people.access import Actor, forces_of, overseen_q, speaking
from yinghu.people.models import Unit, User

SAYING = ("say", NOTE.name, REPORT.name, REPLY.name)
"""Verbs that write to those who work on a case; the first is one of errands."""


def given_to(actor: Actor) -> list[Unit]:
    """The actor's task forces, and those of their units that a case is shared with now."""
    running = Share.objects.filter(unit=OuterRef("pk"), ended_at=None)
    found = Unit.objects.filter(pk__in=actor.party_units)
    return list(found.filter(Q(pk__in=forces_of(actor)) | Q(Exists(running))))


def given_by(actor: Actor) -> list[Unit]:
    """Return the units with which the actor, their unit or their desk shares something now."""
    running = _open_shares().filter(_own_side(actor))
    return list(Unit.objects.filter(pk__in=running.values("unit")))


def for_us(actor: Actor, unit: Unit) -> QuerySet[Appeal]:
    """Return the open cases of an actor's task force, or the cases shared with another unit."""
    found = Appeal.objects.exclude(status__in=sorted(ENDED))
    if unit.pk in forces_of(actor):
        return found.filter(Q(unit=unit) | Q(also__contains=[unit.pk]))
    return found.filter(
        Exists(Share.objects.filter(appeal=OuterRef("pk"), unit=unit, ended_at=None))
    )


def by_us(actor: Actor, unit: Unit) -> QuerySet[Appeal]:
    """Return the open cases that the actor's unit or desk shares with this unit."""
    shared = _open_shares().filter(_own_side(actor), unit=unit)
    return Appeal.objects.filter(pk__in=shared.values("appeal"))


def _open_shares() -> QuerySet[Share]:
    return Share.objects.filter(ended_at=None).exclude(appeal__status__in=sorted(ENDED))


def _own_side(actor: Actor) -> Q:
    own = sorted(actor.party_units)
    overseen = Appeal.objects.filter(overseen_q(actor))
    return Q(appeal__unit__in=own) | Q(by_unit__in=own) | Q(appeal__in=overseen)


def without_contact(found: QuerySet[Appeal], unit: Unit, *, both: bool = False) -> QuerySet[Appeal]:
    """Filter cases without a contact of this unit; with `both`, or of the unit that has it."""
    named = Contact.objects.standing().filter(appeal=OuterRef("pk"))
    missing = ~Q(Exists(named.filter(unit=unit)))
    if both:
        missing |= Q(unit__isnull=False) & ~Q(Exists(named.filter(unit=OuterRef("unit"))))
    return found.filter(missing)


def cases_without_contact(actor: Actor) -> QuerySet[Appeal]:
    """Return the cases of the actor's task forces that have no contact of theirs."""
    forces = sorted(forces_of(actor))
    if not forces:
        return Appeal.objects.none()
    named = Contact.objects.standing().filter(appeal=OuterRef("pk"), unit__in=forces)
    return Appeal.objects.filter(
        Q(unit__in=forces) | Q(also__overlap=forces), ~Q(Exists(named))
    ).exclude(status__in=sorted(ENDED))


def shares_of(actor: Actor) -> QuerySet[Share]:
    """Return what is shared by or with the actor's units and desks."""
    return _open_shares().filter(_own_side(actor) | Q(unit__in=sorted(actor.party_units)))


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a sharing: the unit, and its contact if it has one."""

    unit: Unit
    contact: User | None


@dataclass(frozen=True, slots=True)
class SharedPair:
    """A case and the unit it is shared with (or that has it), with both sides and their last words.

    `holds` is None if no unit has the case, or if it is the same unit. `given` is the event that
    gave the unit the case, `said` the last words of the other side.
    """

    partner: Side
    holds: Side | None
    given: Event | None
    said: Event | None


def pairs_of(wanted: Iterable[tuple[Appeal, Unit]], *, ours: bool) -> list[SharedPair]:
    """Build the pairs of a list, in its order, in a handful of queries.

    `ours`: the reader shared the case and sees the unit's words; else the other side's.
    """
    wanted = list(wanted)
    appeals = {appeal.pk for appeal, _unit in wanted}
    contacts = {
        (each.appeal_id, each.unit_id): each.user
        for each in Contact.objects.standing().filter(appeal__in=appeals).select_related("user")
    }
    # The verbs that give a unit a case, or a part in it.
    giving = tuple(verb.name for verb in (SHARE, INVITE, WHISTLE, ASSIGN, ESCALATE))
    given: dict[int, list[Event]] = {}
    for event in Event.objects.filter(appeal__in=appeals, verb__in=giving).order_by("-seq"):
        given.setdefault(event.appeal_id, []).append(event)
    spoken = Event.objects.filter(appeal__in=appeals, verb__in=SAYING, user__isnull=False)
    last = spoken.order_by("appeal", "user", "-seq").distinct("appeal", "user")
    words = Event.objects.filter(pk__in=last.values("pk")).select_related("user")
    said: dict[int, list[Event]] = {}
    for event in words.order_by("-at", "-pk"):
        said.setdefault(event.appeal_id, []).append(event)
    people: dict[int, set[int]] = {}
    members = speaking({unit.pk for _appeal, unit in wanted})
    for unit_id, user_id in members.values_list("unit", "user"):
        people.setdefault(unit_id, set()).add(user_id)
    made = []
    for appeal, unit in wanted:
        holder = appeal.unit if appeal.unit_id != unit.pk else None
        theirs = people.get(unit.pk, set())
        heard = (e for e in said.get(appeal.pk, ()) if (e.user_id in theirs) == ours)
        made.append(
            SharedPair(
                Side(unit, contacts.get((appeal.pk, unit.pk))),
                Side(holder, contacts.get((appeal.pk, holder.pk))) if holder else None,
                next((e for e in given.get(appeal.pk, ()) if _gave_to(e, unit)), None),
                next(heard, None),
            )
        )
    return made


def _gave_to(event: Event, unit: Unit) -> bool:
    if event.verb in (SHARE.name, INVITE.name):
        return bool(event.facts.get("unit") == unit.code)
    if event.verb == WHISTLE.name:
        return unit.code in event.facts.get("units", ())
    return event.unit_id == unit.pk
