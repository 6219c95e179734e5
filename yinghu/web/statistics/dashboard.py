"""The board: live figures for whoever has to see the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from yinghu.appeals.states import OPEN, Status
from yinghu.insight.board import PERIODS, Board, Line, Period, board
from yinghu.insight.sql import TOWN_LENGTH
from yinghu.people.access import board_scopes, sees_area
from yinghu.ui.decorators import staff
from yinghu.ui.requests import is_part, who
from yinghu.web.cases.filters import NONE, Filter

TOP = 12
"""Lines of a table before the rest are summed up."""


@never_cache
@require_GET
@staff("board")
def page(request: HttpRequest) -> HttpResponse:
    """Received, open, closed, late; by class, category, group and town."""
    wanted = request.GET.get("period", "week")
    period: Period = next((each for each in PERIODS if each == wanted), "week")
    scopes = board_scopes(who(request))
    asked = request.GET.get("scope", "")
    # Somebody with one town's post is shown that town, whatever they ask for.
    scope = asked if asked in scopes else scopes[0]
    found = board(period, scope)
    opens = _Opens(sees_area(who(request), scope), found)
    all_lines = request.GET.get("lines") == "all"
    context = {
        "desk": "board",
        # Not the board itself: in a template its statuses would hide its other names.
        "at": found.at,
        "scope": scope,
        "period": period,
        "periods": [("today", _("今天")), ("week", _("近七天")), ("all", _("全部"))],
        "tiles": _tiles(found, opens),
        "flow": _flow(found, opens),
        "tables": [
            Table(_("按类别"), "category", found.by_category, opens, all_lines),
            Table(_("按承办单位"), "unit", found.by_unit, opens, all_lines),
            Table(_("按镇街"), "area", found.by_town, opens, all_lines),
            Table(_("按性质"), "klass", found.by_klass, opens, all_lines),
        ],
        "days": _days(found),
        "lines": "all" if all_lines else "",
        "wall": request.GET.get("wall") == "1",
    }
    part = "statistics/figures.html" if is_part(request, "figures") else "statistics/board.html"
    return render(request, part, context)


@dataclass(frozen=True, slots=True)
class _Opens:
    """Makes a figure's link to exactly its cases; none for whoever may see figures, not cases."""

    may_open: bool
    found: Board

    def link(self, dim: str = "", key: str = "", **more: Any) -> str:
        """The address of the list of one figure: of the whole board, or of one line of it."""
        if not self.may_open:
            return ""
        given: dict[str, Any] = {"since": self.found.since, "area": self.found.scope, **more}
        if dim == "area":
            # Counters know towns; what stands at a wider area stands there alone.
            given["area_only"] = 0 < len(key) < TOWN_LENGTH
            key = max(key, self.found.scope, key=len)
        if dim:
            given[dim] = key or NONE
        given["category_only"] = dim == "category" and bool(key)
        return f"{reverse('cases')}?{Filter(**given).query()}"


_OPEN = tuple(status.value for status in Status if status in OPEN)
_CLOSED = (Status.CLOSED.value,)


def _tiles(found: Board, opens: _Opens) -> list[dict[str, Any]]:
    rate = found.closed_rate
    return [
        {
            "name": "received",
            "label": _("收到"),
            "n": found.received,
            "icon": "inbox",
            "link": opens.link(),
        },
        {
            "name": "open",
            "label": _("在办"),
            "n": found.open,
            "icon": "bolt",
            "link": opens.link(status=_OPEN),
        },
        {
            "name": "closed",
            "label": pgettext("figure", "销号"),
            "n": found.closed,
            "icon": "checks",
            "link": opens.link(status=_CLOSED),
        },
        {
            "name": "late",
            "label": _("超时"),
            "n": found.late,
            "icon": "clock-exclamation",
            "link": opens.link(late=True),
        },
        {
            "name": "rate",
            "label": _("销号率"),
            "n": "—" if rate is None else f"{rate:.1%}",
            "icon": "chart-bar",
        },
    ]


def _flow(found: Board, opens: _Opens) -> list[tuple[str, int, str]]:
    """How many stand at each status now, with the address of the list of them."""
    order = [*(status for status in Status if status in OPEN), Status.RESOLVED, Status.CLOSED]
    # What ended otherwise is rare; but what was received is the sum of all that stand here.
    order += [status for status in Status if status not in order and found[status]]
    return [(status.value, found[status], opens.link(status=(status.value,))) for status in order]


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a table, each figure with the address of its cases ("" for none)."""

    name: str
    name_en: str
    figures: tuple[tuple[int, str], ...]

    @property
    def received(self) -> int:
        return self.figures[0][0]


class Table:
    """One table of lines; of many the first `TOP`, and how much the rest received."""

    def __init__(
        self, title: str, dim: str, lines: list[Line], opens: _Opens, all_lines: bool
    ) -> None:
        self.title = title
        first = len(lines) if all_lines else TOP
        self.lines = [
            Shown(
                _(line.name) if line.name else "",
                line.name_en,
                (
                    (line.received, opens.link(dim, line.key)),
                    (line.open, opens.link(dim, line.key, status=_OPEN)),
                    (line.closed, opens.link(dim, line.key, status=_CLOSED)),
                ),
            )
            for line in lines[:first]
        ]
        self.rest = sum(line.received for line in lines[first:])
        self.rest_lines = len(lines[first:])
        self.most = max((line.received for line in lines), default=0)


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the series, as a bar of an image 100 high."""

    x: int
    y: float
    height: float
    label: str
    n: int


def _days(found: Board) -> dict[str, Any]:
    most = max((n for _day, n in found.days), default=0)
    bars = [
        Bar(
            x=place * 10,
            y=round(100 - 100 * n / (most or 1), 1),
            height=round(100 * n / (most or 1), 1),
            label=f"{day.month}-{day.day}",
            n=n,
        )
        for place, (day, n) in enumerate(found.days)
    ]
    return {"bars": bars, "most": most, "first": bars[0], "last": bars[-1]} if bars else {}
