"""Shifts of a squad's volunteers."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.people import history
from yinghu.people.models import Shift, Unit, User, Volunteer
from yinghu.people.volunteers import VolunteerRefused, locked

KIND: Final = "shift"
LONGEST: Final = timedelta(hours=24)


def add_shift(
    unit: Unit, volunteer: Volunteer, starts: datetime, ends: datetime, by: User
) -> Shift:
    """Add a shift. VolunteerRefused for an overlap, an end before the start, or more than a day."""
    if ends <= starts:
        raise VolunteerRefused(_("下班要在上班以后"))
    if ends - starts > LONGEST:
        raise VolunteerRefused(_("一班最长 24 小时，请分成两班"))
    with transaction.atomic():
        # Serialises planners, so that the second sees the first one's shift.
        now = locked(volunteer)
        if now.state != Volunteer.State.ACTIVE or now.squad_id != unit.pk:
            raise VolunteerRefused(_("%s 现在不在这个队里") % now.user)
        others = Shift.objects.filter(user=now.user, starts_at__lt=ends, ends_at__gt=starts)
        if other := others.order_by("starts_at").first():
            said = {
                "name": now.user,
                "from": timezone.localtime(other.starts_at).strftime("%m-%d %H:%M"),
                "to": timezone.localtime(other.ends_at).strftime("%m-%d %H:%M"),
            }
            raise VolunteerRefused(_("%(name)s 从 %(from)s 到 %(to)s 已经排了班") % said)
        shift = Shift.objects.create(unit=unit, user=now.user, starts_at=starts, ends_at=ends)
        history.record(by, KIND, _key(shift), str(now.user), {}, _state(shift))
    return shift


def remove(shift: Shift, by: User) -> bool:
    """Remove a shift; False if it is already gone."""
    with transaction.atomic():
        gone, _each = Shift.objects.filter(pk=shift.pk).delete()
        if gone:
            history.record(by, KIND, _key(shift), str(shift.user), _state(shift), {})
    return bool(gone)


def end_shifts(user: User, by: User | None) -> int:
    """End the shifts of somebody who stops helping; return how many."""
    return _end(Shift.objects.filter(user=user), by)


def end_shifts_of(unit: Unit, by: User | None) -> int:
    """End the shifts for a unit that was retired; return how many."""
    return _end(Shift.objects.filter(unit=unit), by)


def _end(shifts: QuerySet[Shift], by: User | None) -> int:
    """Remove shifts to come, and end those that are running now."""
    now = timezone.now()
    found = list(shifts.filter(ends_at__gt=now).select_related("user", "unit"))
    for shift in found:
        before = _state(shift)
        if shift.starts_at > now:
            shift.delete()
            history.record(by, KIND, _key(shift), str(shift.user), before, {})
        else:
            shift.ends_at = now
            shift.save(update_fields=("ends_at",))
            history.record(by, KIND, _key(shift), str(shift.user), before, _state(shift))
    return len(found)


def on_duty(users: Iterable[int], now: datetime) -> set[int]:
    """Return which of the logins are on duty at `now`."""
    found = Shift.objects.filter(user__in=list(users), starts_at__lte=now, ends_at__gt=now)
    return set(found.values_list("user_id", flat=True))


def _key(shift: Shift) -> str:
    return f"{shift.unit.code}:{shift.user.username}:{shift.starts_at:%Y%m%dT%H%M%z}"


def _state(shift: Shift) -> dict[str, str]:
    return {"from": shift.starts_at.isoformat(), "to": shift.ends_at.isoformat()}
