"""Filter of the case list: its form, query string and query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.appeals import clocks
from yinghu.appeals.actions import RETURN
from yinghu.appeals.channels import CHANNELS
from yinghu.appeals.labels import status_label
from yinghu.appeals.models import Appeal, Category, Clock, Event
from yinghu.appeals.states import OPEN, Klass, Status, Urgency
from yinghu.common.config_types.config_form import labelled
from yinghu.common.form_fields import PickerSelect
from yinghu.common.language import name_of
from yinghu.people.access import Actor
from yinghu.people.models import Unit
from yinghu.places.area_fields import AreaField, AreaInput
from yinghu.places.locate import known_areas
from yinghu.places.models import Area
from yinghu.ui.case_rows import CaseRow
from yinghu.web.cases.drilldown import line_name, parse_drilldown
from yinghu.web.cases.suggested import SUGGESTIBLE, decided_or_suggested

NONE = "-"
"""Filter value for cases without category, area, unit or class."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of the case list; empty values do not filter. Dates are in the server's time zone.

    `category_only` and `area_only` exclude subordinate categories and areas, and `decided` values
    that are only suggested, as the board's lines do. `behind` is an encoded `Drilldown`.
    """

    q: str = ""
    by: str = ""
    status: tuple[str, ...] = ()
    klass: str = ""
    category: str = ""
    area: str = ""
    unit: str = ""
    channel: str = ""
    urgency: int | None = None
    since: date | None = None
    until: date | None = None
    late: bool = False
    today: bool = False
    mine: bool = False
    free: bool = False
    returned: bool = False
    decided: bool = False
    category_only: bool = False
    area_only: bool = False
    behind: str = ""

    def __bool__(self) -> bool:
        return self != Filter()

    def query(self) -> str:
        """Encode the filter as a query string, in a fixed order."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        shown = {name: "1" if value is True else value for name, value in given.items() if value}
        return urlencode(shown, doseq=True)

    def without(self, name: str) -> Filter:
        """Return the filter without one of its parts."""
        dropped = {name, "by"} if name == "q" else {name, f"{name}_only"}
        given: dict[str, Any] = {f.name: f.default for f in fields(self) if f.name in dropped}
        return replace(self, **given)

    def apply(self, found: QuerySet[Appeal], actor: Actor) -> QuerySet[Appeal]:
        """Apply everything but `q`, which is for `search.match_query`."""
        reached, found = found, found.filter(**self._lookups(actor))
        for name, decided, suggested in self._suggestible():
            if self.decided:
                found = found.filter(**decided)
            else:
                found = found.filter(decided_or_suggested(reached, name, Q(**decided), suggested))
        if figure := parse_drilldown(self.behind):
            found = found.filter(pk__in=figure.ids())
        for clock in self.clocks().values():
            found = found.filter(pk__in=clock.values("appeal"))
        if self.returned:
            # Only cases that wait to be assigned again.
            back = Event.objects.filter(verb=RETURN.name, appeal=OuterRef("pk"))
            found = found.filter(Exists(back), status=Status.SORTED)
        return found

    def clocks(self) -> dict[str, QuerySet[Clock]]:
        """Return clock queries by the part that needs them; an appeal must match each."""
        now = timezone.now()
        asked: dict[str, QuerySet[Clock]] = {}
        if self.late:
            asked["late"] = Clock.objects.filter(clocks.overdue(now))
        if self.today:
            tomorrow = _midnight(timezone.localdate(now) + timedelta(days=1))
            asked["today"] = Clock.objects.filter(clocks.overdue(tomorrow), due_at__gte=now)
        return asked

    def _lookups(self, actor: Actor) -> dict[str, Any]:
        """Return the conditions on columns of the appeal."""
        wanted: dict[str, Any] = {}
        if self.status or self.free:
            statuses = set(self.status or Status)
            # Ended cases need no holder.
            wanted["status__in"] = sorted(statuses & OPEN if self.free else statuses)
        if self.klass == NONE:
            wanted["klass"] = ""
        if self.unit not in ("", NONE):
            unit = Unit.objects.filter(code=self.unit).values_list("pk", flat=True).first()
            wanted["unit"] = unit or 0
        for name in ("category", "area", "unit"):
            if getattr(self, name) == NONE:
                wanted[name] = None
        if self.channel:
            wanted["channel"] = self.channel
        if self.since:
            wanted["filed_at__gte"] = _midnight(self.since)
        if self.until:
            wanted["filed_at__lt"] = _midnight(self.until + timedelta(days=1))
        if self.mine:
            wanted["holder"] = actor.user_id
        if self.free:
            wanted["holder__isnull"] = True
        return wanted

    def _suggestible(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """List parts that may be suggested: (name, lookups of the case, of its suggestion)."""
        if self.klass not in ("", NONE):
            yield "klass", {"klass": self.klass}, {"klass": self.klass}
        if self.category not in ("", NONE):
            under = Category.objects.filter(code__startswith=f"{self.category}.")
            codes = [] if self.category_only else list(under.values_list("pk", flat=True))
            either = {"category__in": [self.category, *codes]}
            yield "category", either, either
        if self.area not in ("", NONE):
            same = {"area" if self.area_only else "area__code__startswith": self.area}
            yield "area", same, same
        if self.urgency:
            yield "urgency", {"urgency": self.urgency}, {"urgency": self.urgency}

    def mark_suggested(self, rows: Iterable[CaseRow]) -> None:
        """Note on each row which parts of the filter it matches only by a suggestion."""
        names = {name for name, _decided, _suggested in self._suggestible()}
        asked = [part for name, part in SUGGESTIBLE.items() if name in names]
        for row in rows:
            row.found_by = [str(part.label) for part in asked if part.is_suggested(row)]

    def words(self) -> list[tuple[str, str]]:
        """List (part, description) in the reader's language."""
        said: list[tuple[str, str]] = [("q", _("“%s”") % self.q)] if self.q else []
        if figure := parse_drilldown(self.behind):
            said.append(("behind", figure.words()))
        if self.status:
            names = _("、").join(status_label(Status(status)) for status in self.status)
            said.append(("status", names))
        if self.klass:
            label = _("性质未定") if self.klass == NONE else _(Klass(self.klass).label)
            said.append(("klass", label))
        for name, none in (("category", _("类别未定")), ("unit", _("还没有派"))):
            if code := getattr(self, name):
                said.append((name, none if code == NONE else line_name(name, code)))
        if self.area:
            area = known_areas().get(self.area)
            known = name_of(area) if area else self.area
            said.append(("area", _("地点未定") if self.area == NONE else known))
        if self.channel:
            said.append(("channel", _(CHANNELS[self.channel].label)))
        if self.urgency:
            said.append(("urgency", _(Urgency(self.urgency).label)))
        if self.since:
            said.append(("since", _("%s 起") % self.since.isoformat()))
        if self.until:
            said.append(("until", _("到 %s") % self.until.isoformat()))
        said += [(name, label) for name, label in _flags() if getattr(self, name)]
        return said


def _flags() -> list[tuple[str, str]]:
    """List (name, label) of the check boxes."""
    return [
        ("late", _("超时的")),
        ("today", _("今天到期的")),
        ("mine", _("我手上的")),
        ("free", _("没有人办的")),
        ("returned", _("退回来的")),
        ("decided", _("不算系统建议")),
    ]


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


class _AreaOrNone(AreaField):
    """An area, or `NONE`."""

    def clean(self, value: Any) -> str:
        text = str(value or "").strip()
        if not text:
            return ""
        # Retired areas are not offered, but have cases.
        is_known = text == NONE or Area.objects.filter(pk=text[:24].replace("\x00", "")).exists()
        return text if is_known else super().clean(value)


class DayField(forms.DateField):
    """A day between 1970 and 8999."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not 1970 <= value.year <= 8999:
            raise ValidationError(_("请写一个真实的日期"))


class PeriodForm(forms.Form):
    """A form with the days `since` and `until`."""

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", _("结束日期在开始日期之前"))
        return self.cleaned_data


class Choices:
    """Choices of categories and units, including retired ones; fetched once for many forms."""

    @cached_property
    def categories(self) -> list[tuple[str, str]]:
        return [(c.code, name_of(c)) for c in Category.objects.all()]

    @cached_property
    def units(self) -> list[tuple[str, str]]:
        return [(u.code, name_of(u)) for u in Unit.objects.all()]


class FilterForm(PeriodForm):
    """The filter bar; an invalid field shows its error and does not filter."""

    status = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    category = forms.ChoiceField(required=False, widget=PickerSelect)
    unit = forms.ChoiceField(required=False, widget=PickerSelect)
    area = _AreaOrNone(required=False, max_length=120, widget=AreaInput)
    klass = forms.ChoiceField(required=False)
    urgency = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    channel = forms.ChoiceField(required=False)
    since = DayField(label=gettext_lazy("提交日期，从"), required=False)
    until = DayField(label=gettext_lazy("提交日期，到"), required=False)
    behind = forms.CharField(required=False, max_length=300, widget=forms.HiddenInput)

    def __init__(self, data: Any, choices: Choices | None = None) -> None:
        super().__init__(data, auto_id="filter-%s")
        choices = choices or Choices()
        anything = ("", _("不限"))
        self._choose("status", _("状态"), [(s.value, status_label(s)) for s in Status])
        self._choose("category", _("类别"), [anything, (NONE, _("类别未定")), *choices.categories])
        self._choose("unit", _("承办单位"), [anything, (NONE, _("还没有派")), *choices.units])
        self._choose("klass", _("性质"), [anything, (NONE, _("性质未定")), *labelled(Klass)])
        self._choose("urgency", _("紧急程度"), [anything, *labelled(Urgency)])
        channels = [(code, _(channel.label)) for code, channel in CHANNELS.items()]
        self._choose("channel", _("来源"), [anything, *channels])
        self.fields["area"].label, self.fields["behind"].label = _("地点"), _("统计数字")
        for name, label in _flags():
            self.fields[name] = forms.BooleanField(label=label, required=False)

    def _choose(self, name: str, label: str, choices: list[tuple[Any, str]]) -> None:
        field: Any = self.fields[name]
        field.label, field.choices = label, choices

    def rows(self) -> list[forms.BoundField]:
        """Return the fields between the statuses and the check boxes."""
        ticks = {name for name, _label in _flags()}
        return [bound for bound in self if bound.name not in ticks | {"status", "behind"}]

    def ticks(self) -> list[forms.BoundField]:
        return [self[name] for name, _label in _flags()]

    def filter(self) -> Filter:
        """Make a filter of the valid fields."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        given["status"] = tuple(given.get("status", ()))
        query = str(self.data.get("q", "")).replace("\x00", "").strip()[:120]
        by = "words" if query and self.data.get("by") == "words" else ""
        for name in ("category", "area"):
            given[f"{name}_only"] = bool(self.data.get(f"{name}_only") and given.get(name))
        return Filter(q=query, by=by, **given)

    def clean_behind(self) -> str:
        text: str = self.cleaned_data["behind"]
        figure = parse_drilldown(text) if text else None
        if text and figure is None:
            raise ValidationError(_("没有这个统计数字，请从“三率”里点开"))
        return str(figure or "")
