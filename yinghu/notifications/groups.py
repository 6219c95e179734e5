"""Groups of people, resolved by the present posts, for many events at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import OuterRef, Subquery

from yinghu.appeals.models import Event
from yinghu.notifications.models import Reason
from yinghu.oversight.actions import ESCALATE
from yinghu.oversight.models import Summons
from yinghu.people.access import UNIT_ROLES, active_posts
from yinghu.people.models import Role, Unit, UnitKind, User


@dataclass(frozen=True, slots=True)
class Group:
    """People with one of `roles` in a unit, or at a desk whose post covers an `area`; with
    `user_id` only that person of them. Without roles: that person, regardless of posts.
    """

    reason: Reason
    roles: frozenset[str]
    unit_id: int | None = None
    area: str | None = None
    user_id: int | None = None


_AT_DESKS = frozenset(Role) - frozenset(UNIT_ROLES)


class Directory:
    """The posts that these events may need; each kind is fetched once, when first used."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._covering: dict[tuple[frozenset[str], str], set[int]] = {}

    def people(self, group: Group) -> list[int]:
        """Return the ids of the active logins in the group, sorted."""
        if not group.roles:
            # People who were asked or help, regardless of posts.
            return [] if group.user_id is None else [group.user_id]
        if group.area is not None:
            found = self._at_desk(group.roles, group.area)
        elif group.unit_id is None or (group.reason is Reason.HOLDER and group.user_id is None):
            return []
        else:
            posts = self._in_units.get(group.unit_id, ())
            found = {user_id for user_id, role in posts if role in group.roles}
        return sorted(found if group.user_id is None else found & {group.user_id})

    def unit(self, code: object) -> int | None:
        """Return the id of the unit with this code, if any."""
        return self._units.get(str(code or ""))

    def whistler(self, event: Event) -> tuple[int | None, int | None]:
        """Return (unit, login) of the last earlier whistle that called the unit of the facts."""
        last: tuple[int | None, int | None] = (None, None)
        for event_id, code, unit_id, user_id in self._whistles.get(event.appeal_id, ()):
            if event_id < event.pk and code == event.facts.get("unit"):
                last = (unit_id, user_id)
        return last

    def squads(self, area_id: str | None) -> list[int]:
        """Return the ids of the squads that serve in this area."""
        return [pk for pk, prefix in self._squads if (area_id or "").startswith(prefix)]

    def _at_desk(self, roles: frozenset[str], area: str) -> set[int]:
        key = (roles, area)
        if key not in self._covering:
            self._covering[key] = {
                user_id
                for user_id, role, prefix in self._desk_posts
                if role in roles and area.startswith(prefix)
            }
        return self._covering[key]

    @cached_property
    def _in_units(self) -> dict[int, list[tuple[int, str]]]:
        wanted: set[int | None] = {*self._units.values(), *self.before.values()}
        for event in self._events:
            wanted |= {event.unit_id, event.appeal.lead_id, event.facts.get("unit_id")}
        if any(event.facts.get("to") == "leader" for event in self._events):
            wanted |= {pk for pk, _area in self._squads}
        for calls in self._whistles.values():
            wanted |= {unit_id for _event, _code, unit_id, _user in calls}
        posts = active_posts().filter(unit__in=wanted - {None}).exclude(role__in=_AT_DESKS)
        found: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for unit_id, user_id, role in posts.values_list("unit", "user", "role"):
            found[unit_id].append((user_id, role))
        return found

    @cached_property
    def _desk_posts(self) -> list[tuple[int, str, str]]:
        posts = active_posts().filter(role__in=_AT_DESKS)
        rows = posts.values_list("user", "role", "area")
        return [
            (user_id, role, area or "")
            for user_id, role, area in rows
            # An administrator of a part of the city is not the last resort for a chase.
            if role != Role.ADMIN or not area
        ]

    @cached_property
    def _units(self) -> dict[str, int]:
        codes = {
            str(code)
            for event in self._events
            for name in ("units", "askers")
            for code in event.facts.get(name, ())
        }
        codes |= {str(event.facts["unit"]) for event in self._events if event.facts.get("unit")}
        return dict(Unit.objects.filter(code__in=codes).values_list("code", "pk"))

    @cached_property
    def _squads(self) -> list[tuple[int, str]]:
        found = Unit.objects.filter(kind=UnitKind.SQUAD, active=True).order_by("pk")
        return [(pk, area or "") for pk, area in found.values_list("pk", "area")]

    @cached_property
    def before(self) -> dict[int, int | None]:
        """The unit that had the case before it was raised, by event."""
        raised = [event.pk for event in self._events if event.verb == ESCALATE.name]
        earlier = Event.objects.filter(appeal=OuterRef("appeal"), seq__lt=OuterRef("seq"))
        last = Subquery(earlier.order_by("-seq").values("unit")[:1])
        found = Event.objects.filter(pk__in=raised).annotate(before=last)
        return dict(found.values_list("pk", "before"))

    @cached_property
    def logins(self) -> dict[str, int]:
        """The logins that the facts name, by username."""
        names = {str(event.facts["user"]) for event in self._events if event.facts.get("user")}
        return dict(User.objects.filter(username__in=names).values_list("username", "pk"))

    @cached_property
    def _whistles(self) -> dict[int, list[tuple[int, str, int, int | None]]]:
        """(event, code of the unit called, unit and login of the whistler) by appeal, in order."""
        found: dict[int, list[tuple[int, str, int, int | None]]] = defaultdict(list)
        answers = ("report_in", "measures", "contest", "judge")
        about = {event.appeal_id for event in self._events if event.verb in answers}
        calls = Summons.objects.filter(whistle__appeal__in=about).order_by("whistle__event")
        columns = ("whistle__event", "unit__code", "whistle__unit", "whistle__event__user")
        for appeal_id, *call in calls.values_list("whistle__appeal", *columns):
            found[appeal_id].append(tuple(call))
        return found
