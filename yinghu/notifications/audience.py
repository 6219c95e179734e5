"""The audience of an event: one table from verbs to people, read for many events at once.

It depends only on the event and the present posts. A row names groups of people in turns; in each
turn the first group that is not empty is told. So a chase for a unit without a head goes to the
supervisors, and every chase reaches somebody while the city has an administrator. Nobody is told of
their own action; volunteers are told only of cases and legs that they hold, were offered or help
with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from yinghu.appeals.models import ChaseTell, Event
from yinghu.appeals.states import ClockKind, Satisfaction, Status
from yinghu.notifications.groups import Directory, Group
from yinghu.notifications.models import Reason
from yinghu.people.access import UNIT_ROLES
from yinghu.people.models import Level, Role

Turns = Sequence[Sequence[Group]]
"""For each turn, groups in order; the first one that is not empty is told."""

Audience = Callable[[Event, Directory], Turns]


def _holder(event: Event) -> Group:
    return Group(
        Reason.HOLDER, user_id=event.appeal.holder_id, unit_id=event.unit_id, roles=_SERVING
    )


def _of_unit(unit_id: int | None, reason: Reason = Reason.UNIT) -> Group:
    return Group(reason, unit_id=unit_id, roles=_TAKING)


def _heads(unit_id: int | None, reason: Reason = Reason.HEAD) -> Group:
    return Group(reason, unit_id=unit_id, roles=frozenset({Role.HEAD}))


def _desk(event: Event, reason: Reason) -> Group:
    return Group(reason, area=event.area_id or "", roles=_DESKS[reason])


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


def _at_unit(event: Event) -> tuple[Group, ...]:
    return _holder(event), _of_unit(event.unit_id)


def _working_on_it(event: Event) -> tuple[Group, ...]:
    """The people working on it: the holder, else the unit, else the desk where it waits."""
    dispatchers = _desk(event, Reason.DISPATCHER)
    if event.to_status == Status.SORTED:
        return (dispatchers,)
    if event.unit_id is not None:
        return *_at_unit(event), dispatchers
    return _desk(event, Reason.CLERK), dispatchers


def _unit(event: Event, _known: Directory) -> Turns:
    return ((_of_unit(event.unit_id),),)


def _workers(event: Event, _known: Directory) -> Turns:
    return (_working_on_it(event),)


def _holder_only(event: Event, _known: Directory) -> Turns:
    return ((_holder(event),),)


def _holder_and_heads(event: Event, _known: Directory) -> Turns:
    return _working_on_it(event), (_heads(event.unit_id),)


def _new_holder(event: Event, known: Directory) -> Turns:
    user_id = known.login(event.facts.get("user"))
    return ((Group(Reason.HOLDER, user_id=user_id, unit_id=event.unit_id, roles=_SERVING),),)


def _dispatchers(event: Event, _known: Directory) -> Turns:
    return ((_desk(event, Reason.DISPATCHER), _desk(event, Reason.COMMAND)),)


def _dispatchers_if_asked(event: Event, known: Directory) -> Turns:
    return _dispatchers(event, known) if event.facts.get("asked") else ()


def _asking_unit(event: Event, known: Directory) -> Turns:
    """A granted return leaves the case without a unit, so the facts name it."""
    return ((_of_unit(known.unit(event.facts.get("unit")) or event.unit_id),),)


def _helper(event: Event, known: Directory) -> Turns:
    return ((_of_unit(known.unit(event.facts.get("unit")), Reason.ASKED),),)


def _raised_to(event: Event, known: Directory) -> Turns:
    """The unit that has to accept it, the command at the top level, and the previous unit."""
    top = (_desk(event, Reason.COMMAND),) if event.facts.get("to") == Level.COMMAND else ()
    lead = _heads(event.appeal.lead_id, Reason.LEAD)
    before = _of_unit(known.unit_before(event), Reason.BEFORE)
    return (_of_unit(event.unit_id),), top, (lead,), (before,)


def _supervisors(event: Event, _known: Directory) -> Turns:
    return ((_desk(event, Reason.SUPERVISOR), _desk(event, Reason.COMMAND)),)


def _summoned(event: Event, known: Directory) -> Turns:
    codes = event.facts.get("units") or (event.facts.get("unit"),)
    return tuple((_of_unit(known.unit(code), Reason.SUMMONED),) for code in codes)


def _whistlers(event: Event, known: Directory) -> Turns:
    """The people of the whistling unit, and the whistler while their desk covers the case."""
    unit_id, user_id = known.whistler(event)
    if user_id is None:
        return ((_of_unit(unit_id, Reason.WHISTLER),),)
    whistler = Group(Reason.WHISTLER, _SEEING, area=event.area_id or "", user_id=user_id)
    return (_of_unit(unit_id, Reason.WHISTLER),), (whistler,)


def _whistlers_and_command(event: Event, known: Directory) -> Turns:
    return *_whistlers(event, known), (_desk(event, Reason.COMMAND), _desk(event, Reason.ADMIN))


def _summoned_and_whistlers(event: Event, known: Directory) -> Turns:
    return *_summoned(event, known), *_whistlers(event, known)


def _workers_if_dissatisfied(event: Event, known: Directory) -> Turns:
    unsatisfied = event.facts.get("satisfaction") == Satisfaction.UNSATISFIED
    return _workers(event, known) if unsatisfied or event.facts.get("solved") is False else ()


def _workers_if_not_told(event: Event, known: Directory) -> Turns:
    """Nobody if a rating reopened it: they were told of the rating."""
    by_rating = event.actor_kind == "system" and event.from_status in _RATED
    return () if by_rating else _workers(event, known)


_RATED = (Status.RESOLVED, Status.CLOSED)

_WAITING_AT = {
    ClockKind.RECEIVE: Reason.CLERK,
    ClockKind.DISPATCH: Reason.DISPATCHER,
    ClockKind.RULING: Reason.DISPATCHER,
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
    desk = _WAITING_AT.get(kind)
    heads: tuple[Group, ...] = ()
    if desk is not None:
        first: tuple[Group, ...] = (_desk(event, desk),)
    elif own is not None:
        first, heads = (_of_unit(own, _PARTY.get(kind, Reason.UNIT)),), (_heads(own),)
    elif event.unit_id is not None and event.to_status != Status.SORTED:
        first, heads = _at_unit(event), (_heads(event.unit_id),)
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


def _named(event: Event, reason: Reason) -> Turns:
    people = event.facts.get("told") or ()
    return tuple((Group(reason, frozenset(), user_id=user_id),) for user_id in people)


def _helpers(event: Event, _known: Directory) -> Turns:
    return _named(event, Reason.HELPER)


def _offered(event: Event, known: Directory) -> Turns:
    """The people a leg is offered to; if nobody was found, those who have to find a helper."""
    asked = _named(event, Reason.OFFERED)
    dispatchers = _desk(event, Reason.DISPATCHER)
    match event.facts.get("to"):
        case "leader":
            leaders = tuple((_heads(pk),) for pk in known.squads(event.area_id))
            return *asked, (_heads(event.unit_id), dispatchers), *leaders
        case "desk":
            return *asked, (dispatchers, _desk(event, Reason.COMMAND))
    return asked


def _asked_before(event: Event, _known: Directory) -> Turns:
    return _named(event, Reason.OFFERED)


def _helpers_and_holder(event: Event, _known: Directory) -> Turns:
    return *_named(event, Reason.HELPER), (_holder(event), _of_unit(event.unit_id))


def _nudged(event: Event, _known: Directory) -> Turns:
    heads = ((_heads(event.unit_id), _holder(event)),) if event.facts.get("to") == "head" else ()
    return *_named(event, Reason.HELPER), *heads


def _both_sides(event: Event, known: Directory) -> Turns:
    """Both sides of a sharing: the named contacts, else the people of the units."""
    codes = event.facts.get("units") or ()
    units = tuple((_of_unit(known.unit(code), Reason.SHARED),) for code in codes)
    return *_named(event, Reason.SHARED), *units


def _shared_with(event: Event, known: Directory) -> Turns:
    return ((_of_unit(known.unit(event.facts.get("unit")), Reason.SHARED),),)


AUDIENCES: dict[str, Audience] = {
    "assign": _unit,
    "hand": _new_holder,
    "release": _unit,
    "supply": _workers,
    "urge": _workers,
    "return": _dispatchers,
    "extend": _dispatchers_if_asked,
    "rule": _asking_unit,
    "invite": _helper,
    "reply": _workers,
    "escalate": _raised_to,
    "supervise": _holder_and_heads,
    "account": _supervisors,
    "lift": _holder_and_heads,
    "whistle": _summoned,
    "report_in": _whistlers,
    "measures": _whistlers,
    "contest": _whistlers_and_command,
    "judge": _summoned_and_whistlers,
    "grade": _summoned,
    "share": _shared_with,
    "contact": _both_sides,
    "unshare": _both_sides,
    "rate": _workers_if_dissatisfied,
    "reopen": _workers_if_not_told,
    "merge": _holder_only,
    "withdraw": _holder_only,
    "chase": _chased,
    "offer": _offered,
    "take": _asked_before,
    "give_back": _helpers_and_holder,
    "hand_over": _helpers,
    "finish": _helpers,
    "drop": _helpers,
    "nudge": _nudged,
    "repay": _helpers,
    "say": _helpers_and_holder,
}
"""The audience of each verb. Other verbs tell nobody; they show in live lists."""


def find_audience(events: Sequence[Event]) -> list[tuple[Event, int, Reason]]:
    """Return (event, user id, reason) for everyone to be told, in the order of the events.

    Each person occurs once per event, with the first reason. A handful of queries for any number of
    events.
    """
    known = Directory(events)
    found: list[tuple[Event, int, Reason]] = []
    for event in events:
        told: dict[int, Reason] = {}
        for turn in AUDIENCES[event.verb](event, known):
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
