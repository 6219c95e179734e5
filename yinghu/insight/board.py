"""The figures of the board: appeals filed in a period by their present status, exact at any time.

One statement reads the counters and the events that `tally.py` has not folded yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from yinghu.appeals.models import Category
from yinghu.appeals.states import OPEN, Klass, Status
from yinghu.insight import sql
from yinghu.insight.models import EVER
from yinghu.people.models import Unit
from yinghu.places.models import Area

Period = Literal["today", "week", "all"]
PERIODS: Final[dict[Period, int | None]] = {"today": 1, "week": 7, "all": None}
"""Length in days, including today; None is all time."""

SERIES_DAYS: Final = 30


@dataclass(slots=True)
class Counts:
    """Appeals by status. A rate is None if nothing was received."""

    statuses: dict[Status, int] = field(default_factory=dict)

    def __getitem__(self, status: Status) -> int:
        return self.statuses.get(status, 0)

    @property
    def received(self) -> int:
        """All appeals filed in the period, in any status."""
        return sum(self.statuses.values())

    @property
    def open(self) -> int:
        """Appeals that need action (`appeals.states.OPEN`)."""
        return sum(n for status, n in self.statuses.items() if status in OPEN)

    @property
    def closed(self) -> int:
        """Closed (已销号)."""
        return self[Status.CLOSED]

    @property
    def closed_rate(self) -> float | None:
        """Share of received appeals that are closed, 0 to 1 (办结率 as both cities report it)."""
        return self.closed / self.received if self.received else None


@dataclass(slots=True)
class BoardLine(Counts):
    """The counts of one class, category, unit, town or channel.

    `key` is the class or the code of category, unit, town or channel; key and name are "" for
    appeals that have none yet. A channel's name is its code: its label is in `appeals.channels`.
    """

    key: str = ""
    name: str = ""
    name_en: str = ""


@dataclass(slots=True)
class Board(Counts):
    """All figures of the board. `lines` by dimension (klass, category, unit, town, channel) are
    ordered by received appeals, most first.

    `late` counts appeals, not clocks. `days` are the appeals received on each of the last 30 days,
    today last, regardless of the period.
    """

    period: Period = "all"
    scope: str = ""
    since: date | None = None
    at: datetime = field(default_factory=timezone.now)
    late: int = 0
    lines: dict[str, list[BoardLine]] = field(default_factory=dict)
    days: list[tuple[date, int]] = field(default_factory=list)


def board(period: Period = "all", scope: str = "") -> Board:
    """Return the board of appeals filed in `period` (days of the server) under the prefix `scope`.

    Counters exist down to towns; under a finer scope the few appeals themselves are counted.
    """
    today = timezone.localdate()
    length = PERIODS[period]
    since = None if length is None else today - timedelta(days=length - 1)
    found = Board(period=period, scope=scope, since=since)
    first = today - timedelta(days=SERIES_DAYS - 1)
    received: dict[date, int] = {}
    lines: dict[str, dict[str, BoardLine]] = {
        dim: {} for dim in ("klass", "category", "unit", "town", "channel")
    }
    dates = {"since": since, "series": first, "ever": EVER}
    query = sql.board_query(since=since is not None, scope=scope)
    for dim, key, status, day, n in _fetch(sql.BY_INDEX, query, scope, dates):
        if day is not None:
            received[day] = int(n)
            continue
        line = found if dim == "all" else lines[dim].setdefault(key, BoardLine(key=key))
        line.statuses[Status(status)] = line.statuses.get(Status(status), 0) + int(n)
    query = sql.late_query(since=since is not None, scope=scope)
    ((found.late,),) = _fetch(sql.UNCOMPILED, query, scope, dates)
    series = (first + timedelta(days=i) for i in range(SERIES_DAYS))
    found.days = [(day, received.get(day, 0)) for day in series]
    _name(lines)
    found.lines = {
        dim: sorted(group.values(), key=lambda line: (-line.received, line.key))
        for dim, group in lines.items()
    }
    return found


def _fetch(
    first: str, query: str, scope: str, dates: Mapping[str, date | None]
) -> list[tuple[Any, ...]]:
    prefix = connection.ops.prep_for_like_query(scope) + "%"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(first)
        cursor.execute(query, {**dates, "scope": prefix, "zone": settings.TIME_ZONE})
        found = list(cursor.fetchall())
        # Nothing was written, and a caller's transaction plans its own statements as usual again.
        transaction.set_rollback(True)
        return found


def _name(lines: Mapping[str, dict[str, BoardLine]]) -> None:
    """Set the names of all lines; one query for each table of names."""
    for key, line in lines["klass"].items():
        line.name = Klass(key).label if key else ""
    for key, line in lines["channel"].items():
        line.name = key
    for dim, model in (("category", Category), ("unit", Unit), ("town", Area)):
        group = lines[dim]
        for row in model._default_manager.filter(pk__in=filter(None, group)):
            line = group[str(row.pk)]
            line.key, line.name, line.name_en = row.code, row.name, row.name_en
