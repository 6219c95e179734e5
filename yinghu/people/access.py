"""Permissions: who may see and do what to which appeal, derived from posts.

Pages, API, live updates and verbs all ask here. A post reaches an appeal by area prefix (desks) or
by the unit that the appeal is assigned to.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet

from yinghu.common.privacy.masking import without_digits
from yinghu.people.models import Post, Role, Unit, UnitKind, User


class Case(Protocol):
    """The attributes of an appeal that permissions depend on."""

    pk: int
    status: str
    area_id: str | None
    unit_id: int | None
    holder_id: int | None
    also: list[int] | None


class Task(Protocol):
    """The attributes of an errand's leg that permissions depend on."""

    state: str
    appeal_id: int
    holder_id: int | None
    at_home: bool


class Meeting(Protocol):
    """The attributes of a hand-over that permissions depend on."""

    pk: int
    state: str
    giver_id: int | None
    holder_id: int | None


@dataclass(frozen=True, slots=True)
class Grant:
    """One active post: a role in a unit, of a kind, over an area prefix ("" is everywhere)."""

    role: str
    unit_id: int
    area: str = ""
    unit_kind: str = ""

    def covers(self, area_id: str | None) -> bool:
        return not self.area or (area_id or "").startswith(self.area)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a login with its posts, the requester of one appeal, or the platform itself.

    A login with an `appeal_id` helps with a leg of that appeal's errands.
    """

    kind: str
    user_id: int | None = None
    name: str = ""
    grants: tuple[Grant, ...] = ()
    appeal_id: int | None = None
    unit_ids: frozenset[int] = field(default=frozenset())

    def has(self, *roles: str) -> bool:
        return any(grant.role in roles for grant in self.grants)

    @property
    def is_staff(self) -> bool:
        return bool(self.grants)

    @property
    def all_units(self) -> frozenset[int]:
        """The actor's units, without those where they only volunteer."""
        return frozenset(g.unit_id for g in self.grants if g.role != Role.VOLUNTEER)

    @property
    def party_units(self) -> frozenset[int]:
        """Those that can have a part in another unit's case."""
        return frozenset(
            g.unit_id for g in self.grants if g.role in UNIT_ROLES and g.role != Role.VOLUNTEER
        )


SYSTEM = Actor("system")

_DESK_ROLES = {
    Role.CLERK: ("triage", "callback"),
    Role.DISPATCHER: ("dispatch",),
    Role.OPERATOR: ("callback",),
    Role.SUPERVISOR: ("command",),
    Role.COMMANDER: ("command",),
}
"""Roles that reach an area, with the relations (`appeals.states.Who`) that they give."""

UNIT_ROLES = {
    Role.HANDLER: ("handler",),
    Role.HEAD: ("head", "handler"),
    Role.VOLUNTEER: ("volunteer",),
    Role.GRID_WORKER: ("handler",),
}
"""Roles that reach the unit that an appeal is assigned to."""

_IN_HAND = ("handling", "waiting")
"""Values of `appeals.states.Status` while somebody works on it; that package is above this one."""

_OPEN, _TAKEN = "open", "taken"
"""Values of `errands.models.Leg.State`, likewise."""

_POSTS_SQL = """
SELECT post.role, post.unit_id, coalesce(post.area_id, ''), unit.kind
FROM people_post AS post JOIN people_unit AS unit ON unit.id = post.unit_id
WHERE post.user_id = %s AND post.active AND unit.active
"""
"""Runs on every request of a login."""


def actor_of(user: User) -> Actor:
    """Return the actor of a login, with its active posts in active units, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTS_SQL, [user.pk])
        grants = tuple(Grant(*row) for row in cursor.fetchall())
    units = frozenset(grant.unit_id for grant in grants if grant.role in UNIT_ROLES)
    return Actor("user", user.pk, str(user), grants, unit_ids=units)


def requester_of(appeal_id: int) -> Actor:
    """Return the actor for the holder of an appeal's tracking link or phone number."""
    return Actor("requester", appeal_id=appeal_id)


def helper_of(actor: Actor, appeal_id: int) -> Actor:
    """Return the actor as a helper with a leg; only for `errands`, which checks whose it is."""
    return replace(actor, appeal_id=appeal_id)


def relations(actor: Actor, case: Case) -> frozenset[str]:
    """Return the actor's relations to the case (values of `appeals.states.Who`); empty for none."""
    if actor.kind == "system":
        return frozenset({"system"})
    if actor.kind == "requester":
        return frozenset({"requester"} if actor.appeal_id == case.pk else ())
    found: set[str] = set()
    for grant in actor.grants:
        if grant.role in _DESK_ROLES and grant.covers(case.area_id):
            found.update(_DESK_ROLES[Role(grant.role)])
        if grant.role in UNIT_ROLES and case.unit_id == grant.unit_id:
            found.update(UNIT_ROLES[Role(grant.role)])
            # A holder who has left the unit no longer counts, whatever the row says.
            if actor.user_id is not None and actor.user_id == case.holder_id:
                found.add("holder")
    if actor.appeal_id == case.pk:
        found.add("helper")
    if case.also and actor.party_units.intersection(case.also):
        found.add("party")
    return frozenset(found)


def active_posts() -> QuerySet[Post]:
    """Return the active posts of active logins in active units."""
    return Post.objects.filter(active=True, unit__active=True, user__is_active=True)


def serving(unit_id: int | None) -> QuerySet[User]:
    """Return the active logins that may hold a case of this unit."""
    posts = active_posts().filter(unit=unit_id, role__in=UNIT_ROLES)
    return User.objects.filter(pk__in=posts.values("user")).order_by("pk")


def serves(unit_id: int | None, user_id: int | None) -> bool:
    """May this login hold a case of this unit?"""
    return user_id is not None and serving(unit_id).filter(pk=user_id).exists()


def speaking(units: Any) -> QuerySet[Post]:
    """Return posts of members except volunteers; `units` is ids or, in a subquery, `OuterRef`."""
    found = active_posts().filter(role__in=[role for role in UNIT_ROLES if role != Role.VOLUNTEER])
    return found.filter(**{"unit" if isinstance(units, OuterRef) else "unit__in": units})


def speaking_for(unit_id: int) -> QuerySet[User]:
    """Return the active logins that speak for a unit."""
    return User.objects.filter(pk__in=speaking([unit_id]).values("user")).order_by("pk")


def staffed() -> frozenset[int]:
    """Return the units with somebody who can take a case."""
    return frozenset(staffed_units().values_list("pk", flat=True))


def staffed_units() -> QuerySet[Unit]:
    """Return the units of `staffed`."""
    posts = active_posts().filter(role__in=UNIT_ROLES)
    return Unit.objects.filter(pk__in=posts.values("unit"))


def may_see(actor: Actor, case: Case) -> bool:
    """Does the case exist for this actor? The rule of `visible_q`, for one case."""
    return bool(relations(actor, case))


def visible_q(actor: Actor) -> Q:
    """Filter `appeals.Appeal` to those that the actor may see."""
    if actor.kind == "system":
        return Q()
    if actor.kind == "requester":
        return Q(pk=actor.appeal_id)
    reach = Q(pk__in=[])
    for grant in actor.grants:
        if grant.role in _DESK_ROLES:
            if not grant.area:
                return Q()
            reach |= Q(area__code__startswith=grant.area)
    if actor.unit_ids:
        # Includes what the actor holds, because only members of the unit can hold its cases.
        reach |= Q(unit_id__in=actor.unit_ids)
    if actor.appeal_id is not None:
        reach |= Q(pk=actor.appeal_id)
    if actor.party_units:
        reach |= Q(also__overlap=sorted(actor.party_units))
    return reach


def may_reveal(actor: Actor, case: Case) -> bool:
    """May the actor see names, phones, addresses and photos? A volunteer only while holding it."""
    mine = relations(actor, case)
    if mine - _VOLUNTEER_RELATIONS:
        return True
    return "holder" in mine and case.status in _IN_HAND


def holds_leg(actor: Actor, leg: Task) -> bool:
    """Does the actor have this leg in hand?"""
    return leg.state == _TAKEN and actor.user_id is not None and leg.holder_id == actor.user_id


def meets(actor: Actor, leg: Meeting, other_id: int) -> bool:
    """Is the actor one side of this pending hand-over, and this login the other?"""
    sides = {leg.giver_id, leg.holder_id}
    return leg.state == _OPEN and len(sides) == 2 and sides == {actor.user_id, other_id}


def revealed_q(actor: Actor) -> Q:
    """Filter visible appeals to those for which `may_reveal` holds; `Q()` is all of them."""
    if not actor.has(Role.VOLUNTEER):
        return Q()
    inside = tuple(grant for grant in actor.grants if grant.role != Role.VOLUNTEER)
    units = frozenset(grant.unit_id for grant in inside if grant.role in UNIT_ROLES)
    reach = visible_q(replace(actor, grants=inside, unit_ids=units))
    held = Q(holder=actor.user_id, unit_id__in=actor.unit_ids, status__in=_IN_HAND)
    return reach | held if reach else reach


_VOLUNTEER_RELATIONS = frozenset({"volunteer", "holder", "helper"})
"""Relations that a volunteer can have; staff always have another one."""


def only_volunteers_in(actor: Actor) -> frozenset[int]:
    """Return the units in which the actor is nothing but a volunteer."""
    volunteers = (g.unit_id for g in actor.grants if g.role == Role.VOLUNTEER)
    return frozenset(volunteers) - actor.all_units


def may_read_why(actor: Actor, case: Case) -> bool:
    """May the actor read internal reasons? Not the requester, and not volunteers."""
    return bool(relations(actor, case) - _VOLUNTEER_RELATIONS - {"requester"})


def may_search_phones(actor: Actor) -> bool:
    """May the actor find appeals by phone number? Trying numbers reveals who asked for help."""
    return actor.has(Role.CLERK, Role.DISPATCHER, Role.OPERATOR, Role.SUPERVISOR, Role.COMMANDER)


@dataclass(frozen=True, slots=True)
class Sought:
    """Search words and who searches: cases match only by fields that the searcher may read."""

    words: str
    actor: Actor


def words_to_search(actor: Actor, query: str) -> Sought:
    """Return search words; without possible phones unless the actor may search those."""
    return Sought(query if may_search_phones(actor) else without_digits(query), actor)


_OVERSEEING = (Role.DISPATCHER, Role.SUPERVISOR, Role.COMMANDER)
_CALLABLE = (Role.HANDLER, Role.HEAD, Role.GRID_WORKER, Role.CLERK, *_OVERSEEING)
_DESKS: dict[str, tuple[Role, ...]] = {
    "triage": (Role.CLERK,),
    "dispatch": (Role.DISPATCHER,),
    "inbox": (Role.HANDLER, Role.HEAD, Role.GRID_WORKER),
    "field": (Role.VOLUNTEER, Role.HANDLER, Role.HEAD, Role.GRID_WORKER),
    "callback": (Role.CLERK, Role.OPERATOR),
    # Everybody except volunteers, and administrators who are nothing else.
    "cases": (*_CALLABLE, Role.OPERATOR),
    "own": (*_CALLABLE, Role.OPERATOR),
    "oversight": _OVERSEEING,
    # Those who see alarms and judge them.
    "alarms": (Role.CLERK, Role.OPERATOR, *_OVERSEEING),
    # Those who may call units, be called, or rule on calls.
    "whistles": _CALLABLE,
    # Those who share cases with task forces, or with whom cases are shared.
    "shared": (Role.HANDLER, Role.HEAD, *_OVERSEEING),
}
"""Desks by the roles that have them; set-up, volunteers, board and rates depend on more."""


def desks_of(actor: Actor) -> frozenset[str]:
    """Return the names of the actor's pages."""
    desks = {desk for desk, roles in _DESKS.items() if actor.has(*roles)}
    if is_city_admin(actor):
        desks |= {"setup", "volunteers", "tags"}
    if any(grant.role == Role.HEAD and grant.unit_kind in JOINED for grant in actor.grants):
        desks.add("volunteers")
    if any(_protects(grant) for grant in actor.grants):
        desks |= {"guardian", "tags"}
    if board_scopes(actor):
        desks |= {"board", "rates"}
    return frozenset(desks)


_PROTECTING_DESKS = frozenset({Role.OPERATOR, Role.DISPATCHER, Role.SUPERVISOR, Role.COMMANDER})
_PROTECTING_UNITS = frozenset({UnitKind.GRID, UnitKind.COMMUNITY, UnitKind.TOWN})
_PROTECTING_ROLES = frozenset({Role.GRID_WORKER, Role.HEAD, Role.HANDLER})


def _protects(grant: Grant) -> bool:
    of_unit = grant.unit_kind in _PROTECTING_UNITS and grant.role in _PROTECTING_ROLES
    return grant.role in _PROTECTING_DESKS or of_unit


def protected_areas(actor: Actor) -> tuple[str, ...]:
    """Return the area prefixes whose protected people the actor may look after: ("",) is
    everywhere, () nowhere. Desks have those of their post, grid workers and the staff of
    communities and towns those of their unit.
    """
    desks = {grant.area for grant in actor.grants if grant.role in _PROTECTING_DESKS}
    units = [g.unit_id for g in actor.grants if _protects(g) and g.role in _PROTECTING_ROLES]
    if units:
        found = Unit.objects.filter(pk__in=units, area__isnull=False)
        desks |= {str(area) for area in found.values_list("area", flat=True)}
    return ("",) if "" in desks else tuple(sorted(desks))


def protected_q(actor: Actor) -> Q:
    """Filter `guardian.ProtectedPerson` to those in the actor's areas."""
    reach = Q(pk__in=[])
    for area in protected_areas(actor):
        if not area:
            return Q()
        reach |= Q(area__code__startswith=area)
    return reach


def may_protect(actor: Actor, area_id: str) -> bool:
    """May the actor look after the protected people of this area? The rule of `protected_q`."""
    return any(area_id.startswith(area) for area in protected_areas(actor))


def protecting_posts(area_id: str) -> QuerySet[Post]:
    """Return the posts of grid workers and staff of communities and towns who serve in this area or
    in a part of it; "" is everywhere.
    """
    found = active_posts().filter(role__in=_PROTECTING_ROLES, unit__kind__in=_PROTECTING_UNITS)
    if not area_id:
        return found
    above = [area_id[:length] for length in range(1, len(area_id))]
    return found.filter(Q(unit__area__code__startswith=area_id) | Q(unit__area__in=above))


JOINED = frozenset({UnitKind.GROUP, UnitKind.SQUAD})
"""Kinds of unit that people join as volunteers."""


def is_city_admin(actor: Actor) -> bool:
    """Is the actor an administrator of everything?"""
    return any(grant.role == Role.ADMIN and not grant.area for grant in actor.grants)


def forces_of(actor: Actor) -> frozenset[int]:
    """Return the task forces (专班) that the actor speaks for."""
    forces = (g for g in actor.grants if g.unit_kind == UnitKind.TASK_FORCE)
    return frozenset(grant.unit_id for grant in forces) & actor.party_units


def overseen_q(actor: Actor) -> Q:
    """Filter appeals to the areas where the actor dispatches or commands."""
    return _reached_q(actor, _OVERSEEING)


def desk_areas(actor: Actor) -> tuple[str, ...]:
    """Return the area prefixes of the actor's desks: ("",) is everywhere, () nowhere."""
    areas = {grant.area for grant in actor.grants if grant.role in _DESK_ROLES}
    return ("",) if "" in areas else tuple(sorted(areas))


def at_desk_q(actor: Actor) -> Q:
    """Filter appeals to the areas of the actor's desks."""
    return _reached_q(actor, tuple(_DESK_ROLES))


def _reached_q(actor: Actor, roles: tuple[Role, ...]) -> Q:
    desks = tuple(grant for grant in actor.grants if grant.role in roles)
    return visible_q(Actor("user", actor.user_id, grants=desks))


def squads_of(actor: Actor) -> QuerySet[Unit]:
    """Return the groups and squads that the actor coordinates: a head's own, an admin's all."""
    squads = Unit.objects.filter(kind__in=JOINED)
    if is_city_admin(actor):
        return squads
    own = {grant.unit_id for grant in actor.grants if grant.role == Role.HEAD}
    return squads.filter(pk__in=own, active=True)


def is_only_volunteer(actor: Actor) -> bool:
    """Is the actor nothing but a volunteer?"""
    return actor.is_staff and all(grant.role == Role.VOLUNTEER for grant in actor.grants)


_BOARD_ROLES = frozenset(
    {Role.SUPERVISOR, Role.COMMANDER, Role.CLERK, Role.DISPATCHER, Role.HEAD, Role.ADMIN}
)


def administrators() -> QuerySet[Post]:
    """Return the posts of city-wide administrators."""
    return active_posts().filter(role=Role.ADMIN, area=None)


def board_scopes(actor: Actor) -> tuple[str, ...]:
    """Return the area prefixes whose figures the actor may see: ("",) is everywhere, () nowhere.

    A head's reach is the unit, so an empty area in such a post does not mean all areas.
    """
    scopes = {
        grant.area
        for grant in actor.grants
        if grant.role in _BOARD_ROLES and (grant.area or grant.role != Role.HEAD)
    }
    return ("",) if "" in scopes else tuple(sorted(scopes))


def sees_area(actor: Actor, prefix: str) -> bool:
    """May the actor see every appeal under an area prefix ("" is everywhere), by a desk's post?"""
    return any(g.role in _DESK_ROLES and prefix.startswith(g.area) for g in actor.grants)


def may_export(actor: Actor) -> bool:
    """May the actor export lists? Only desks that reach an area."""
    return any(grant.role in _DESK_ROLES for grant in actor.grants)
