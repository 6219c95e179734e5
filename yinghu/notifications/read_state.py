"""What a login has not read yet, and marking it as read."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from yinghu.appeals.notify import tell_users
from yinghu.notifications.models import Notification

COUNTED = 100
"""Unread notifications that are counted at most."""


@dataclass(frozen=True, slots=True)
class UnreadCount:
    """How many are unread, `COUNTED` at most, and the id of the newest of them; 0 for none."""

    count: int
    newest: int

    @property
    def version(self) -> str:
        """Changes whenever the bell or the list would look different."""
        return f"{self.count}.{self.newest}"


def unread(user_id: int) -> UnreadCount:
    """What this login has not read; one query, however much that is."""
    found = Notification.objects.filter(user=user_id, read_at=None).order_by("-id")
    ids = list(found.values_list("pk", flat=True)[:COUNTED])
    return UnreadCount(len(ids), ids[0] if ids else 0)


def mark_read(notifications: QuerySet[Notification], user_id: int) -> int:
    """Mark those that are this login's and unread; how many. All open pages of theirs refresh."""
    with transaction.atomic():
        own = notifications.filter(user=user_id, read_at=None)
        marked = own.update(read_at=timezone.now())
        if marked:
            tell_users([user_id])
    return marked
