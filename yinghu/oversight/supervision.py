"""List of cases under supervision (督办)."""

from __future__ import annotations

from django.db.models import QuerySet

from yinghu.appeals import inboxes
from yinghu.appeals.models import Appeal
from yinghu.people.access import Actor


def watched(actor: Actor) -> QuerySet[Appeal]:
    """Return the cases under supervision within the actor's reach, next due first."""
    return inboxes.visible(actor).filter(watched=True).order_by("due_at", "id")
