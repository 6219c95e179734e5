"""Tables of how units answer whistles, with links to the cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.oversight.periods import bounds
from yinghu.oversight.whistle_figures import Answering, By, answering
from yinghu.web.cases.drilldown import Drilldown
from yinghu.web.cases.filters import Filter


def whistle_columns() -> list[tuple[str, str]]:
    """Return label and definition of the columns, in the page's order."""
    return [
        (pgettext("count", "吹哨"), _("被叫到或自己吹的哨，一次叫几个单位也算一次")),
        (_("叫了"), _("叫单位来的次数：一次吹哨叫两个单位算两次，裁定不用来的不算")),
        (_("报到率"), _("来报到的 ÷ 应报到的（已经来的，和到了时间的）")),
        (_("按时"), _("按时报到的 ÷ 应报到的；异议期间不算时间")),
        (_("满意率"), _("（满意 + 0.9 × 基本满意）÷ 吹哨单位评过的；后面的数是评过几次")),
        (_("不用来"), _("提了异议，指挥中心裁定不用来的次数")),
    ]


@dataclass(frozen=True, slots=True)
class WhistleRow:
    """A unit's row, or the total (no unit), with URLs of the cases by figure."""

    line: Answering
    opens: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WhistleTable:
    """A table: total and units; no rows without whistles."""

    title: str
    rows: list[WhistleRow]
    columns: list[tuple[str, str]]


def tables(
    since: date | None, until: date | None, scopes: Sequence[str], *, may_open: bool
) -> list[WhistleTable]:
    """Make the tables by called and by whistling units for cases under these area prefixes.

    From day `since` to day `until` (None is open). Links to cases need a single prefix.
    """
    asked: tuple[tuple[str, By, dict[str, str]], ...] = (
        (_("被叫的单位"), "unit", {"called": "called", "reported": "came"}),
        (_("吹哨的单位"), "whistle__unit", {"whistles": "whistled"}),
    )
    now, moments = timezone.now(), bounds(since, until)
    found = []
    for title, by, figures in asked:
        rows = [WhistleRow(line) for line in answering(now, *moments, scopes, by)]
        for row in rows if may_open else ():
            key = ("unit", row.line.unit.code) if row.line.unit else ("", "")
            for number, figure in figures.items():
                behind = Drilldown(figure, *key, since, until, scopes[0])
                row.opens[number] = f"{reverse('cases')}?{Filter(behind=str(behind)).query()}"
        found.append(WhistleTable(title, rows, whistle_columns()))
    return found
