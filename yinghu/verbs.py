"""Registry of all verbs by name, collected from the packages that declare them.

Pages, API, notifications, documents and tests read this table; a row is declared with its function.
"""

from types import MappingProxyType, ModuleType

from yinghu.appeals import actions as appeal_actions
from yinghu.appeals import (
    closing_actions,
    contact_actions,
    filing,
    handling_actions,
    merged,
)
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import possible
from yinghu.appeals.verb import Privacy, Verb
from yinghu.errands import actions as errand_actions
from yinghu.errands import late_work, leg_actions
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import (
    alarm_actions,
    callback,
    sharing_actions,
    succession,
    whistle_actions,
)
from yinghu.people.access import Actor

MODULES: tuple[ModuleType, ...] = (
    filing,
    appeal_actions,
    handling_actions,
    contact_actions,
    closing_actions,
    merged,
    alarm_actions,
    oversight_actions,
    whistle_actions,
    sharing_actions,
    succession,
    callback,
    errand_actions,
    leg_actions,
    late_work,
)
"""Modules with rows, lower packages first; buttons are in this order."""


def _collect() -> dict[str, Verb]:
    rows: list[Verb] = []
    for module in MODULES:
        for row in vars(module).values():
            if isinstance(row, Verb) and row not in rows:
                names = [each.name for each in rows]
                rows.insert(names.index(row.after) + 1 if row.after else len(rows), row)
    return {row.name: row for row in rows}


VERBS = MappingProxyType(_collect())

ERRANDS = frozenset(row.name for row in VERBS.values() if row.errand)
"""Names of the verbs of errands."""

PRIVATE = frozenset(row.name for row in VERBS.values() if row.privacy is not Privacy.PUBLIC)
"""Names of verbs hidden from requesters."""

INSIDE = frozenset(row.name for row in VERBS.values() if row.privacy is Privacy.INSIDE)
"""Names of verbs also hidden from volunteers."""


NOTIFYING = frozenset(row.name for row in VERBS.values() if row.audience)
"""Names of verbs of which somebody is told."""


def verb_of(event: Event) -> Verb:
    return VERBS[event.verb]


def available(appeal: Appeal, actor: Actor) -> list[Verb]:
    """Return the verbs that this actor may use on the case now, in the order of the buttons."""
    return possible(VERBS.values(), appeal, actor)
