"""Drill-down from a figure of the rates to its cases, encoded as a URL parameter."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any

from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from yinghu.appeals import channels
from yinghu.appeals.models import Category
from yinghu.appeals.states import Klass
from yinghu.common.language import name_of
from yinghu.oversight import rates
from yinghu.people.models import Unit
from yinghu.places.models import Area

_SEPARATOR = "~"
_CODE = re.compile(r"[^\x00~]{0,60}")


@dataclass(frozen=True, slots=True)
class Drilldown:
    """A figure of `rates.FIGURES` in a period and scope, of the total or of one line."""

    figure: str
    by: str = ""
    key: str = ""
    since: date | None = None
    until: date | None = None
    scope: str = ""

    def __str__(self) -> str:
        return _SEPARATOR.join("" if part is None else str(part) for part in astuple(self))

    def ids(self) -> RawSQL:
        return rates.ids_behind(self.figure, self.by, self.key, self.since, self.until, self.scope)

    def words(self) -> str:
        """Describe the figure in the reader's language."""
        parts = [_(rates.FIGURES[self.figure].label)]
        if self.by:
            parts.append(line_name(self.by, self.key))
        parts.append(period_text(self.since, self.until))
        if self.scope:
            parts.append(_area(self.scope))
        return " · ".join(parts)


def parse_drilldown(text: str) -> Drilldown | None:
    """Parse `str(Drilldown)`; None if it is invalid."""
    parts = text.split(_SEPARATOR)
    if len(parts) != 6 or not all(_CODE.fullmatch(part) for part in parts):
        return None
    figure, by, key, since, until, scope = parts
    if figure not in rates.FIGURES or by not in {"", *rates.DIMENSIONS} or (key and not by):
        return None
    try:
        first, last = (date.fromisoformat(day) if day else None for day in (since, until))
    except ValueError:
        return None
    if not all(day is None or 1970 <= day.year <= 8999 for day in (first, last)):
        return None
    return Drilldown(figure, by, key, first, last, scope)


def period_text(since: date | None, until: date | None) -> str:
    """Word a period by its first and last day."""
    if since is None and until is None:
        return _("从开始到现在")
    if since == until:
        return str(since)
    return _("%(since)s 到 %(until)s") % {"since": since or "…", "until": until or "…"}


def line_name(by: str, key: str) -> str:
    """Return the name of a line's unit, area, category, channel or class."""
    if not key:
        return _("未定")
    if by == "area":
        return _area(key)
    if by == "channel":
        return _(channels.channel_label(key))
    if by == "klass":
        return _(Klass(key).label) if key in set(Klass) else key
    table: Any = Unit if by == "unit" else Category
    thing = table.objects.filter(code=key).first()
    return name_of(thing) if thing else key


def _area(code: str) -> str:
    area = Area.objects.filter(pk=code).defer("outline").first()
    return name_of(area) if area else code
