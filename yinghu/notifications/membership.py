"""Notices to the leaders of a squad or a unit when one of its people stops helping."""

from procrastinate.contrib.django import app as jobs

from yinghu.errands.membership import TELL_TASK
from yinghu.notifications.models import Reason, SubjectKind
from yinghu.notifications.outbox import NewNotification, NotificationSubject, notify
from yinghu.notifications.recipients import Recipient
from yinghu.people.access import UNIT_ROLES, active_posts, administrators
from yinghu.people.models import Change, Post, Role, User, Volunteer


@jobs.task(name=TELL_TASK, queue="react")
def tell_leaders(change: int) -> int:
    """Tell of a change of a volunteer or a login: the heads, else the administrators.

    Whoever made the change is not told. Returns how many were.
    """
    found = Change.objects.get(pk=change)
    user = User.objects.get(username=found.key)
    squads = Volunteer.objects.filter(user=user).values("squad")
    units = Post.objects.filter(user=user, role__in=UNIT_ROLES, active=True).values("unit")
    heads = active_posts().filter(role=Role.HEAD)
    people = set((heads.filter(unit__in=squads) | heads.filter(unit__in=units)).values_list("user"))
    reason = Reason.HEAD
    if not people - {(user.pk,)}:
        people, reason = set(administrators().values_list("user")), Reason.ADMIN
    subject = NotificationSubject(SubjectKind.CHANGE, found.pk)
    told = sorted({pk for (pk,) in people} - {user.pk, found.user_id})
    return notify(NewNotification(subject, Recipient.login(pk), reason) for pk in told)
