"""Service hours: tasks and time of volunteers, counted from completed legs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.errands.models import TAKEN_ALONE, Leg
from yinghu.people.models import User


@dataclass(frozen=True, slots=True)
class Served:
    """Number of tasks, their minutes in total, and when the first was done."""

    tasks: int = 0
    minutes: int = 0
    first: datetime | None = None

    @property
    def hours(self) -> str:
        """The time as text."""
        return hours_said(self.minutes)


def done_legs(users: Iterable[int], since: datetime | None = None) -> QuerySet[Leg]:
    """Legs completed by these users. Hand-overs do not count: the legs before and after them do."""
    found = Leg.objects.filter(state=Leg.State.DONE, holder__in=list(users))
    found = found.filter(kind__in=TAKEN_ALONE)
    return found.filter(done_at__gte=since) if since else found


def served(users: Iterable[int], since: datetime | None = None) -> dict[int, Served]:
    """Service of each user, since a moment or in total; one query."""
    rows = done_legs(users, since).values("holder")
    rows = rows.annotate(n=Count("id"), spent=Sum("minutes"), first=Min("done_at"))
    return {row["holder"]: Served(row["n"], row["spent"] or 0, row["first"]) for row in rows}


def served_by(user: User, since: datetime | None = None) -> Served:
    """Service of one user."""
    return served([user.pk], since).get(user.pk, Served())


def month_began() -> datetime:
    """Start of the current month in local time."""
    now = timezone.localtime()
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def hours_said(minutes: int) -> str:
    """Format a duration in hours and minutes, never days, as on certificates."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return ngettext("%d 分钟", "%d 分钟", rest) % rest
    if not rest:
        return ngettext("%d 小时", "%d 小时", hours) % hours
    return _("%(hours)d 小时 %(minutes)d 分") % {"hours": hours, "minutes": rest}
