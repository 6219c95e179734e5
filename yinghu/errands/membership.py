"""Helpers who pause, leave or lose their login, and the reassignment of what they hold.

Legs and cases are given back after the helper's row is committed, each case in its own transaction:
a take locks case, then volunteer, so the opposite order would deadlock. What they did until then,
and send later, still counts (`late_work`).
"""

from contextlib import suppress
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as jobs
from procrastinate.types import JSONValue

from yinghu.appeals import actions, moving
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.common.job_queue import queue
from yinghu.errands import offers
from yinghu.errands.eligibility import serves_no_more
from yinghu.errands.models import Leg, LegKind
from yinghu.people import shifts, volunteers
from yinghu.people.access import SYSTEM, serves
from yinghu.people.models import Change, Post, Role, Unit, User, Volunteer

TELL_TASK: Final = "yinghu.tell_leaders"
"""Job of `notifications.membership`: tells the leaders of a squad of a change (its id)."""


def suspend_volunteer(volunteer: Volunteer, by: User, why: str) -> None:
    """Suspend a volunteer, end their shifts and release their work, by their coordinator."""
    with transaction.atomic():
        _after_change(volunteers.suspend(volunteer, by, why), by)
    free_hands(volunteer.user, _("志愿者暂停了"))


def let_go(volunteer: Volunteer, by: User, why: str) -> None:
    """Remove a volunteer from the squad and release their work, by their coordinator."""
    with transaction.atomic():
        _after_change(volunteers.leave(volunteer, by, why), by)
    free_hands(volunteer.user, _("志愿者退出了"))


def leave_squad(volunteer: Volunteer) -> Volunteer:
    """Leave the squad on one's own request. Raises VolunteerRefused while something is in hand."""
    with transaction.atomic():
        now = volunteers.locked(volunteer)
        if has_in_hand(volunteer.user):
            raise volunteers.VolunteerRefused(_("您手上还有没办完的，请先办好或放回，再退出"))
        left = volunteers.leave(now, volunteer.user)
        _after_change(left, volunteer.user)
    free_hands(volunteer.user, _("志愿者退出了"))
    return left


def _after_change(volunteer: Volunteer, by: User) -> None:
    """End the shifts to come, and tell the squad's leaders."""
    shifts.end_shifts(volunteer.user, by)
    change = Change.objects.filter(kind=volunteers.KIND, key=volunteer.user.username)
    queue(TELL_TASK, change=change.latest("pk").pk)


def has_in_hand(user: User) -> bool:
    """Does this person hold a leg that is not done, or goods to hand over?

    Not goods that the unit has to fetch.
    """
    gives = Q(giver=user, state=Leg.State.OPEN, kind=LegKind.HAND_OVER, given_at=None)
    legs = Leg.objects.filter(
        Q(state=Leg.State.TAKEN, holder=user) | gives & Q(ready_at__lte=Now())
    )
    cases = Appeal.objects.filter(holder=user, status__in=(Status.HANDLING, Status.WAITING))
    return legs.exclude(kind=LegKind.BRING_BACK).exists() or cases.exists()


def free_hands(user: User, why: str, *, legs: bool = True) -> None:
    """Release the cases that this person may no longer hold, then `legs` and offers."""
    held = Appeal.objects.filter(holder=user, status__in=actions.RELEASE.sources)
    for appeal in held:
        if not serves(appeal.unit_id, user.pk):
            # If it was resolved, returned or handed on meanwhile, it needs no release.
            with suppress(moving.Refused):
                actions.release(appeal.pk, SYSTEM, why=why)
    if legs:
        offers.free_hands(user.pk, why)


def end_login(user: User, by: User | None) -> None:
    """Follow up after a login was deactivated: end its shifts and release what it holds."""
    shifts.end_shifts(user, by)
    queue(FREE_TASK, users=[user.pk], why=_("承办人的账号停用了"))
    if Volunteer.objects.filter(user=user).exclude(state=Volunteer.State.LEFT).exists():
        queue(
            TELL_TASK, change=Change.objects.filter(kind="user", key=user.username).latest("pk").pk
        )


def end_post(post: Post, by: User | None) -> None:
    """Follow up after a post was ended: release what its person holds if they serve no more."""
    if post.role == Role.VOLUNTEER and serves_no_more(post.user_id):
        shifts.end_shifts(post.user, by)
    queue(FREE_TASK, users=[post.user_id], why=_("岗位停用了"))


def end_unit(unit: Unit, by: User | None) -> None:
    """Follow up after a unit was retired: end the shifts for it, release what its people hold who
    serve nowhere else.
    """
    shifts.end_shifts_of(unit, by)
    posts = Post.objects.filter(unit=unit, active=True).order_by("user")
    people: list[JSONValue] = list(posts.values_list("user", flat=True).distinct())
    queue(FREE_TASK, users=people, why=_("单位停用了：%s") % unit)


FREE_TASK: Final = "yinghu.free_hands"


@jobs.task(name=FREE_TASK, queue="react")
def free_many(users: list[int], why: str) -> None:
    """Release the cases that these people may no longer hold, and of those who serve no more, their
    legs and offers.
    """
    for user in User.objects.filter(pk__in=users).order_by("pk"):
        free_hands(user, why, legs=serves_no_more(user.pk))
