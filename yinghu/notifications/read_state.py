"""Unread notifications of a login, and marking them as read."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from yinghu.appeals.notify import tell_users
from yinghu.notifications.models import Notification

COUNTED = 100
"""Upper limit of the unread count."""


@dataclass(frozen=True, slots=True)
class UnreadCount:
    """The number of unread notifications, up to `COUNTED`, and the newest one's id (or 0)."""

    count: int
    newest: int

    @property
    def version(self) -> str:
        """Changes whenever the bell or the list would look different."""
        return f"{self.count}.{self.newest}"


def unread(user_id: int) -> UnreadCount:
    """Return this login's unread count, in one query."""
    found = Notification.objects.filter(user=user_id, read_at=None).order_by("-id")
    ids = list(found.values_list("pk", flat=True)[:COUNTED])
    return UnreadCount(len(ids), ids[0] if ids else 0)


def mark_read(notifications: QuerySet[Notification], user_id: int) -> int:
    """Mark this login's unread ones as read and refresh its open pages; return how many."""
    with transaction.atomic():
        own = notifications.filter(user=user_id, read_at=None)
        marked = own.update(read_at=timezone.now())
        if marked:
            tell_users([user_id])
    return marked
