"""How many cases wait at each desk, exactly."""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import QuerySet

from yinghu.appeals import inboxes
from yinghu.appeals.states import Status
from yinghu.insight.standing import count_visible
from yinghu.people.access import Actor

_FEW: Final = 100
"""Rows of each list that every page counts one by one; longer lists are counted for themselves."""
_STATUSES: Final = {
    "triage": Status.FILED,
    "dispatch": Status.SORTED,
    "callback": Status.RESOLVED,
}
"""Lists of all cases with a status that the actor may see."""


def count_waiting_cases(actor: Actor, lists: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """Count lists by name, among them `inboxes.desks_with`. Empty ones may be missing."""
    counts = inboxes.counted(lists, _FEW)
    long = {name: lists[name] for name, n in counts.items() if n == _FEW}
    for name in _STATUSES.keys() & long:
        counts[name] = count_visible(actor, long.pop(name), [_STATUSES[name]])
    return counts | inboxes.counted(long)
