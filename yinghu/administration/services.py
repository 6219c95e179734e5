"""Writing rows of configuration types, with history; one writer at a time in the whole city."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.db import connection, transaction
from procrastinate.exceptions import AlreadyEnqueued

from yinghu.administration import impact
from yinghu.administration.impact import RunningClocks
from yinghu.common.config_types.config_form import State
from yinghu.common.config_types.config_type import ConfigType
from yinghu.common.job_queue import queue
from yinghu.people import history
from yinghu.people.models import Change, User


class ChangeRefused(Exception):
    """The change is not possible now; the message says why, in the user's language."""


@contextmanager
def exclusive() -> Iterator[None]:
    """Open a transaction that excludes other changes, so that checks stay valid."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('yinghu.setup'))")
        yield


def create(
    config_type: ConfigType,
    user: User | None,
    values: State,
    follow: Sequence[RunningClocks] | None = None,
) -> Any:
    """Write a new row, within `exclusive`. The running clocks of `follow` then follow it; the usual
    job of the type runs instead where that is None.
    """
    return create_many(config_type, user, [values], follow)[0]


def create_many(
    config_type: ConfigType,
    user: User | None,
    many: Sequence[State],
    follow: Sequence[RunningClocks] | None = None,
) -> list[Any]:
    """Write new rows, within `exclusive`."""
    rows = config_type.create_many(many)
    active = {"active": True} if config_type.retires else {}
    changes = []
    for row, values in zip(rows, many, strict=True):
        key, label = config_type.key(row), config_type.label(row)
        after = values | config_type.key_values(row) | active
        changes.append(history.change_between(user, config_type.name, key, label, {}, after))
    Change.objects.bulk_create([change for change in changes if change], batch_size=2000)
    _follow_up(config_type, follow)
    return rows


def update(
    config_type: ConfigType,
    user: User | None,
    row: Any,
    values: State,
    follow: Sequence[RunningClocks] | None = None,
) -> bool:
    """Write values to a row, within `exclusive`; False if nothing changes. The running clocks of
    `follow` then follow the change.
    """
    before = config_type.state(row)
    new = {name: value for name, value in values.items() if before.get(name) != value}
    if not new:
        return False
    config_type.write(row, new)
    _record(config_type, user, row, before, before | new)
    if new.get("active") is False:
        impact.after_retiring(config_type, row, user)
    _follow_up(config_type, follow)
    return True


def exchange(
    config_type: ConfigType, user: User | None, one: Any, two: Any, *, name: str, free: int
) -> None:
    """Exchange a unique number of two rows, within `exclusive`; `free` is an unused number."""
    before = [config_type.state(row) for row in (one, two)]
    config_type.write(two, {name: free})
    for row, was, other in zip((one, two), before, reversed(before), strict=True):
        config_type.write(row, {name: other[name]})
        _record(config_type, user, row, was, was | {name: other[name]})


def without_active(values: State) -> State:
    """The values of a row's form: all but `active`, which retiring and restoring change."""
    return {name: value for name, value in values.items() if name != "active"}


def _record(
    config_type: ConfigType, user: User | None, row: Any, before: State, after: State
) -> None:
    key, label = config_type.key(row), config_type.label(row)
    history.record(user, config_type.name, key, label, before, after)


def retire(config_type: ConfigType, user: User | None, row: Any) -> int:
    """Retire a row and the rows below it; return how many. Raises ChangeRefused."""
    if why := config_type.retire_obstacle(row):
        raise ChangeRefused(why)
    rows = [row, *config_type.below(row)]
    return sum(update(config_type, user, each, {"active": False}) for each in rows)


def restore(config_type: ConfigType, user: User | None, row: Any) -> None:
    """Restore a retired row. Raises ChangeRefused."""
    if why := config_type.restore_obstacle(row):
        raise ChangeRefused(why)
    update(config_type, user, row, {"active": True})


def _follow_up(config_type: ConfigType, follow: Sequence[RunningClocks] | None) -> None:
    """Queue the moves of running clocks with the change; once it is committed, drop this process's
    caches and queue the job of the type, once per file, unless clocks follow.
    """
    for each in follow or ():
        _queue_once(each.job, each.given)

    def refresh() -> None:
        config_type.refresh()
        if follow is None and (job := impact.job_after(config_type)):
            _queue_once(job, {})

    transaction.on_commit(refresh)


def _queue_once(job: str, given: dict[str, Any]) -> None:
    # A refused job must not break an outer transaction.
    with suppress(AlreadyEnqueued), transaction.atomic():
        queue(job, **given)
