"""What somebody has done for others: tasks and hours, from the legs that they did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.dispatch.models import Leg, LegKind
from yinghu.people.models import User


@dataclass(frozen=True, slots=True)
class Served:
    """Tasks done, the minutes that they took, and when the first of them was done."""

    tasks: int = 0
    minutes: int = 0
    first: datetime | None = None

    @property
    def hours(self) -> str:
        """The time in words."""
        return hours_said(self.minutes)


def done_legs(users: Iterable[int], since: datetime | None = None) -> QuerySet[Leg]:
    """The legs that these logins did. A hand-over belongs to the legs before and after it, whose
    people did the work: it does not count.
    """
    found = Leg.objects.filter(state=Leg.State.DONE, holder__in=list(users))
    found = found.exclude(kind=LegKind.HAND_OVER)
    return found.filter(done_at__gte=since) if since else found


def served(users: Iterable[int], since: datetime | None = None) -> dict[int, Served]:
    """What each of these logins has done, from a moment on or in all. One query."""
    rows = done_legs(users, since).values("holder")
    rows = rows.annotate(n=Count("id"), spent=Sum("minutes"), first=Min("done_at"))
    return {row["holder"]: Served(row["n"], row["spent"] or 0, row["first"]) for row in rows}


def served_by(user: User, since: datetime | None = None) -> Served:
    """The same for one."""
    return served([user.pk], since).get(user.pk, Served())


def month_began() -> datetime:
    """When this month began by the place's clock."""
    now = timezone.localtime()
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def hours_said(minutes: int) -> str:
    """A sum of time in words: hours and minutes, never days, as certificates have it."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return ngettext("%d 分钟", "%d 分钟", rest) % rest
    if not rest:
        return ngettext("%d 小时", "%d 小时", hours) % hours
    return _("%(hours)d 小时 %(minutes)d 分") % {"hours": hours, "minutes": rest}
