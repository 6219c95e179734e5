"""What somebody has to read: how much of it is new, and that it has been read."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from yinghu.appeals.notify import tell_users
from yinghu.notices.models import Notice

COUNTED = 100
"""Unread notices that are counted at most."""


@dataclass(frozen=True, slots=True)
class Unread:
    """How many are unread, `COUNTED` at most, and the newest of them; 0 for none."""

    count: int
    newest: int

    @property
    def version(self) -> str:
        """Another where the bell, or the list, would look otherwise."""
        return f"{self.count}.{self.newest}"


def unread(user_id: int) -> Unread:
    """What this login has not read; one query, however much that is."""
    found = Notice.objects.filter(user=user_id, read_at=None).order_by("-id")
    ids = list(found.values_list("pk", flat=True)[:COUNTED])
    return Unread(len(ids), ids[0] if ids else 0)


def mark_read(notices: QuerySet[Notice], user_id: int) -> int:
    """Mark those of this login's that are unread; how many. All pages of theirs look again."""
    with transaction.atomic():
        marked = notices.filter(user=user_id, read_at=None).update(read_at=timezone.now())
        if marked:
            tell_users([user_id])
    return marked
