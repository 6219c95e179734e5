"""Sharing a case with a task force (专班), both ways: two units see one case, each with a contact.

The unit with which it is shared has a part in it (`Appeal.also`) until that ends. No clock runs for
it: who has the case goes on having it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Forbidden, Refused, move
from yinghu.appeals.states import Verb, Who
from yinghu.oversight.levels import joined
from yinghu.oversight.models import Contact, Share, Summons, Whistle
from yinghu.people.access import Actor, relations, speaking_for, staffed, staffed_units
from yinghu.people.models import Unit, UnitKind, User


def share(appeal_id: int, actor: Actor, *, unit: str, why: str, expect: int | None = None) -> Event:
    """Share it with an active task force (by code), or what a task force has with any unit: it sees
    the case from then on, and is told what is asked of it.

    Whoever shares it is their own unit's contact, until that unit names another.
    """
    partner = Unit.objects.filter(code=unit, active=True).first()
    if partner is None:
        raise Refused("unknown_unit", _("没有这个单位：%s") % unit, "unit")
    made: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        if obstacle := _obstacle(appeal, partner, staffed()):
            raise Refused(*obstacle, "unit")
        by = appeal.unit_id if appeal.unit_id in actor.party_units else None
        if by is not None and actor.user_id is not None and not _contact(appeal, by):
            Contact.objects.update_or_create(
                appeal=appeal,
                unit_id=by,
                defaults={"user_id": actor.user_id, "at": timezone.now()},
            )
        made.update(appeal=appeal, unit=partner, by_unit_id=by)
        return {"also": joined(appeal, partner.pk)}

    facts = {"unit": partner.code, "name": partner.name}
    with transaction.atomic():
        event = move(appeal_id, actor, Verb.SHARE, change, why=why, facts=facts, expect=expect)
        Share.objects.create(**made, event=event, at=event.at)
    return event


def _obstacle(appeal: Appeal, unit: Unit, people: frozenset[int]) -> tuple[str, str] | None:
    """Why it cannot be shared with a unit, as a code and in words; None where it can."""
    if unit.pk == appeal.unit_id:
        return "own_unit", _("它就是承办单位，不用共享")
    if unit.pk in (appeal.also or ()):
        return "has_part", _("%s已经参与这件诉求了") % unit
    held_by_force = appeal.unit is not None and appeal.unit.kind == UnitKind.TASK_FORCE
    if unit.kind != UnitKind.TASK_FORCE and not held_by_force:
        return "no_force", _("%s不是专班；要别的单位帮忙，请用“请协办”") % unit
    if unit.pk not in people:
        return "nobody_there", _("%s还没有人，请另选一个") % unit
    return None


def partners(appeal: Appeal) -> list[Unit]:
    """The units with which the case can be shared now; the task forces first."""
    found = staffed_units().select_related(None)
    if appeal.unit is None or appeal.unit.kind != UnitKind.TASK_FORCE:
        found = found.filter(kind=UnitKind.TASK_FORCE)
    units = list(found)
    people = frozenset(unit.pk for unit in units)
    fit = [unit for unit in units if not _obstacle(appeal, unit, people)]
    return sorted(fit, key=lambda unit: (unit.kind != UnitKind.TASK_FORCE, unit.name))


def contact(
    appeal_id: int, actor: Actor, *, user: str = "", unit: str = "", expect: int | None = None
) -> Event:
    """Name one's own unit's contact (by login) for the case; without a name that is who says it.

    `unit` (by code) says for which of one's units, where several have a part in it.
    """
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        own = sides(appeal, actor)
        side = next((each for each in own if each.code == unit or not unit), None)
        if side is None:
            raise Refused("not_yours", _("您不代表这个单位：%s") % unit, "unit")
        wanted = Q(username=user) if user else Q(pk=actor.user_id)
        # Without a unit: the first of one's own in which the person is.
        pairs = ((each, speaking_for(each.pk).filter(wanted).first()) for each in own)
        found = [(each, who) for each, who in pairs if who and (each == side or not unit)]
        if not found:
            raise Refused(
                "unknown_user",
                _("%(unit)s没有这个人：%(who)s") % {"unit": side, "who": user or actor.name},
                "user",
            )
        side, person = found[0]
        if _contact(appeal, side.pk) == person:
            raise Conflict("contact_already", _("%s已经是对接人了") % person)
        Contact.objects.update_or_create(
            appeal=appeal, unit=side, defaults={"user": person, "at": timezone.now()}
        )
        others, desks = _beside(appeal, side.pk)
        facts.update(unit=side.code, name=side.name, user=person.username, who=str(person))
        facts.update(_ears(appeal, others, [person.pk, *desks]))
        return {}

    return move(appeal_id, actor, Verb.CONTACT, change, facts=facts, expect=expect)


def sides(appeal: Appeal, actor: Actor) -> list[Unit]:
    """The actor's units that have the case or a part in it; that which has it first."""
    here = actor.party_units & {appeal.unit_id, *(appeal.also or ())}
    if appeal.unit is not None and here <= {appeal.unit_id}:
        return [appeal.unit] if here else []
    units = Unit.objects.filter(pk__in=here)
    return sorted(units, key=lambda unit: (unit.pk != appeal.unit_id, unit.name))


def unshare(
    appeal_id: int, actor: Actor, *, unit: str, why: str, expect: int | None = None
) -> Event:
    """End the sharing with a unit (by code), which then sees the case no more, unless it has
    another part in it. The side that shared it may, the unit itself, dispatch and command.
    """
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        running = Share.objects.filter(appeal=appeal, ended_at=None).select_related("unit")
        shared = running.filter(unit__code=unit).first()
        if shared is None:
            raise Conflict("not_shared", _("没有和这个单位共享，或者已经结束：%s") % unit)
        if not _may_end(shared, appeal, actor):
            raise Forbidden("not_allowed", _("只有共享的双方、派单和指挥中心可以结束"))
        others, desks = _beside(appeal, shared.unit_id)
        ears = _ears(appeal, {shared.unit_id, *others}, desks)
        facts.update(unit=unit, name=shared.unit.name, **ears)
        Share.objects.filter(pk=shared.pk).update(ended_at=timezone.now())
        if shared.unit_id == appeal.unit_id or _has_other_part(appeal, shared.unit):
            return {}
        Contact.objects.filter(appeal=appeal, unit=shared.unit_id).delete()
        return {"also": [pk for pk in appeal.also or () if pk != shared.unit_id]}

    return move(appeal_id, actor, Verb.UNSHARE, change, why=why, facts=facts, expect=expect)


def to_end(appeal: Appeal, actor: Actor) -> list[Unit]:
    """The units with which the actor may end the sharing of the case, by name."""
    running = Share.objects.filter(appeal=appeal, ended_at=None).select_related("unit")
    return [each.unit for each in running.order_by("unit__name") if _may_end(each, appeal, actor)]


_ENDING = frozenset({Who.HANDLER, Who.HEAD, Who.DISPATCH, Who.COMMAND})


def _may_end(shared: Share, appeal: Appeal, actor: Actor) -> bool:
    own = {shared.unit_id, shared.by_unit_id} & actor.party_units
    return bool(own or relations(actor, appeal) & _ENDING)


def _has_other_part(appeal: Appeal, unit: Unit) -> bool:
    """Whether it was asked for help, called by a whistle or whistled itself, was the first to have
    the case, or had it before it was raised.
    """
    events = appeal.events.all()
    raised = events.filter(verb=Verb.ESCALATE).exists() and events.filter(unit=unit.pk).exists()
    return (
        raised
        or appeal.lead_id == unit.pk
        or events.filter(verb=Verb.INVITE, facts__unit=unit.code).exists()
        or Summons.objects.filter(whistle__appeal=appeal, unit=unit).exists()
        or Whistle.objects.filter(appeal=appeal, unit=unit).exists()
    )


def _contact(appeal: Appeal, unit_id: int) -> User | None:
    found = Contact.objects.standing().filter(appeal=appeal, unit=unit_id)
    one = found.select_related("user").first()
    return one.user if one else None


def _beside(appeal: Appeal, unit_id: int) -> tuple[set[int], list[int]]:
    """The units on the other side of the sharing from this one, and of desks those who shared it:
    for who has the case all with whom it is shared, for each of these who has it.
    """
    running = Share.objects.filter(appeal=appeal, ended_at=None)
    if unit_id == appeal.unit_id:
        return set(running.values_list("unit", flat=True)), []
    own = running.filter(unit=unit_id, by_unit=None, event__user__isnull=False)
    desks = list(own.values_list("event__user", flat=True))
    return ({appeal.unit_id} if appeal.unit_id else set()), desks


def _ears(appeal: Appeal, units: Iterable[int], people: list[int]) -> dict[str, Any]:
    """Who is told, as facts of an event: of each unit its contact, else all of its people."""
    contacts = dict(
        Contact.objects.standing().filter(appeal=appeal, unit__in=units).values_list("unit", "user")
    )
    without = Unit.objects.filter(pk__in=set(units) - contacts.keys()).order_by("pk")
    return {
        "told": sorted({*people, *contacts.values()}),
        "units": list(without.values_list("code", flat=True)),
    }
