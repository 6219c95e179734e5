"""Who else has a case open: said by the stream of each open page, forgotten when that is silent."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from yinghu.appeals.models import Appeal
from yinghu.appeals.notify import tell
from yinghu.people.access import Actor, may_read_why
from yinghu.people.models import User
from yinghu.web.models import Viewing

AGAIN: Final = 30.0
"""Seconds after which an open page says again that it is there."""
FORGOTTEN: Final = timedelta(seconds=75)
"""Two signs missed: a crash leaves no ghost for longer."""
VIEW: Final = "view"
"""What is told to those who have the case open, and to nobody else; no verb of the loop."""


def here(user_id: int, appeal_id: int) -> None:
    """This login has the case open now."""
    now = timezone.now()
    old = Viewing.objects.filter(appeal=appeal_id, seen_at__lt=now - FORGOTTEN)
    gone = old.exclude(user=user_id).delete()[0]
    fresh = Viewing.objects.filter(appeal=appeal_id, user=user_id, seen_at__gte=now - FORGOTTEN)
    if not fresh.update(seen_at=now):
        Viewing.objects.update_or_create(
            appeal_id=appeal_id, user_id=user_id, defaults={"seen_at": now}
        )
        gone += 1
    if gone:
        tell(VIEW, [appeal_id])


def left(user_id: int, appeal_id: int) -> None:
    """This login has closed it. Another page of theirs says so again within `AGAIN`."""
    if Viewing.objects.filter(appeal=appeal_id, user=user_id).delete()[0]:
        tell(VIEW, [appeal_id])


def others(actor: Actor, appeal: Appeal) -> list[User]:
    """Who has it open besides the actor, for those inside; nobody for requesters and volunteers."""
    if not may_read_why(actor, appeal):
        return []
    found = Viewing.objects.filter(appeal=appeal, seen_at__gte=timezone.now() - FORGOTTEN)
    found = found.exclude(user=actor.user_id).select_related("user").order_by("pk")
    return [viewing.user for viewing in found[:10]]
