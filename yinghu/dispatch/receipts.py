"""Which photos of a case somebody may see. Photos show faces, doors and prescriptions: they are for
those who may know the requester, and of the receipts of those who buy for many none is for the
requester. They are shown with the case, so a look at one is no entry of its own in the access log.
"""

from __future__ import annotations

from django.db.models import QuerySet

from yinghu.appeals.models import Appeal, Attachment, Event
from yinghu.dispatch.leg_actions import FINISH
from yinghu.dispatch.models import Leg, LegKind
from yinghu.people.access import Actor, holds_leg, may_reveal

_MOST = 2**63 - 1
"""The database has no larger ids to ask for."""
_WITH_RECEIPTS = [kind.value for kind in (LegKind.BUY, LegKind.QUEUE, LegKind.COLLECT)]


def photo_for(actor: Actor, photo_id: int) -> Attachment | None:
    """This photo with its case, where the actor may see it."""
    found = Attachment.objects.filter(pk=min(photo_id, _MOST)).select_related("appeal").first()
    if found is None or not may_reveal(actor, found.appeal):
        return None
    if actor.kind == "requester":
        return shown_to_requester(found.appeal).filter(pk=found.pk).first()
    return found


def photo_of_leg(actor: Actor, leg: Leg, photo_id: int) -> Attachment | None:
    """This photo, which the requester sent, for whoever has a leg of the case in hand."""
    if not holds_leg(actor, leg):
        return None
    sent = Attachment.objects.filter(appeal=leg.appeal_id, event=None)
    return sent.filter(pk=min(photo_id, _MOST)).first()


def shown_to_requester(appeal: Appeal) -> QuerySet[Attachment]:
    """The photos of a case but for those by which somebody has shown what they bought: one receipt
    may tell of several people.
    """
    receipts = Event.objects.filter(
        appeal=appeal.pk, verb=FINISH.name, facts__kind__in=_WITH_RECEIPTS
    )
    return appeal.attachments.exclude(event__in=receipts.values("pk"))
