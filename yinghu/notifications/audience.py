"""The audience of an event, as its verb's row declares it, found for many events at once.

It depends only on the event and the present posts. Each part names groups of people in turns; in
each turn the first group that is not empty is told. So a chase for a unit without a head goes to
the supervisors, and every chase reaches somebody while the city has an administrator. Nobody is
told of their own action; volunteers are told only of cases and legs that they hold, were offered or
help with.
"""

from collections.abc import Callable, Iterable, Sequence

from yinghu.appeals.models import ChaseTell, Event
from yinghu.appeals.states import ClockKind, Satisfaction, Status
from yinghu.appeals.verb import Audience
from yinghu.notifications.groups import Directory, Group
from yinghu.notifications.models import Reason
from yinghu.people.access import UNIT_ROLES
from yinghu.people.models import Level, Role
from yinghu.verbs import verb_of

Turns = Sequence[Sequence[Group]]
"""For each turn, groups in order; the first one that is not empty is told."""

AudiencePart = Callable[[Event, Directory], Turns]
"""One part of an audience: its turns for an event."""

_SERVING = frozenset(UNIT_ROLES)
_TAKING = _SERVING - {Role.VOLUNTEER}
_DESKS = {
    Reason.CLERK: frozenset({Role.CLERK}),
    Reason.DISPATCHER: frozenset({Role.DISPATCHER}),
    Reason.CALLBACK: frozenset({Role.OPERATOR, Role.CLERK}),
    Reason.SUPERVISOR: frozenset({Role.SUPERVISOR}),
    Reason.COMMAND: frozenset({Role.COMMANDER}),
    Reason.ADMIN: frozenset({Role.ADMIN}),
}
_SEEING = frozenset(
    role for reason, roles in _DESKS.items() if reason is not Reason.ADMIN for role in roles
)


def _of_unit(unit_id: int | None, reason: Reason = Reason.UNIT) -> Group:
    return Group(reason, unit_id=unit_id, roles=_TAKING)


def _heads_of(unit_id: int | None, reason: Reason = Reason.HEAD) -> Group:
    return Group(reason, unit_id=unit_id, roles=frozenset({Role.HEAD}))


def _desk(event: Event, reason: Reason) -> Group:
    return Group(reason, area=event.area_id or "", roles=_DESKS[reason])


def _holder(event: Event) -> Group:
    return Group(
        Reason.HOLDER, user_id=event.appeal.holder_id, unit_id=event.unit_id, roles=_SERVING
    )


def _unit(event: Event) -> Group:
    return _of_unit(event.unit_id)


def _heads(event: Event) -> Group:
    return _heads_of(event.unit_id)


def _working_on_it(event: Event) -> tuple[Group, ...]:
    """The people working on it: the holder, else the unit, else the desk where it waits."""
    dispatchers = _desk(event, Reason.DISPATCHER)
    if event.to_status == Status.SORTED:
        return (dispatchers,)
    if event.unit_id is not None:
        return _holder(event), _unit(event), dispatchers
    return _desk(event, Reason.CLERK), dispatchers


def _workers(event: Event, _known: Directory) -> Turns:
    return (_working_on_it(event),)


def _first_of(*groups: Callable[[Event], Group]) -> AudiencePart:
    """One turn of these groups of the case."""
    return lambda event, _known: (tuple(group(event) for group in groups),)


def _new_holder(event: Event, known: Directory) -> Turns:
    user_id = known.logins.get(event.facts.get("user", ""))
    return ((Group(Reason.HOLDER, user_id=user_id, unit_id=event.unit_id, roles=_SERVING),),)


def _desks(*reasons: Reason) -> AudiencePart:
    """The first of these desks that has anybody."""
    return lambda event, _known: (tuple(_desk(event, reason) for reason in reasons),)


def _alarm_desks(event: Event, _known: Directory) -> Turns:
    desks = (Reason.CLERK, Reason.CALLBACK, Reason.DISPATCHER, Reason.SUPERVISOR)
    command = _desk(event, Reason.COMMAND), _desk(event, Reason.ADMIN)
    return (*((_desk(event, reason),) for reason in desks), command)


_dispatchers = _desks(Reason.DISPATCHER, Reason.COMMAND)


def _dispatchers_if_asked(event: Event, known: Directory) -> Turns:
    return _dispatchers(event, known) if event.facts.get("asked") else ()


def _asking_unit(event: Event, known: Directory) -> Turns:
    """A granted return leaves the case without a unit, so the facts name it."""
    return ((_of_unit(known.unit(event.facts.get("unit")) or event.unit_id),),)


def _raised_to(event: Event, known: Directory) -> Turns:
    """The unit that has to accept it, the command at the top level, and the previous unit."""
    top = (_desk(event, Reason.COMMAND),) if event.facts.get("to") == Level.COMMAND else ()
    lead = _heads_of(event.appeal.lead_id, Reason.LEAD)
    before = _of_unit(known.before.get(event.pk), Reason.BEFORE)
    return (_unit(event),), top, (lead,), (before,)


def _named_units(reason: Reason) -> AudiencePart:
    """The units, or the one unit, that the facts name."""

    def turns(event: Event, known: Directory) -> Turns:
        codes = event.facts.get("units") or (event.facts.get("unit"),)
        return tuple((_of_unit(known.unit(code), reason),) for code in codes)

    return turns


def _askers(event: Event, known: Directory) -> Turns:
    codes = event.facts.get("askers", ())
    return tuple((_of_unit(known.unit(code), Reason.WHISTLER),) for code in codes)


def _whistlers(event: Event, known: Directory) -> Turns:
    """The people of the whistling unit, and the whistler while their desk covers the case."""
    unit_id, user_id = known.whistler(event)
    whistler = Group(Reason.WHISTLER, _SEEING, area=event.area_id or "", user_id=user_id)
    return (_of_unit(unit_id, Reason.WHISTLER),), (whistler,) if user_id is not None else ()


def _workers_if_dissatisfied(event: Event, known: Directory) -> Turns:
    unsatisfied = event.facts.get("satisfaction") == Satisfaction.UNSATISFIED
    return _workers(event, known) if unsatisfied or event.facts.get("solved") is False else ()


def _workers_if_not_told(event: Event, known: Directory) -> Turns:
    """Nobody if a rating reopened it: they were told of the rating."""
    rated = event.from_status in (Status.RESOLVED, Status.CLOSED)
    return () if rated and event.actor_kind == "system" else _workers(event, known)


_WAITING_AT = {
    ClockKind.RECEIVE: Reason.CLERK,
    ClockKind.DISPATCH: Reason.DISPATCHER,
    ClockKind.RULING: Reason.DISPATCHER,
    ClockKind.ALARM: Reason.CLERK,
    ClockKind.JUDGE: Reason.CLERK,
    ClockKind.FEEDBACK: Reason.CALLBACK,
    ClockKind.CONTEST: Reason.COMMAND,
}
"""Clocks that wait for a desk; all others wait for a unit, their own or the case's."""
_PARTY = {
    ClockKind.HELP: Reason.ASKED,
    ClockKind.WHISTLE: Reason.SUMMONED,
    ClockKind.MEASURES: Reason.SUMMONED,
    ClockKind.GRADE: Reason.WHISTLER,
}


def _chased(event: Event, _known: Directory) -> Turns:
    """The level that the step names, or the next one above that is not empty."""
    kind, own = ClockKind(event.facts["clock"]), event.facts.get("unit_id")
    heads: tuple[Group, ...] = ()
    if kind in _WAITING_AT:
        first: tuple[Group, ...] = (_desk(event, _WAITING_AT[kind]),)
    elif own is not None:
        first, heads = (_of_unit(own, _PARTY.get(kind, Reason.UNIT)),), (_heads_of(own),)
    elif event.unit_id is not None and event.to_status != Status.SORTED:
        first, heads = (_holder(event), _unit(event)), (_heads(event),)
    else:
        first = _working_on_it(event)
    levels = {
        ChaseTell.HOLDER: first,
        ChaseTell.HEAD: heads,
        ChaseTell.SUPERVISOR: (_desk(event, Reason.SUPERVISOR),),
        ChaseTell.COMMAND: (_desk(event, Reason.COMMAND), _desk(event, Reason.ADMIN)),
    }
    order = list(levels)
    start = order.index(ChaseTell(event.facts["tell"]))
    return (tuple(group for level in order[start:] for group in levels[level]),)


def _named(reason: Reason) -> AudiencePart:
    """The people whom the facts name, regardless of posts."""
    return lambda event, _known: tuple(
        (Group(reason, frozenset(), user_id=user_id),) for user_id in event.facts.get("told") or ()
    )


def _helper_finders(event: Event, known: Directory) -> Turns:
    """If nobody was found for a leg: those who have to find a helper."""
    dispatchers = _desk(event, Reason.DISPATCHER)
    match event.facts.get("to"):
        case "leader":
            leaders = tuple((_heads_of(pk),) for pk in known.squads(event.area_id))
            return (_heads(event), dispatchers), *leaders
        case "desk":
            return ((dispatchers, _desk(event, Reason.COMMAND)),)
    return ()


def _heads_if_no_answer(event: Event, _known: Directory) -> Turns:
    to_head = event.facts.get("to") == "head"
    return ((_heads(event), _holder(event)),) if to_head else ()


def _holder_or_unit_if_owed(event: Event, _known: Directory) -> Turns:
    owed = event.facts.get("owed") or event.facts.get("keepers")
    return ((_holder(event), _unit(event)),) if owed else ()


def _units_without_contact(event: Event, known: Directory) -> Turns:
    """The units on both sides of a sharing whose contact is not among the people named."""
    codes = event.facts.get("units") or ()
    return tuple((_of_unit(known.unit(code), Reason.SHARED),) for code in codes)


_PARTS: dict[Audience, AudiencePart] = {
    Audience.UNIT: _first_of(_unit),
    Audience.HEADS: _first_of(_heads),
    Audience.HOLDER: _first_of(_holder),
    Audience.HOLDER_OR_UNIT: _first_of(_holder, _unit),
    Audience.NEW_HOLDER: _new_holder,
    Audience.WORKERS: _workers,
    Audience.WORKERS_IF_DISSATISFIED: _workers_if_dissatisfied,
    Audience.WORKERS_IF_NOT_TOLD: _workers_if_not_told,
    Audience.ALARM_DESKS: _alarm_desks,
    Audience.DISPATCHERS: _dispatchers,
    Audience.DISPATCHERS_IF_ASKED: _dispatchers_if_asked,
    Audience.SUPERVISORS: _desks(Reason.SUPERVISOR, Reason.COMMAND),
    Audience.COMMAND: _desks(Reason.COMMAND, Reason.ADMIN),
    Audience.ASKING_UNIT: _asking_unit,
    Audience.INVITED_UNITS: _named_units(Reason.ASKED),
    Audience.RAISED_TO: _raised_to,
    Audience.CHASED_LEVEL: _chased,
    Audience.ASKING_UNITS: _askers,
    Audience.SUMMONED_UNITS: _named_units(Reason.SUMMONED),
    Audience.WHISTLERS: _whistlers,
    Audience.SHARING_UNITS: _named_units(Reason.SHARED),
    Audience.NAMED_CONTACTS: _named(Reason.SHARED),
    Audience.UNITS_WITHOUT_CONTACT: _units_without_contact,
    Audience.HELPERS: _named(Reason.HELPER),
    Audience.OFFERED_HELPERS: _named(Reason.OFFERED),
    Audience.HELPER_FINDERS: _helper_finders,
    Audience.HEADS_IF_NO_ANSWER: _heads_if_no_answer,
    Audience.HOLDER_OR_UNIT_IF_OWED: _holder_or_unit_if_owed,
}


def find_audience(events: Sequence[Event]) -> list[tuple[Event, int, Reason]]:
    """Return (event, user id, reason) for everyone to be told, in the order of the events.

    Each person occurs once per event, with the first reason. A handful of queries in all.
    """
    known = Directory(events)
    found: list[tuple[Event, int, Reason]] = []
    for event in events:
        told: dict[int, Reason] = {}
        for part in verb_of(event).audience:
            for turn in _PARTS[part](event, known):
                for user_id, reason in _first(turn, known):
                    told.setdefault(user_id, reason)
        told.pop(event.user_id or 0, None)
        found += [(event, user_id, reason) for user_id, reason in told.items()]
    return found


def _first(groups: Iterable[Group], known: Directory) -> list[tuple[int, Reason]]:
    for group in groups:
        if people := known.people(group):
            return [(user_id, group.reason) for user_id in people]
    return []
