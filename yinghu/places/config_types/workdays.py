"""Configuration of working time: hours of the week, single dates, and statutory holidays."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from yinghu.common.config_types.config_form import NO, YES, ConfigForm, FormContext, State
from yinghu.common.config_types.config_type import ConfigType, Field, Panel
from yinghu.common.text import plain_digits
from yinghu.places import calendar
from yinghu.places.calendar import Hours, statutory
from yinghu.places.models import WorkDay

_WEEK = tuple("1234567")
_OFF = frozenset({"休息", "休", "放假", "off", "day off"})
_SIGNS = str.maketrans("：－—　", ":-- ")
_MAX_HOURS = 80
"""Maximum length of a day's hours as stored."""

_NEAR, _FAR = timedelta(days=20), timedelta(days=200)
"""How far ahead the list shows every day, and exceptions only."""


class WorkDayForm(ConfigForm):
    """`hours` of the state: "8:30-12:00 …", "" for a day off, None for a date without its own rule;
    "yes" or "no" for the row of statutory holidays.
    """

    fixed = ("day",)

    day = forms.CharField(max_length=10)
    hours = forms.CharField(required=False, max_length=_MAX_HOURS)

    def clean_day(self) -> str:
        text: str = plain_digits(self.cleaned_data["day"]).translate(_SIGNS)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValidationError(_("请写成 2026-02-17 这样的日期")) from None
        if text != day.isoformat() or not 2000 <= day.year <= 2100:
            raise ValidationError(_("请写成 2026-02-17 这样的日期"))
        if text in self.context.states:
            raise ValidationError(_("%s 已经写了，请在表里点它来改") % text)
        return text

    def clean_hours(self) -> str | None:
        text: str = plain_digits(self.cleaned_data["hours"]).translate(_SIGNS).strip().lower()
        if self.key == WorkDay.STATUTORY:
            if text not in YES | NO:
                raise ValidationError(_("请写“是”或“否”"))
            return "yes" if text in YES else "no"
        if text in _OFF:
            return ""
        if not text:
            if not self.key:
                raise ValidationError(_("请写几点到几点，或者写“休息”"))
            return "" if self.key in _WEEK else None
        try:
            written = _format_spans(calendar.hours_of(text))
        except calendar.BadHours as bad:
            raise ValidationError(
                _("“%s”看不懂，或者和前面的重叠；请写成“8:30-12:00 13:30-17:30”")
                % str(bad.args[0])[:30]
            ) from None
        if len(written) > _MAX_HOURS:
            raise ValidationError(_("一天最多写六段"))
        return written


def _format_spans(hours: Hours) -> str:
    return " ".join(
        f"{opens // 60}:{opens % 60:02}-{closes // 60}:{closes % 60:02}" for opens, closes in hours
    )


class WorkDayType(ConfigType):
    name = "workday"
    icon = "calendar"
    title = gettext_lazy("上班时间")
    one = pgettext_lazy("one", "日期")
    why = gettext_lazy(
        "一周哪几天、几点到几点上班，哪些日子例外：按工作时间算的时限照它算。已经在走的计时要不要也改，保存时会问。"
    )
    form = WorkDayForm
    fields = (
        Field(
            "day",
            gettext_lazy("哪一天"),
            gettext_lazy("写成 2026-02-17。自己写的日子比法定节假日管用。"),
        ),
        Field(
            "hours",
            gettext_lazy("几点到几点"),
            gettext_lazy(
                "例如 8:30-12:00 13:30-17:30；不上班就写“休息”。"
                "自己写的日子空着，就取消它，照平常。"
            ),
        ),
    )
    heads = (gettext_lazy("几点到几点"),)
    retires = False
    shows_key = False

    def rows(self) -> Iterable[WorkDay]:
        rows = {row.key: row for row in WorkDay.objects.order_by("key")}
        fixed = (*_WEEK, WorkDay.STATUTORY)
        first = [rows.pop(key) if key in rows else WorkDay(key=key) for key in fixed]
        return [*first, *rows.values()]

    def key_values(self, row: WorkDay) -> State:
        return {"day": row.key}

    def state(self, row: WorkDay) -> State:
        return {"hours": row.hours or "no" if row.key == WorkDay.STATUTORY else row.hours}

    def cells(self, row: WorkDay) -> dict[str, str]:
        return {"day": row.key, "hours": _format_hours(self.state(row)["hours"])}

    def create(self, values: State) -> WorkDay:
        return WorkDay.objects.create(key=values["day"], hours=values["hours"])

    def write(self, row: WorkDay, values: State) -> None:
        if values["hours"] is None:
            WorkDay.objects.filter(pk=row.key).delete()
        else:
            row.hours = values["hours"]
            row.save()

    def label(self, row: WorkDay) -> str:
        if row.key in _WEEK:
            return str(WEEKDAYS[int(row.key) - 1])
        return _("照法定节假日和调休") if row.key == WorkDay.STATUTORY else row.key

    def search_words(self, row: WorkDay) -> tuple[str, ...]:
        return (row.key, self.label(row), row.hours)

    def list_cells(self, rows: Sequence[WorkDay]) -> list[Sequence[str]]:
        return [(_format_hours(self.state(row)["hours"]),) for row in rows]

    def panels(self) -> list[Panel]:
        today = timezone.localdate()
        near, far = today + _NEAR, today + _FAR
        days = list(calendar.reckoned(today, far))
        heads = (_("日期"), _("几点到几点"), _("为什么"))
        shown = [_day_row(each) for each in days if each.day <= near]
        other = [_day_row(each) for each in days if each.day > near and each.why != "week"]
        found = [Panel(_("接下来三周"), heads, shown)]
        return [*found, Panel(_("再往后，和平常不一样的日子"), heads, other)] if other else found

    def hint(self, name: str, row: Any) -> Any:
        if name == "hours" and row and row.key == WorkDay.STATUTORY:
            return _("写“是”就照国务院公布的放假和调休，写“否”就只看星期和自己写的日子。")
        return super().hint(name, row)

    def display_value(self, name: str, value: Any, context: FormContext) -> str:
        if name == "hours":
            return _("照平常") if value is None else _format_hours(value)
        return super().display_value(name, value, context)

    def count(self) -> int:
        return len(list(self.rows()))

    def warnings(self) -> list[str]:
        rows = dict(WorkDay.objects.values_list("key", "hours"))
        if not any(rows.get(day) for day in _WEEK):
            return [_("一周里没有一天上班：按工作时间算的时限就不分昼夜了。")]
        soon = timezone.localdate() + timedelta(days=45)
        if rows.get(WorkDay.STATUTORY) == "yes" and statutory(soon) is None:
            return [
                _("%d 年的法定节假日这里还没有，先按星期算；请升级，或者自己写上。") % soon.year
            ]
        return []


def _format_hours(hours: str) -> str:
    """Format hours so that the form can parse them again."""
    if hours in ("yes", "no"):
        return pgettext("value", "是") if hours == "yes" else pgettext("value", "否")
    return hours or _("休息")


def _day_row(each: calendar.DayRule) -> tuple[str, str, str]:
    why = {
        "own": _("本地定的"),
        "holiday": _("法定节假日"),
        "makeup": _("调休上班"),
        "week": _("照平常"),
    }
    day = f"{each.day.isoformat()} {WEEKDAYS[each.day.weekday()]}"
    return day, _format_hours(_format_spans(each.hours)), why[each.why]


WORKDAYS = WorkDayType()
