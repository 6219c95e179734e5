"""Who else has a case open: a row for each person and case, for as long as their stream lives.

A stream of live updates says it on coming, again every `AGAIN` seconds, and takes it back on going.
Whoever went without a word is forgotten after `GONE`, and taken off the screens of the others by
their own next saying: at most `GONE` + `AGAIN` after the last sign of life.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from yinghu.appeals.models import Appeal
from yinghu.appeals.notify import VIEW, tell
from yinghu.people.access import Actor, actor_of, may_read_why
from yinghu.people.models import User
from yinghu.web.models import Viewing

AGAIN = 25.0
GONE = timedelta(seconds=50)


def others(appeal: Appeal, actor: Actor) -> list[str] | None:
    """Names of the others who have it open; None where they are not this actor's to know."""
    if actor.user_id is None or not may_read_why(actor, appeal):
        return None
    seen = appeal.viewings.filter(seen_at__gt=Now() - GONE, user__is_active=True)
    seen = seen.exclude(user=actor.user_id).select_related("user").order_by("user_id")
    return [str(each.user) for each in seen]


def stay(appeal_id: int, user_id: int) -> None:
    """Say that this person has the case open, and forget those who went without a word.

    Who may not know of it any more is taken off instead. The others are told where it changes what
    they see.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    appeal = Appeal.objects.filter(pk=appeal_id).first()
    if user is None or appeal is None or not may_read_why(actor_of(user), appeal):
        leave(appeal_id, user_id)
        return
    with transaction.atomic():
        gone, _rows = appeal.viewings.filter(seen_at__lte=Now() - GONE).delete()
        _viewing, is_new = Viewing.objects.update_or_create(
            user=user, appeal=appeal, defaults={"seen_at": Now()}
        )
        if gone or is_new:
            tell(VIEW, [appeal_id])


def leave(appeal_id: int, user_id: int) -> None:
    """Say that this person has closed it."""
    with transaction.atomic():
        gone, _rows = Viewing.objects.filter(appeal=appeal_id, user=user_id).delete()
        if gone:
            tell(VIEW, [appeal_id])
