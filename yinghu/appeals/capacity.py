"""Limit on the number of cases a volunteer may hold at once."""

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.people.access import Actor, only_volunteers_in
from yinghu.people.models import Unit, User


def reached_limit(actor: Actor, unit_id: int | None) -> int:
    """Return the unit's limit if the actor has reached it, else 0.

    Call it in the transaction that takes the case: it locks the volunteer's row, so that concurrent
    takes are counted one after the other. Staff have no limit.
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
