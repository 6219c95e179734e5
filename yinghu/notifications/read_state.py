"""Unread notifications of a login, and marking them as read."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from yinghu.appeals.notify import tell_users
from yinghu.notifications.models import Notification


@dataclass(frozen=True, slots=True)
class UnreadCount:
    """The number of unread notifications, and the newest one's id (or 0)."""

    count: int
    newest: int

    @property
    def version(self) -> str:
        """Changes whenever the bell or the list would look different."""
        return f"{self.count}.{self.newest}"


def unread(user_id: int) -> UnreadCount:
    """Return this login's unread count, in one query."""
    found = Notification.objects.filter(user=user_id, read_at=None)
    counts = found.aggregate(count=Count("pk"), newest=Max("pk"))
    return UnreadCount(counts["count"], counts["newest"] or 0)


def mark_read(notifications: QuerySet[Notification], user_id: int) -> int:
    """Mark this login's unread ones as read and refresh its open pages; return how many."""
    with transaction.atomic():
        own = notifications.filter(user=user_id, read_at=None)
        marked = own.update(read_at=timezone.now())
        if marked:
            tell_users([user_id])
    return marked
