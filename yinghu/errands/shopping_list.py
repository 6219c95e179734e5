"""Shopping list of a helper: items of several errands, and others that they could take along."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from django.db.models import Q, QuerySet

from yinghu.appeals.moving import Refused
from yinghu.errands import eligibility, leg_actions
from yinghu.errands.leg_sequence import Course
from yinghu.errands.models import PURCHASES, FixedHelper, Leg, LegKind
from yinghu.people.access import Actor

MOST_LINES: Final = 100
"""Lines of a list; further ones follow as these are done."""


def legs_to_buy(actor: Actor) -> QuerySet[Leg]:
    """Return the legs for which the actor has to buy, queue or collect something."""
    return eligibility.legs_in_hand(actor).filter(state=Leg.State.TAKEN, kind__in=PURCHASES)


def legs_beside(actor: Actor, places: Iterable[int]) -> QuerySet[Leg]:
    """Return the open legs at these places, and for a fixed buyer all purchases of their groups."""
    reach = Q(place__in=list(places))
    fixed = FixedHelper.objects.filter(user=actor.user_id, kind=LegKind.BUY, active=True)
    for unit_id, place_id in fixed.values_list("unit", "place"):
        own = Q(appeal__unit=unit_id, kind=LegKind.BUY)
        reach |= own & Q(place=place_id) if place_id else own
    return eligibility.pool(actor).filter(reach, kind__in=PURCHASES)


def count_waiting(actor: Actor) -> tuple[int, bool]:
    """The length of the actor's list; if 0, whether purchases wait for them as a fixed buyer."""
    many = legs_to_buy(actor).count()
    return many, not many and legs_beside(actor, ()).exists()


def reasons_against(found: Sequence[Leg], actor: Actor) -> dict[int, str]:
    """Return why the actor may not take some of these legs (with those that go along), by leg."""
    steps: dict[int, list[Leg]] = {}
    of_errands = Leg.objects.filter(errand__in={leg.errand_id for leg in found})
    for leg in of_errands.select_related("zone"):
        steps.setdefault(leg.errand_id, []).append(leg)
    refused: dict[int, str] = {}
    volunteer = eligibility.volunteer_of(actor)
    for leg in found:
        course = Course(steps[leg.errand_id])
        try:
            eligibility.check_fit(actor, leg.appeal, course.along(course[leg.n]), volunteer)
        except Refused as reason:
            refused[leg.pk] = reason.message
    return refused


def take_each(ids: Sequence[int], actor: Actor) -> tuple[int, Counter[str]]:
    """Take legs until the actor's load is full; return how many, and reasons for the others."""
    taken, reasons = 0, Counter[str]()
    for n, pk in enumerate(ids):
        try:
            leg_actions.take(pk, actor)
        except Refused as refused:
            if refused.code == "full":
                reasons[refused.message] += len(ids) - n
                break
            reasons[refused.message] += 1
        else:
            taken += 1
    return taken, reasons
