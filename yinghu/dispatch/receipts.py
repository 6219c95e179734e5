"""Which photos of a case are its requester's to see: not the receipts of those who buy for many."""

from __future__ import annotations

from django.db.models import QuerySet

from yinghu.appeals.models import Appeal, Attachment, Event
from yinghu.appeals.states import Verb
from yinghu.dispatch.models import LegKind

_WITH_RECEIPTS = [kind.value for kind in (LegKind.BUY, LegKind.QUEUE, LegKind.COLLECT)]


def shown_to_requester(appeal: Appeal) -> QuerySet[Attachment]:
    """The photos of a case but for those by which somebody has shown what they bought: one receipt
    may tell of several people.
    """
    receipts = Event.objects.filter(
        appeal=appeal.pk, verb=Verb.FINISH, facts__kind__in=_WITH_RECEIPTS
    )
    return appeal.attachments.exclude(event__in=receipts.values("pk"))
