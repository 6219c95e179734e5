"""Who changed what the city is made of: written beside the change, in its transaction."""

from __future__ import annotations

from typing import Any

from yinghu.people.models import Change, User


def record(
    user: User | None,
    kind: str,
    key: str,
    name: str,
    before: dict[str, Any],
    after: dict[str, Any],
) -> Change | None:
    """Write down what differs between two states of a row, as JSON values; None if nothing does.

    `before` is empty for a row that is new, `after` for one that is gone.
    """
    changed = [each for each in {**before, **after} if before.get(each) != after.get(each)]
    if not changed:
        return None
    return Change.objects.create(
        user=user,
        kind=kind,
        key=key,
        name=name[:200],
        before={each: before[each] for each in changed if each in before},
        after={each: after[each] for each in changed if each in after},
    )
