"""Access to the photos of a case.

Photos show faces, doors and prescriptions: only people who may see the requester's data see them,
and the requester sees no receipts of someone who buys for several people. They are part of the case
page, so viewing one is no separate entry in the access log.
"""

from django.db.models import Q, QuerySet

from yinghu.appeals.merged import RELAY
from yinghu.appeals.models import Appeal, Attachment, Event
from yinghu.errands.late_work import CLAIM
from yinghu.errands.leg_actions import FINISH
from yinghu.errands.models import PURCHASES, Leg, LegKind
from yinghu.people.access import Actor, holds_leg, may_reveal

_MAX_ID = 2**63 - 1
"""Largest id in the database."""


def photo_for(actor: Actor, photo_id: int) -> Attachment | None:
    """Return this photo with its case, if the actor may see it."""
    found = Attachment.objects.filter(pk=min(photo_id, _MAX_ID)).select_related("appeal").first()
    if found is None:
        return None
    if not may_reveal(actor, found.appeal):
        return found if _was_relayed(actor, found) else None
    if actor.kind == "requester":
        return shown_to_requester(found.appeal).filter(pk=found.pk).first()
    return found


def _was_relayed(actor: Actor, photo: Attachment) -> bool:
    """Did it come with what the requester of a merged case said to those who have the master?"""
    master = photo.appeal.final_master()
    if actor.kind != "user" or photo.event_id is None or master is None:
        return False
    relayed = master.events.filter(verb=RELAY.name, facts__event=photo.event_id)
    return may_reveal(actor, master) and relayed.exists()


def photo_of_leg(actor: Actor, leg: Leg, photo_id: int) -> Attachment | None:
    """Return this photo, sent by the requester, for the holder of a leg of the case."""
    if not holds_leg(actor, leg) or leg.kind == LegKind.BRING_BACK:
        return None
    sent = Attachment.objects.filter(appeal=leg.appeal_id, event=None)
    return sent.filter(pk=min(photo_id, _MAX_ID)).first()


def shown_to_requester(appeal: Appeal) -> QuerySet[Attachment]:
    """The photos of a case except receipts, which may list several people's purchases, and what
    helpers report late.
    """
    bought = Q(verb=FINISH.name, facts__kind__in=[kind.value for kind in PURCHASES])
    receipts = Event.objects.filter(bought | Q(verb=CLAIM.name), appeal=appeal.pk)
    return appeal.attachments.exclude(event__in=receipts.values("pk"))
