"""The board: live figures of all appeals in scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.appeals.states import OPEN, Status
from yinghu.insight.board import PERIODS, Board, BoardLine, Period, board
from yinghu.insight.sql import TOWN_LENGTH
from yinghu.people.access import board_scopes, sees_area
from yinghu.ui.decorators import staff_page
from yinghu.ui.requests import is_part, who
from yinghu.web.cases.filters import NONE, Filter

TOP = 12
"""Rows of a table before the rest are summed up."""


@staff_page("board")
def board_page(request: HttpRequest) -> HttpResponse:
    """Show received, open, closed and late cases by category, unit, town and class."""
    wanted = request.GET.get("period", "week")
    period: Period = next((each for each in PERIODS if each == wanted), "week")
    scopes = board_scopes(who(request))
    asked = request.GET.get("scope", "")
    # A post for one town shows that town only.
    scope = asked if asked in scopes else scopes[0]
    found = board(period, scope)
    links = _CaseLinks(sees_area(who(request), scope), found)
    all_lines = request.GET.get("lines") == "all"
    context = {
        "desk": "board",
        # Not the board itself: template look-up of its items would hide its attributes.
        "at": found.at,
        "scope": scope,
        "period": period,
        "periods": [("today", _("今天")), ("week", _("近七天")), ("all", _("全部"))],
        "tiles": _tiles(found, links),
        "flow": _status_flow(found, links),
        "tables": [
            _table(_("按类别"), "category", found.lines["category"], links, all_lines),
            _table(_("按承办单位"), "unit", found.lines["unit"], links, all_lines),
            _table(_("按镇街"), "area", found.lines["town"], links, all_lines),
            _table(_("按性质"), "klass", found.lines["klass"], links, all_lines),
        ],
        "days": _day_bars(found),
        "lines": "all" if all_lines else "",
        "wall": request.GET.get("wall") == "1",
    }
    part = "statistics/figures.html" if is_part(request, "figures") else "statistics/board.html"
    return render(request, part, context)


@dataclass(frozen=True, slots=True)
class _CaseLinks:
    """Links from figures to their cases; empty for users who may see figures only."""

    may_open: bool
    found: Board

    def link(self, dim: str = "", key: str = "", **more: Any) -> str:
        """Make the URL of a figure's cases, of the whole board or of one line."""
        if not self.may_open:
            return ""
        given: dict[str, Any] = {"since": self.found.since, "area": self.found.scope, **more}
        if dim == "area":
            # Counters go down to towns; a wider area counts only its own cases.
            given["area_only"] = 0 < len(key) < TOWN_LENGTH
            key = max(key, self.found.scope, key=len)
        if dim:
            given[dim] = key or NONE
        given["category_only"] = dim == "category" and bool(key)
        suggestible = dim in ("category", "klass", "area") and bool(key)
        given["decided"] = suggestible or bool(given["area"])
        return f"{reverse('cases')}?{Filter(**given).query()}"


_OPEN = tuple(status.value for status in Status if status in OPEN)
_CLOSED = (Status.CLOSED.value,)


def _tiles(found: Board, links: _CaseLinks) -> list[dict[str, Any]]:
    rate = "—" if found.closed_rate is None else f"{found.closed_rate:.1%}"
    tiles: list[tuple[object, ...]] = [
        ("received", _("收到"), found.received, "inbox", links.link()),
        ("open", _("在办"), found.open, "bolt", links.link(status=_OPEN)),
        ("closed", pgettext("figure", "销号"), found.closed, "checks", links.link(status=_CLOSED)),
        ("late", _("超时"), found.late, "clock-exclamation", links.link(late=True)),
        ("rate", _("销号率"), rate, "chart-bar"),
    ]
    return [dict(zip(("name", "label", "n", "icon", "link"), tile, strict=False)) for tile in tiles]


def _status_flow(found: Board, links: _CaseLinks) -> list[tuple[str, int, str]]:
    """List (status, number of cases, URL of the cases)."""
    order = [*(status for status in Status if status in OPEN), Status.RESOLVED, Status.CLOSED]
    # Other endings are rare, but the numbers must add up to those received.
    order += [status for status in Status if status not in order and found[status]]
    return [(status.value, found[status], links.link(status=(status.value,))) for status in order]


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One row of a table, each figure with the URL of its cases ("" for none)."""

    name: str
    name_en: str
    figures: tuple[tuple[int, str], ...]


def _table(
    title: str, dim: str, lines: list[BoardLine], links: _CaseLinks, all_lines: bool
) -> dict[str, Any]:
    """Make a table of the first `TOP` lines (or all), and the sum received by the rest."""
    first = len(lines) if all_lines else TOP
    rows = [
        BoardRow(
            _(line.name) if line.name else "",
            line.name_en,
            (
                (line.received, links.link(dim, line.key)),
                (line.open, links.link(dim, line.key, status=_OPEN)),
                (line.closed, links.link(dim, line.key, status=_CLOSED)),
            ),
        )
        for line in lines[:first]
    ]
    return {
        "title": title,
        "lines": rows,
        "rest": sum(line.received for line in lines[first:]),
        "rest_lines": len(lines[first:]),
        "most": max((line.received for line in lines), default=0),
    }


def _day_bars(found: Board) -> dict[str, Any]:
    """Make the bars of a chart that is 100 high."""
    most = max((n for _day, n in found.days), default=0)
    bars = []
    for place, (day, n) in enumerate(found.days):
        share = 100 * n / (most or 1)
        size = {"x": place * 10, "y": round(100 - share, 1), "height": round(share, 1)}
        bars.append(size | {"label": f"{day.month}-{day.day}", "n": n})
    return {"bars": bars, "most": most, "first": bars[0], "last": bars[-1]} if bars else {}
