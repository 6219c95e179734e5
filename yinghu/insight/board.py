"""The figures of the board: exact at every moment, read in one statement.

Counted are the appeals filed in the period, by where they stand now. What `tally.py` has folded and
what it has not folded yet are read in one snapshot, so the sum equals a count of the appeals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
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
"""Days, with today as the last of them; None is everything."""

SERIES_DAYS: Final = 30


@dataclass(slots=True)
class Counts:
    """Appeals by status. A rate is None where nothing was received."""

    statuses: dict[Status, int] = field(default_factory=dict)

    def __getitem__(self, status: Status) -> int:
        return self.statuses.get(status, 0)

    @property
    def received(self) -> int:
        """All that were filed in the period, whatever became of them."""
        return sum(self.statuses.values())

    @property
    def open(self) -> int:
        """Somebody still has to do something (`appeals.states.OPEN`)."""
        return sum(n for status, n in self.statuses.items() if status in OPEN)

    @property
    def resolved(self) -> int:
        """Done, and waiting for the requester's rating (待评价)."""
        return self[Status.RESOLVED]

    @property
    def closed(self) -> int:
        """Closed (已销号)."""
        return self[Status.CLOSED]

    @property
    def ended_otherwise(self) -> int:
        """Merged, declined or withdrawn."""
        return self[Status.MERGED] + self[Status.DECLINED] + self[Status.WITHDRAWN]

    @property
    def handed_over(self) -> int:
        """Past the triage desk: sorted at least, or ended."""
        return self.received - self[Status.FILED]

    @property
    def closed_rate(self) -> float | None:
        """Closed of received, 0 to 1 (办结率 as the two cities report it)."""
        return self.closed / self.received if self.received else None


@dataclass(slots=True)
class Line(Counts):
    """The counts of one class, category, unit, town or channel.

    `key` is the class or the code of category, unit, town or channel, and "" with a name of "" for
    those that have none yet. A channel's name is its code: its label is in `channels.registry`.
    """

    key: str = ""
    name: str = ""
    name_en: str = ""


@dataclass(slots=True)
class Board(Counts):
    """Everything that the board shows. Lines are ordered by what they received, most first.

    `late` counts appeals, not clocks. `days` is what was received on each of the last 30 days,
    today last, whatever the period.
    """

    period: Period = "all"
    scope: str = ""
    since: date | None = None
    at: datetime = field(default_factory=timezone.now)
    late: int = 0
    by_klass: list[Line] = field(default_factory=list)
    by_category: list[Line] = field(default_factory=list)
    by_unit: list[Line] = field(default_factory=list)
    by_town: list[Line] = field(default_factory=list)
    by_channel: list[Line] = field(default_factory=list)
    days: list[tuple[date, int]] = field(default_factory=list)


def board(period: Period = "all", scope: str = "") -> Board:
    """The board of the appeals filed in `period`, by the server's days, under the prefix `scope`.

    Counters go down to towns; under a finer scope the appeals themselves are counted, which are
    not many.
    """
    today = timezone.localdate()
    length = PERIODS[period]
    since = None if length is None else today - timedelta(days=length - 1)
    found = Board(period=period, scope=scope, since=since)
    first = today - timedelta(days=SERIES_DAYS - 1)
    received: dict[date, int] = {}
    lines: dict[str, dict[str, Line]] = {
        "klass": {},
        "category": {},
        "unit": {},
        "town": {},
        "channel": {},
    }
    for dim, key, status, day, n in _read(since, first, scope):
        if day is not None:
            received[day] = int(n)
            continue
        line = found if dim == "all" else lines[dim].setdefault(key, Line(key=key))
        line.statuses[Status(status)] = line.statuses.get(Status(status), 0) + int(n)
    found.late = _late(since, scope)
    found.days = [
        (day, received.get(day, 0))
        for day in (first + timedelta(days=i) for i in range(SERIES_DAYS))
    ]
    _name(lines)
    found.by_klass, found.by_category, found.by_unit, found.by_town, found.by_channel = (
        sorted(group.values(), key=lambda line: (-line.received, line.key))
        for group in lines.values()
    )
    return found


def _read(
    since: date | None, series: date, scope: str
) -> list[tuple[str, str, str, date | None, Decimal]]:
    return _fetch(
        sql.BY_INDEX,
        sql.read(since=since is not None, scope=scope),
        {"since": since, "series": series, "ever": EVER, "scope": _prefix(scope)},
    )


def _late(since: date | None, scope: str) -> int:
    query = sql.late(since=since is not None, scope=scope)
    return int(_fetch(sql.UNCOMPILED, query, {"since": since, "scope": _prefix(scope)})[0][0])


def _fetch(
    first: str, query: str, parameters: dict[str, str | date | None]
) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(first)
        cursor.execute(query, parameters | {"zone": settings.TIME_ZONE})
        return list(cursor.fetchall())


def _prefix(scope: str) -> str:
    """`scope` as a LIKE pattern; a code's own signs mean themselves."""
    for sign in "\\%_":
        scope = scope.replace(sign, f"\\{sign}")
    return scope + "%"


def _name(lines: Mapping[str, dict[str, Line]]) -> None:
    """Give every line its name; a query for each table that has names."""
    categories = {c.code: c for c in Category.objects.filter(pk__in=lines["category"])}
    units = {str(u.pk): u for u in Unit.objects.filter(pk__in=filter(None, lines["unit"]))}
    towns = Area.objects.filter(pk__in=lines["town"]).in_bulk()
    for key, line in lines["klass"].items():
        line.name = Klass(key).label if key else ""
    for key, line in lines["channel"].items():
        line.name = key
    for found, group in (
        (categories, lines["category"]),
        (units, lines["unit"]),
        (towns, lines["town"]),
    ):
        for key, line in group.items():
            named = found.get(key)
            if named is not None:
                line.name, line.name_en = named.name, named.name_en
    for key, line in lines["unit"].items():
        if key in units:
            line.key = units[key].code
