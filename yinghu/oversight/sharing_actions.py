"""Verbs of sharing a case with a task force (专班), each row with its function.

Both units see the case, each with a contact. The unit it is shared with has a part in it
(`Appeal.also`) until that ends. No clock runs for that unit; the case stays with its own.
"""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Forbidden, Refused, move
from yinghu.appeals.phrases import fact_said, joined, name_detail
from yinghu.appeals.states import (
    EVERY_STATUS,
    IN_UNIT,
    IN_UNITS_NAME,
    PARTIES,
    UNRATED,
    Status,
    Who,
)
from yinghu.appeals.verb import WHY, Audience, FieldKind, Privacy, Verb, VerbField
from yinghu.oversight.actions import ESCALATE, INVITE
from yinghu.oversight.levels import joined_units
from yinghu.oversight.models import Contact, Share, Summons, Whistle
from yinghu.oversight.sharing import may_end, sides, why_not_shared
from yinghu.people.access import Actor, speaking_for, staffed
from yinghu.people.models import Unit, User

SHARE = Verb(
    "share",
    gettext_noop("共享"),
    pgettext_lazy("done", "共享"),
    "share",
    who=IN_UNITS_NAME | {Who.DISPATCH, Who.COMMAND},
    sources=frozenset({Status.SORTED}) | IN_UNIT,
    fields=(
        VerbField("unit", FieldKind.NAMED, gettext_noop("和谁共享"), among="partners"),
        VerbField("why", FieldKind.TEXT, gettext_noop("请他们办什么（内部）")),
    ),
    told=fact_said(gettext_noop("已请%s一起办理")),
    detail=name_detail,
    audience=(Audience.SHARING_UNITS,),
)


@SHARE.action
def share(appeal_id: int, actor: Actor, *, unit: str, why: str, expect: int | None = None) -> Event:
    """Share the case with an active task force (by code), or a task force's case with any unit.

    The unit sees the case from then on and is told the request. The person who shares it is their
    own unit's contact until the unit names another.
    """
    partner = Unit.objects.filter(code=unit, active=True).first()
    if partner is None:
        raise Refused("unknown_unit", _("没有这个单位：%s") % unit, "unit")
    made: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        if obstacle := why_not_shared(appeal, partner, staffed()):
            raise Refused(*obstacle, "unit")
        by = appeal.unit_id if appeal.unit_id in actor.party_units else None
        if by is not None and actor.user_id is not None and not _contact(appeal, by):
            Contact.objects.update_or_create(
                appeal=appeal,
                unit_id=by,
                defaults={"user_id": actor.user_id, "at": timezone.now()},
            )
        made.update(appeal=appeal, unit=partner, by_unit_id=by)
        return {"also": joined_units(appeal, partner.pk)}

    facts = {"unit": partner.code, "name": partner.name}
    with transaction.atomic():
        event = move(appeal_id, actor, SHARE, change, why=why, facts=facts, expect=expect)
        Share.objects.create(**made, event=event, at=event.at)
    return event


CONTACT = Verb(
    "contact",
    gettext_noop("定对接人"),
    pgettext_lazy("done", "定对接人"),
    "user-check",
    who=PARTIES,
    sources=UNRATED,
    fields=(
        VerbField(
            "user", FieldKind.USER, gettext_noop("谁来对接"), required=False, among="colleagues"
        ),
        VerbField(
            "unit", FieldKind.NAMED, gettext_noop("代表哪个单位"), required=False, among="sides"
        ),
    ),
    privacy=Privacy.INSIDE,
    detail=lambda event: joined(name_detail(event), event.facts.get("who", "")),
    audience=(Audience.NAMED_CONTACTS, Audience.UNITS_WITHOUT_CONTACT),
)


@CONTACT.action
def contact(
    appeal_id: int, actor: Actor, *, user: str = "", unit: str = "", expect: int | None = None
) -> Event:
    """Name the contact (by login, or oneself) of one's own unit, or of the given one of several."""
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        own = sides(appeal, actor)
        side = next((each for each in own if each.code == unit or not unit), None)
        if side is None:
            raise Refused("not_yours", _("您不代表这个单位：%s") % unit, "unit")
        wanted = Q(username=user) if user else Q(pk=actor.user_id)
        # Without a unit: the first of one's own in which the person serves.
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
        others, desks = _other_side(appeal, side.pk)
        facts.update(unit=side.code, name=side.name, user=person.username, who=str(person))
        facts.update(_recipients(appeal, others, [person.pk, *desks]))
        return {}

    return move(appeal_id, actor, CONTACT, change, facts=facts, expect=expect)


UNSHARE = Verb(
    "unshare",
    gettext_noop("结束共享"),
    pgettext_lazy("done", "结束共享"),
    "arrows-split",
    who=IN_UNITS_NAME | {Who.DISPATCH, Who.COMMAND, Who.PARTY},
    sources=EVERY_STATUS,
    fields=(
        VerbField("unit", FieldKind.NAMED, gettext_noop("结束和谁的共享"), among="shared"),
        WHY,
    ),
    flag="also",
    privacy=Privacy.INSIDE,
    detail=name_detail,
    audience=(Audience.NAMED_CONTACTS, Audience.UNITS_WITHOUT_CONTACT),
)


@UNSHARE.action
def unshare(
    appeal_id: int, actor: Actor, *, unit: str, why: str, expect: int | None = None
) -> Event:
    """End the sharing with a unit (by code), which loses sight of the case without another part."""
    facts: dict[str, Any] = {}

    def change(appeal: Appeal) -> dict[str, Any]:
        running = Share.objects.filter(appeal=appeal, ended_at=None).select_related("unit")
        shared = running.filter(unit__code=unit).first()
        if shared is None:
            raise Conflict("not_shared", _("没有和这个单位共享，或者已经结束：%s") % unit)
        if not may_end(shared, appeal, actor):
            raise Forbidden("not_allowed", _("只有共享的双方、派单和指挥中心可以结束"))
        others, desks = _other_side(appeal, shared.unit_id)
        recipients = _recipients(appeal, {shared.unit_id, *others}, desks)
        facts.update(unit=unit, name=shared.unit.name, **recipients)
        Share.objects.filter(pk=shared.pk).update(ended_at=timezone.now())
        if shared.unit_id == appeal.unit_id or _has_other_part(appeal, shared.unit):
            return {}
        Contact.objects.filter(appeal=appeal, unit=shared.unit_id).delete()
        return {"also": [pk for pk in appeal.also or () if pk != shared.unit_id]}

    return move(appeal_id, actor, UNSHARE, change, why=why, facts=facts, expect=expect)


def _has_other_part(appeal: Appeal, unit: Unit) -> bool:
    """Was it asked for help, in a whistle, the first receiver, or its unit before raising?"""
    events = appeal.events.all()
    raised = events.filter(verb=ESCALATE.name).exists() and events.filter(unit=unit.pk).exists()
    return (
        raised
        or appeal.lead_id == unit.pk
        or events.filter(verb=INVITE.name, facts__unit=unit.code).exists()
        or Summons.objects.filter(whistle__appeal=appeal, unit=unit).exists()
        or Whistle.objects.filter(appeal=appeal, unit=unit).exists()
    )


def _contact(appeal: Appeal, unit_id: int) -> User | None:
    found = Contact.objects.standing().filter(appeal=appeal, unit=unit_id)
    one = found.select_related("user").first()
    return one.user if one else None


def _other_side(appeal: Appeal, unit_id: int) -> tuple[set[int], list[int]]:
    """The units on the other side of the sharing, and the desk users who shared it: for the unit
    that has the case, all it is shared with; for each of these, the unit that has it.
    """
    running = Share.objects.filter(appeal=appeal, ended_at=None)
    if unit_id == appeal.unit_id:
        return set(running.values_list("unit", flat=True)), []
    own = running.filter(unit=unit_id, by_unit=None, event__user__isnull=False)
    desks = list(own.values_list("event__user", flat=True))
    return ({appeal.unit_id} if appeal.unit_id else set()), desks


def _recipients(appeal: Appeal, units: Iterable[int], people: list[int]) -> dict[str, Any]:
    """Recipients, as facts of an event: each unit's contact, else all of its people."""
    contacts = dict(
        Contact.objects.standing().filter(appeal=appeal, unit__in=units).values_list("unit", "user")
    )
    without = Unit.objects.filter(pk__in=set(units) - contacts.keys()).order_by("pk")
    return {
        "told": sorted({*people, *contacts.values()}),
        "units": list(without.values_list("code", flat=True)),
    }
