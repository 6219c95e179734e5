"""The rates page: how appeals were handled in a period, with links to the cases, and its export."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import structlog
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, pgettext

from yinghu.appeals import channels
from yinghu.appeals.handling_actions import EXTEND
from yinghu.common.language import is_english, name_of
from yinghu.common.tables.workbook_writer import MEDIA_TYPE, Percentage, WorkbookWriter
from yinghu.oversight.actions import ESCALATE
from yinghu.oversight.callback import NO_ANSWER
from yinghu.oversight.periods import PERIODS, period
from yinghu.oversight.rates import DIMENSIONS, FIGURES, OVERALL_MEANS, RATES, RatesLine, rates
from yinghu.people.access import board_scopes, sees_area
from yinghu.ui.decorators import staff_page
from yinghu.ui.requests import who
from yinghu.web.cases.drilldown import Drilldown, line_name, period_text
from yinghu.web.cases.filters import DayField, Filter, PeriodForm
from yinghu.web.statistics.whistle_tables import WhistleTable, tables

TOP = 100
"""Most lines on the page; the export has all."""

_log = structlog.get_logger("yinghu.rates")

BY = {
    "unit": gettext_lazy("单位"),
    "area": gettext_lazy("地区"),
    "category": gettext_lazy("类别"),
    "channel": gettext_lazy("来源"),
    "klass": gettext_lazy("性质"),
}


@dataclass(frozen=True, slots=True)
class RateColumn:
    """A column: a rate with its figures, or a single figure."""

    name: str
    label: str
    means: str
    figures: tuple[tuple[str, str], ...]
    """(Figure, sign before it), for the parts and the divisor of the rate."""
    is_rate: bool = False
    good: bool = True


def _columns() -> list[RateColumn]:
    return [
        _count("valid", "", _("各件最后一次评价：诉求人自评，或回访员打通的电话")),
        *map(_rate, ("responded", "solved", "satisfied")),
        RateColumn("overall", _("综合"), _(OVERALL_MEANS), (), is_rate=True),
        *map(_rate, ("received_in_time", "resolved_in_time", "returned", "redone")),
        _count("extended", _(EXTEND.label), _("平台直接延期的，和同意单位延期申请的")),
        _count("raised", _(ESCALATE.label), _("提到上一级的，算到原来办的单位")),
        _count("vain", _(NO_ANSWER.label), _("打了回访电话没有接通，也没有评价的；不算有效回访")),
    ]


def _rate(name: str) -> RateColumn:
    rate = RATES[name]
    first = _("超时 ") if rate.others else ""
    parts = [(part, "+" if n else first) for n, (part, _weight) in enumerate(rate.parts)]
    figures = (*parts, (rate.of, "/"))
    return RateColumn(name, _(rate.label), _(rate.means), figures, is_rate=True, good=rate.good)


def _count(name: str, label: str, means: str) -> RateColumn:
    return RateColumn(name, label or _(FIGURES[name].label), means, ((name, ""),))


class RatesForm(PeriodForm):
    """Custom period; an invalid day shows its error and is ignored."""

    since = DayField(label=gettext_lazy("从"), required=False)
    until = DayField(label=gettext_lazy("到"), required=False)


@dataclass(frozen=True, slots=True)
class RatesQuery:
    """The parsed query: period ("" for a custom one), dimension, scope, order."""

    period: str
    since: date | None
    until: date | None
    by: str
    scope: str
    sort: str
    up: bool
    may_open: bool

    def query(self, **other: Any) -> str:
        """Encode the query with `other` values replaced."""
        own: dict[str, Any] = {"by": self.by, "scope": self.scope}
        own["sort"] = f"{self.sort}.up" if self.up else self.sort
        if self.period:
            own["period"] = self.period
        else:
            own |= {"since": self.since or "", "until": self.until or ""}
        if "period" in other:
            own = {name: text for name, text in own.items() if name not in ("since", "until")}
        return urlencode({name: text for name, text in (own | other).items() if text})

    def sorted_by(self, name: str) -> str:
        """Encode the query sorted by a column: highest first, reversed if already so."""
        again = name == self.sort and self.up == (name == "name")
        return self.query(sort=f"{name}.up" if again != (name == "name") else name)

    def link(self, figure: str, line: RatesLine, *, whole: bool) -> str:
        """Make the URL of a figure's cases; "" for users who may see figures only."""
        if not self.may_open or not line[figure]:
            return ""
        by, key = ("", "") if whole else (self.by, line.key)
        asked = Drilldown(figure, by, key, self.since, self.until, self.scope)
        return f"{reverse('cases')}?{Filter(behind=str(asked)).query()}"


def _parse_query(request: HttpRequest) -> tuple[RatesQuery, RatesForm]:
    given: QueryDict = request.GET
    form = RatesForm(given, auto_id="rates-%s")
    valid = form.is_valid()
    days = form.cleaned_data.get("since"), form.cleaned_data.get("until")
    own = valid and any(days)
    wanted = given.get("period", "month")
    named = "" if own else wanted if wanted in PERIODS else "month"
    since, until = period(named) if named else days
    scopes = board_scopes(who(request))
    asked = given.get("scope", "")[:24].replace("\x00", "")
    # A post for one town shows that town or a part of it only.
    scope = asked if any(asked.startswith(each) for each in scopes) else scopes[0]
    by = given.get("by", "unit")
    sort, _dot, way = given.get("sort", "valid").partition(".")
    known = {"name", *(column.name for column in _columns())}
    view = RatesQuery(
        period=named,
        since=since,
        until=until,
        by=by if by in DIMENSIONS else "unit",
        scope=scope,
        sort=sort if sort in known else "valid",
        up=way == "up",
        may_open=sees_area(who(request), scope),
    )
    return view, form


@dataclass(frozen=True, slots=True)
class RateCell:
    """A table cell: a rate (0 to 1, None if undefined) with its figures, or a single figure."""

    column: RateColumn
    share: float | None
    figures: list[tuple[str, str, int, str]]
    """(Sign, label, number, URL of the cases)."""

    @property
    def percent(self) -> str:
        return "—" if self.share is None else f"{self.share:.1%}"

    @property
    def is_empty(self) -> bool:
        """Is this an undefined rate?"""
        return self.column.is_rate and self.share is None

    @property
    def bar(self) -> int:
        """Return the bar's width in percent."""
        return round(100 * min(1, max(0, self.share or 0)))


@dataclass(frozen=True, slots=True)
class RateRow:
    """A table row; `down` is the query string of the areas within it."""

    name: str
    cells: list[RateCell]
    down: str = ""


def _sorted(lines: list[RatesLine], view: RatesQuery) -> list[RatesLine]:
    """Sort the lines as asked; undefined rates come last either way."""

    def value(line: RatesLine) -> float | None:
        is_figure = view.sort in FIGURES and view.sort not in RATES
        return line[view.sort] if is_figure else line.rate(view.sort)

    lines = sorted(lines, key=lambda line: (not line.key, _line_label(line, view)))
    if view.sort == "name":
        return lines if view.up else lines[::-1]
    known = [line for line in lines if value(line) is not None]
    known.sort(key=lambda line: value(line) or 0, reverse=not view.up)
    return known + [line for line in lines if value(line) is None]


def _line_label(line: RatesLine, view: RatesQuery) -> str:
    if not line.key:
        return _("未定")
    if view.by == "channel":
        return _(channels.channel_label(line.key))
    if view.by == "klass":
        return _(line.name)
    return (is_english() and line.name_en) or line.name


def _row(
    line: RatesLine, view: RatesQuery, columns: Iterable[RateColumn], *, whole: bool = False
) -> RateRow:
    cells = [
        RateCell(
            column,
            line.rate(column.name) if column.is_rate else None,
            [
                (sign, _(FIGURES[name].label), line[name], view.link(name, line, whole=whole))
                for name, sign in column.figures
            ],
        )
        for column in columns
    ]
    if whole:
        return RateRow(_("全部"), cells)
    within = view.by == "area" and line.key and len(line.key) > len(view.scope)
    down = f"?{view.query(scope=line.key)}" if within else ""
    return RateRow(_line_label(line, view), cells, down)


@staff_page("rates")
def rates_page(request: HttpRequest) -> HttpResponse:
    """Show the table of a period by one dimension, with the total first."""
    view, form = _parse_query(request)
    columns = _columns()
    table = rates(view.by, view.since, view.until, view.scope)
    lines = _sorted(table.lines, view)
    scopes = board_scopes(who(request))
    context = {
        "desk": "rates",
        "view": view,
        "form": form,
        "days": period_text(view.since, view.until),
        "periods": [(name, _(text), view.query(period=name)) for name, text in PERIODS.items()],
        "dimensions": [(name, text, view.query(by=name)) for name, text in BY.items()],
        "by": BY[view.by],
        "columns": [(column, view.sorted_by(column.name)) for column in columns],
        "by_name": view.sorted_by("name"),
        "whole": _row(table.whole, view, columns, whole=True),
        "rows": [_row(line, view, columns) for line in lines[:TOP]],
        "rest": len(lines[TOP:]),
        "scope": line_name("area", view.scope) if view.scope else "",
        "scopes": [
            (line_name("area", each) if each else _("全部"), view.query(scope=each))
            for each in (scopes if len(scopes) > 1 or view.scope not in scopes else ())
        ],
        "whistles": tables(view.since, view.until, [view.scope], may_open=view.may_open),
        "export": view.query(),
        "once": _(ONCE),
        "at": timezone.now(),
    }
    return render(request, "statistics/rates.html", context)


@staff_page("rates")
def export_rates(request: HttpRequest) -> HttpResponse:
    """Export the table as a workbook, with the definitions on another sheet."""
    view, _form = _parse_query(request)
    columns = _columns()
    table = rates(view.by, view.since, view.until, view.scope)
    book = WorkbookWriter()
    sheet = book.sheet(_("三率"), freeze="B3")
    scope = line_name("area", view.scope) if view.scope else _("全部")
    sheet.row([_("三率"), period_text(view.since, view.until), scope])
    heads = _sheet_columns(columns)
    sheet.row([str(BY[view.by]), *heads], bold=True)
    rows = [(_("全部"), table.whole)]
    rows += [(_line_label(line, view), line) for line in _sorted(table.lines, view)]
    for name, line in rows:
        numbers = [
            Percentage(line.rate(figure)) if is_rate else line[figure]
            for figure, is_rate in heads.values()
        ]
        sheet.row([name, *numbers])
    whistles = [
        each for each in tables(view.since, view.until, [view.scope], may_open=False) if each.rows
    ]
    for each in whistles:
        _add_whistle_sheet(book, each)
    meanings = book.sheet(_("口径"))
    meanings.row([_("指标"), _("怎么算")], bold=True)
    for column in columns:
        meanings.row([column.label, column.means])
    meanings.row([_("数的是件数"), _(ONCE)])
    for label, means in whistles[0].columns if whistles else ():
        meanings.row([f"{_('吹哨报到')} · {label}", means])
    _log.info("rates exported", user=who(request).user_id, by=view.by, scope=view.scope)
    name = f"rates-{timezone.localtime():%Y%m%d-%H%M}.xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(book.content(), content_type=MEDIA_TYPE, headers=headers)


def _add_whistle_sheet(book: WorkbookWriter, table: WhistleTable) -> None:
    sheet = book.sheet(f"{_('吹哨报到')} {table.title}")
    heads = [_("单位"), pgettext("count", "吹哨"), _("叫了"), _("应报到"), _("报到"), _("报到率")]
    heads += [_("按时"), _("按时率"), _("评了"), _("满意率"), _("不用来")]
    sheet.row(heads, bold=True)
    for row in table.rows:
        line = row.line
        numbers: list[Any] = [line.whistles, line.called, line.due, line.reported]
        numbers += [Percentage(line.report_in_rate), line.on_time, Percentage(line.on_time_rate)]
        numbers += [line.graded, Percentage(line.satisfied_rate), line.excused_count]
        sheet.row([name_of(line.unit) if line.unit else _("全部"), *numbers])


ONCE = gettext_noop("一件诉求在一个时段里同样的事只算一次；几行都有它的，合起来会多于“全部”。")


def _sheet_columns(columns: Iterable[RateColumn]) -> dict[str, tuple[str, bool]]:
    """Return the columns of the export: name and whether it is a rate, by heading. A figure that
    several rates use has one column, behind the first of them.
    """
    found: dict[str, tuple[str, bool]] = {}
    for column in columns:
        if column.is_rate:
            found[column.label] = (column.name, True)
        for name, _sign in column.figures:
            if (name, False) not in found.values():
                found[_(FIGURES[name].label)] = (name, False)
    return found
