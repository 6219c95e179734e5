"""The board: live figures for whoever has to see the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from yinghu.appeals.states import OPEN, Status
from yinghu.insight.board import PERIODS, Board, Line, Period, board
from yinghu.people.access import board_scopes
from yinghu.web.shared import is_part, staff, who

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
    context = {
        "desk": "board",
        # Not the board itself: in a template its statuses would hide its other names.
        "at": found.at,
        "scope": scope,
        "period": period,
        "periods": [("today", _("今天")), ("week", _("近七天")), ("all", _("全部"))],
        "tiles": _tiles(found),
        "flow": _flow(found),
        "tables": [
            Table(_("按类别"), found.by_category),
            Table(_("按承办单位"), found.by_unit),
            Table(_("按镇街"), found.by_town),
            Table(_("按性质"), found.by_klass),
        ],
        "days": _days(found),
    }
    part = "web/command/figures.html" if is_part(request, "figures") else "web/command/board.html"
    return render(request, part, context)


def _tiles(found: Board) -> list[dict[str, Any]]:
    rate = found.closed_rate
    return [
        {"name": "received", "label": _("收到"), "n": found.received, "icon": "inbox"},
        {"name": "open", "label": _("在办"), "n": found.open, "icon": "bolt"},
        {
            "name": "closed",
            "label": pgettext("figure", "销号"),
            "n": found.closed,
            "icon": "checks",
        },
        {"name": "late", "label": _("超时"), "n": found.late, "icon": "clock-exclamation"},
        {
            "name": "rate",
            "label": _("销号率"),
            "n": "—" if rate is None else f"{rate:.1%}",
            "icon": "chart-bar",
        },
    ]


def _flow(found: Board) -> list[tuple[str, int]]:
    """How many stand at each status now."""
    order = [*(status for status in Status if status in OPEN), Status.RESOLVED, Status.CLOSED]
    return [(status.value, found[status]) for status in order]


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a table."""

    name: str
    name_en: str
    received: int
    open: int
    closed: int


class Table:
    """One table of lines, the rest beyond `TOP` summed up."""

    def __init__(self, title: str, lines: list[Line]) -> None:
        self.title = title
        self.lines = [
            Shown(
                _(line.name) if line.name else "",
                line.name_en,
                line.received,
                line.open,
                line.closed,
            )
            for line in lines[:TOP]
        ]
        self.rest = sum(line.received for line in lines[TOP:])
        self.rest_lines = len(lines[TOP:])
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
