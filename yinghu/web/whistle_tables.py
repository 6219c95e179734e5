"""How whistles are answered, as tables of units; their numbers open the cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.oversight.periods import bounds
from yinghu.oversight.whistle_figures import Answering, By, answering
from yinghu.web.behind import Behind
from yinghu.web.filters import Filter


@dataclass(frozen=True, slots=True)
class Row:
    """One unit, or all where the line has none, with the addresses of the cases by number."""

    line: Answering
    opens: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """All together and unit by unit; no rows where nobody whistled."""

    title: str
    rows: list[Row]


def tables(
    since: date | None, until: date | None, scopes: Sequence[str], *, may_open: bool
) -> list[Table]:
    """By units called and by whistlers, from day `since` to day `until` (None is without end), for
    cases under these area prefixes. Cases open only for one prefix.
    """
    asked: tuple[tuple[str, By, dict[str, str]], ...] = (
        (_("被叫的单位"), "unit", {"called": "called", "reported": "came"}),
        (_("吹哨的单位"), "whistle__unit", {"whistles": "whistled"}),
    )
    now, moments = timezone.now(), bounds(since, until)
    found = []
    for title, by, figures in asked:
        rows = [Row(line) for line in answering(now, *moments, scopes, by)]
        for row in rows if may_open else ():
            key = ("unit", row.line.unit.code) if row.line.unit else ("", "")
            for number, figure in figures.items():
                behind = Behind(figure, *key, since, until, scopes[0])
                row.opens[number] = f"{reverse('cases')}?{Filter(behind=str(behind)).query()}"
        found.append(Table(title, rows))
    return found
