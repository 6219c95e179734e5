"""Volunteers: applying, approval, suspension, leaving, availability, and zones they may enter.

Every change of state locks the row, checks its state and writes the history, in one transaction.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.common.privacy.sealing import blind, seal
from yinghu.people import history
from yinghu.people.models import Change, Post, Role, Unit, User, Volunteer
from yinghu.people.sessions import end_sessions
from yinghu.places.models import Zone, new_place_code

KIND: Final = "volunteer"
"""Kind of the history's rows, whose key is the username."""

State = Volunteer.State


class VolunteerRefused(Exception):
    """The step is not allowed; the message says why, in the reader's language."""


class PhoneInUse(VolunteerRefused):
    """An active or applying volunteer has this phone."""

    def __init__(self) -> None:
        super().__init__(_("这个手机号已经报过名了"))


_DECIDED = gettext_lazy("这份报名已经有人处理了")
_GONE = gettext_lazy("已经退出了")


def create_application(
    squad: Unit,
    name: str,
    phone: str,
    *,
    skills: Iterable[str] = (),
    areas: Iterable[str] = (),
    inside: str = "",
    by: User | None = None,
) -> Volunteer:
    """Create an application, with a login that has no password and no post yet.

    `phone` is in E.164. `by` is the coordinator who entered it, None for the volunteer. Raises
    PhoneInUse, also if two apply with one phone at the same time.
    """
    caller = blind(phone)
    if caller is None:
        raise VolunteerRefused(_("请写完整的手机号码"))
    try:
        with transaction.atomic():
            user = User(username=f"v-{new_place_code()}", display_name=name[:60])
            user.set_unusable_password()
            user.save()
            volunteer = Volunteer.objects.create(
                user=user,
                squad=squad,
                name=seal(name),
                phone=seal(phone),
                caller=caller,
                skills=sorted(set(skills)),
                areas=sorted(set(areas)),
                inside=inside,
                consented_at=timezone.now(),
            )
            _record(by or user, volunteer, {}, _state(volunteer))
    except IntegrityError as clash:
        if "volunteer_phone_once" in str(clash):
            raise PhoneInUse from clash
        raise
    return volunteer


def add_volunteer(squad: Unit, name: str, phone: str, by: User) -> Volunteer:
    """Add somebody whom the coordinator knows to the squad at once. Raises VolunteerRefused."""
    with transaction.atomic():
        return approve(create_application(squad, name, phone, by=by), by)


def approve(volunteer: Volunteer, by: User) -> Volunteer:
    """Take an applicant into the squad. Raises VolunteerRefused if already decided."""
    return _move(volunteer, by, State.ACTIVE, {State.APPLIED}, _DECIDED, decides=True)


def reject(volunteer: Volunteer, by: User, why: str) -> Volunteer:
    """Decline an application; the phone may apply again."""
    return _move(volunteer, by, State.LEFT, {State.APPLIED}, _DECIDED, why, decides=True)


def suspend(volunteer: Volunteer, by: User, why: str) -> Volunteer:
    """End every post as a volunteer and every session, until `resume_volunteer`."""
    return _move(volunteer, by, State.SUSPENDED, {State.ACTIVE}, _("在队的才能暂停"), why)


def resume_volunteer(volunteer: Volunteer, by: User) -> Volunteer:
    """Restore the posts that `suspend` ended."""
    return _move(volunteer, by, State.ACTIVE, {State.SUSPENDED}, _("暂停的才能恢复"))


def leave(volunteer: Volunteer, by: User, why: str = "") -> Volunteer:
    """Leave the squad, by the volunteer or a coordinator. The phone becomes free."""
    here = {State.APPLIED, State.ACTIVE, State.SUSPENDED}
    return _move(volunteer, by, State.LEFT, here, _GONE, why)


def locked(volunteer: Volunteer) -> Volunteer:
    """Return the row, locked until the transaction ends."""
    found = Volunteer.objects.select_for_update(of=("self",), no_key=True)
    return found.select_related("user", "squad").get(pk=volunteer.pk)


def _move(
    volunteer: Volunteer,
    by: User,
    target: State,
    sources: Collection[State],
    why_not: Any,
    why: str = "",
    *,
    decides: bool = False,
) -> Volunteer:
    """Change the state, or raise VolunteerRefused (`why_not`) unless it is one of `sources`."""
    with transaction.atomic():
        now = locked(volunteer)
        if now.state not in sources:
            raise VolunteerRefused(str(why_not))
        before = _state(now)
        if target is State.ACTIVE:
            _begin_posts(now)
        elif ended := _end_posts(now.user):
            before["posts"] = ended
        now.state, now.note = target.value, why[:200]
        if decides:
            now.decided_at, now.decided_by = timezone.now(), by
        if target is not State.ACTIVE:
            now.ready_until = None
        if target is State.LEFT:
            # Promised in the consent text. `caller` remains, so that a returning volunteer is
            # recognised; the number cannot be read from it.
            now.phone, now.lon, now.lat, now.located_at = b"", None, None, None
        now.save()
        _record(by, now, before, _state(now))
        if target is not State.ACTIVE:
            end_sessions(now.user)
    return now


def _end_posts(user: User) -> list[str]:
    """End every post as a volunteer; return the units of those that were active."""
    posts = Post.objects.filter(user=user, role=Role.VOLUNTEER, active=True)
    ended = sorted(posts.values_list("unit__code", flat=True))
    posts.update(active=False)
    return ended


def _begin_posts(volunteer: Volunteer) -> None:
    """Activate the post in the squad, and those that the last suspension ended."""
    _post, new = Post.objects.get_or_create(
        user=volunteer.user, unit=volunteer.squad, role=Role.VOLUNTEER, area=None
    )
    units = {volunteer.squad.code}
    last = Change.objects.filter(kind=KIND, key=volunteer.user.username, before__has_key="posts")
    if not new and (change := last.order_by("-id").first()):
        units.update(change.before["posts"])
    posts = Post.objects.filter(user=volunteer.user, role=Role.VOLUNTEER, unit__code__in=units)
    posts.update(active=True)


def of_phone(phone: str) -> Volunteer | None:
    """Return the volunteer with this phone (E.164): the current one, else the last who left."""
    found = Volunteer.objects.filter(caller=blind(phone)).select_related("squad", "user")
    return min(found, key=lambda one: (one.state == State.LEFT, -one.pk), default=None)


def change(volunteer: Volunteer, by: User, **values: Any) -> bool:
    """Update skills, areas, zones, inside or hours; False if nothing changes."""
    assert values.keys() <= {"skills", "areas", "zones", "inside", "hours"}  # noqa: S101  # our own words
    with transaction.atomic():
        now = _locked_member(volunteer)
        before = _state(now)
        for name, value in values.items():
            setattr(now, name, sorted(set(value)) if isinstance(value, list | tuple) else value)
        if before == _state(now):
            return False
        now.save(update_fields=list(values))
        _record(by, now, before, _state(now))
    return True


def _locked_member(volunteer: Volunteer) -> Volunteer:
    now = locked(volunteer)
    if now.state == State.LEFT:
        raise VolunteerRefused(str(_GONE))
    return now


def record_training(volunteer: Volunteer, by: User) -> Volunteer:
    """Record that they have been trained, now."""
    with transaction.atomic():
        now = _locked_member(volunteer)
        now.trained_at = timezone.now()
        now.save(update_fields=("trained_at",))
        _record(by, now, {}, {"trained": True})
    return now


def set_ready(volunteer: Volunteer, until: datetime) -> None:
    """Make them available until then, a day at most. VolunteerRefused unless in the squad."""
    until = min(until, timezone.now() + timedelta(hours=24))
    _update_active(volunteer, ready_until=until, away_until=None)


def set_away(volunteer: Volunteer, until: datetime) -> None:
    """Make them unavailable until then, 60 days at most, whatever their hours are."""
    until = min(until, timezone.now() + timedelta(days=60))
    _update_active(volunteer, ready_until=None, away_until=until)


def locate(volunteer: Volunteer, lon: float, lat: float) -> None:
    """Store where they report to be (WGS-84 degrees), rounded to some hundred metres."""
    _update_active(volunteer, lon=round(lon, 3), lat=round(lat, 3), located_at=timezone.now())


def _update_active(volunteer: Volunteer, **values: Any) -> None:
    # One statement with its condition, so no lock is needed.
    put = Volunteer.objects.filter(pk=volunteer.pk, state=State.ACTIVE).update(**values)
    if not put:
        raise VolunteerRefused(_("在队的志愿者才能这样做"))
    for name, value in values.items():
        setattr(volunteer, name, value)


def hour_of_week(moment: datetime) -> int:
    """Return the hour of the week; 0 is Monday 0:00 to 1:00 local time."""
    here = timezone.localtime(moment)
    return here.weekday() * 24 + here.hour


def can_be_asked(volunteer: Volunteer, now: datetime, *, on_duty: bool = False) -> bool:
    """Can they be asked now? Their own statement overrides shifts and hours."""
    away = volunteer.away_until is not None and volunteer.away_until > now
    if away or volunteer.state != State.ACTIVE:
        return False
    ready = volunteer.ready_until is not None and volunteer.ready_until > now
    return ready or on_duty or hour_of_week(now) in volunteer.hours


def may_enter(zone: Zone, volunteer: Volunteer) -> bool:
    """Does the zone's rule let them in?"""
    if not zone.active or zone.status == Zone.Status.OPEN:
        return True
    if zone.skill and zone.skill not in volunteer.skills:
        return False
    if zone.entry == Zone.Entry.PASS:
        return zone.code in volunteer.zones or volunteer.inside == zone.code
    return zone.entry == Zone.Entry.ANYONE


def may_go(volunteer: Volunteer, zone_code: str, zones: Mapping[str, Zone] | None = None) -> bool:
    """May they go to a place in this zone ("" for none)? Zones are read if not given."""
    codes = {code for code in (zone_code, volunteer.inside) if code}
    if zones is None:
        zones = Zone.objects.in_bulk(codes)
    home = zones.get(volunteer.inside)
    shut_in = home is not None and home.active and home.status == Zone.Status.SEALED
    if shut_in and zone_code != volunteer.inside:
        return False
    zone = zones.get(zone_code)
    return zone is None or may_enter(zone, volunteer)


def _state(volunteer: Volunteer) -> dict[str, Any]:
    """The values in the history, without name and phone."""
    names = ("state", "skills", "areas", "zones", "inside", "hours", "note")
    told = {name: getattr(volunteer, name) for name in names}
    return told | {"squad": volunteer.squad.code}


def _record(by: User | None, volunteer: Volunteer, before: Any, after: Any) -> None:
    user = volunteer.user
    history.record(by, KIND, user.username, str(user), before, after)
