"""Configuration history: `Change` rows written in the transaction of the change."""

from yinghu.common.config_types.config_form import State
from yinghu.people.models import Change, User


def change_between(
    user: User | None, kind: str, key: str, name: str, before: State, after: State
) -> Change | None:
    """Return the unsaved entry for a change; `before` is empty for a new row. None if equal."""
    changed = [each for each in {**before, **after} if before.get(each) != after.get(each)]
    if not changed:
        return None
    return Change(
        user=user,
        kind=kind,
        key=key,
        name=name[:200],
        before={each: before[each] for each in changed if each in before},
        after={each: after[each] for each in changed if each in after},
    )


def record(
    user: User | None, kind: str, key: str, name: str, before: State, after: State
) -> Change | None:
    """Save the history entry for what differs between two states; return it, or None."""
    change = change_between(user, kind, key, name, before, after)
    if change is not None:
        change.save(force_insert=True)
    return change
