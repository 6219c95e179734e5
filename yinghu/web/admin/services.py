"""Writing a row of the set-up: one at a time in the whole city, with its history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from yinghu.people import history
from yinghu.people.models import Change, User
from yinghu.web.admin.kinds import Around, Kind, State, label_of


class Refused(Exception):
    """What may not be done now; the message says why, in the user's language."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, before and after, in words."""

    label: str
    before: str
    after: str
    by: str = ""


@contextmanager
def alone() -> Iterator[None]:
    """A transaction in which nobody else changes the set-up: what was checked stays true."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('yinghu.setup'))")
        yield


def create(kind: Kind, user: User | None, values: State) -> Any:
    """A new row, within `alone`."""
    thing = kind.make(values)
    state = values | kind.keys_of(thing) | ({"active": True} if kind.retires else {})
    history.record(user, kind.name, kind.key(thing), kind.label(thing), {}, state)
    transaction.on_commit(kind.refresh)
    return thing


def change(kind: Kind, user: User | None, thing: Any, values: State) -> bool:
    """Put values into a row, within `alone`; False where they were there already."""
    before = kind.state(thing)
    new = {name: value for name, value in values.items() if before.get(name) != value}
    if not new:
        return False
    kind.write(thing, new)
    history.record(user, kind.name, kind.key(thing), kind.label(thing), before, before | new)
    transaction.on_commit(kind.refresh)
    return True


def retire(kind: Kind, user: User, thing: Any) -> int:
    """Take a row, and what goes with it, out of use; how many. Raises Refused."""
    if why := kind.obstacle(thing):
        raise Refused(why)
    things = [thing, *kind.below(thing)]
    return sum(change(kind, user, each, {"active": False}) for each in things)


def bring_back(kind: Kind, user: User, thing: Any) -> None:
    """Take a retired row into use again. Raises Refused."""
    if why := kind.obstacle_back(thing):
        raise Refused(why)
    change(kind, user, thing, {"active": True})


def differences(before: State, after: State, around: Around) -> list[Difference]:
    """What differs between two states of a row, in words."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    order = {name: at for at, name in enumerate(around.kind.columns)}
    names.sort(key=lambda name: order.get(name, 99))
    return [_difference(name, before, after, around) for name in names]


def _difference(name: str, before: State, after: State, around: Around, by: str = "") -> Difference:
    said = [around.kind.said(name, state.get(name), around) for state in (before, after)]
    return Difference(label_of(around.kind, name), said[0], said[1], by)


def meanwhile(kind: Kind, key: str, seen: State, now: State) -> list[Difference]:
    """What others have changed since a form was made, and who it was."""
    found, around = [], kind.around(kind)
    for name in seen:
        if seen[name] == now.get(name):
            continue
        changes = Change.objects.filter(kind=kind.name, key=key, after__has_key=name)
        last = changes.select_related("user").order_by("-id").first()
        by = str(last.user) if last is not None and last.user else _("命令行或其他系统")
        found.append(_difference(name, seen, now, around, by))
    return found
