"""Volunteers who pause or leave, and the reassignment of what they hold.

Legs and cases are given back after the volunteer's row is committed, each case in its own
transaction: a take locks case, then volunteer, so the opposite order would deadlock.
"""

from contextlib import suppress

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from yinghu.appeals import actions, moving
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.errands import offers
from yinghu.errands.models import Leg, LegKind
from yinghu.people import volunteers
from yinghu.people.access import SYSTEM, serves
from yinghu.people.models import User, Volunteer


def suspend_volunteer(volunteer: Volunteer, by: User, why: str) -> None:
    """Suspend a volunteer and release their work, by their coordinator."""
    volunteers.suspend(volunteer, by, why)
    _free_hands(volunteer, _("志愿者暂停了"))


def let_go(volunteer: Volunteer, by: User, why: str) -> None:
    """Remove a volunteer from the squad and release their work, by their coordinator."""
    volunteers.leave(volunteer, by, why)
    _free_hands(volunteer, _("志愿者退出了"))


def leave_squad(volunteer: Volunteer) -> Volunteer:
    """Leave the squad on one's own request. Raises VolunteerRefused while something is in hand."""
    with transaction.atomic():
        now = volunteers.locked(volunteer)
        if has_in_hand(volunteer.user):
            raise volunteers.VolunteerRefused(_("您手上还有没办完的，请先办好或放回，再退出"))
        return volunteers.leave(now, volunteer.user)


def has_in_hand(user: User) -> bool:
    """Does this person hold a leg that is not done, or goods to hand over?"""
    gives = Q(giver=user, state=Leg.State.OPEN, kind=LegKind.HAND_OVER, given_at=None)
    legs = Leg.objects.filter(
        Q(state=Leg.State.TAKEN, holder=user) | gives & Q(ready_at__lte=Now())
    )
    cases = Appeal.objects.filter(holder=user, status__in=(Status.HANDLING, Status.WAITING))
    return legs.exists() or cases.exists()


def _free_hands(volunteer: Volunteer, why: str) -> None:
    """Release the cases that this person may no longer hold, then legs and offers."""
    held = Appeal.objects.filter(holder=volunteer.user, status__in=actions.RELEASE.sources)
    for appeal in held:
        if not serves(appeal.unit_id, volunteer.pk):
            # If it was resolved, returned or handed on meanwhile, it needs no release.
            with suppress(moving.Refused):
                actions.release(appeal.pk, SYSTEM, why=why)
    offers.free_hands(volunteer.pk, why)
