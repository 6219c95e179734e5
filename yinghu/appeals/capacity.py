"""How many cases a volunteer may have in hand at once: what the unit says, counted in a lock."""

from __future__ import annotations

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.people.access import Actor, only_volunteers_in
from yinghu.people.models import Unit, User


def full_at(actor: Actor, unit_id: int | None) -> int:
    """The unit's limit, where the actor has reached it; 0 where they may take one more.

    To be asked in the transaction that takes the case: it locks the volunteer's row until then, so
    that two cases taken at once are counted one after the other. Staff of the unit have no limit.
    """
    units = only_volunteers_in(actor)
    if actor.user_id is None or unit_id not in units:
        return 0
    most = Unit.objects.values_list("most_held", flat=True).get(pk=unit_id)
    if not most:
        return 0
    User.objects.select_for_update(no_key=True).get(pk=actor.user_id)
    held = Appeal.objects.filter(
        holder=actor.user_id, unit__in=units, status__in=(Status.HANDLING, Status.WAITING)
    ).count()
    return most if held >= most else 0
