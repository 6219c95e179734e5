"""Time limits in the set-up: six clocks for each urgency, in general and by way of exception."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.models import Category, ClockLimit
from yinghu.appeals.states import ClockKind, Urgency
from yinghu.web.forms import PickerSelect, name_of
from yinghu.web.setup import spans
from yinghu.web.setup.kinds import Around, Kind, Listed, SetupForm, State


@dataclass(slots=True)
class LimitRow:
    """The six limits of a category ("" is the general rule) at one urgency."""

    category: str
    urgency: int
    minutes: dict[str, int]
    name: str = ""


class LimitForm(SetupForm):
    fixed = ("category", "urgency")

    category = forms.ChoiceField(required=False, widget=PickerSelect)
    urgency = forms.TypedChoiceField(coerce=int)
    receive = spans.SpanField()
    dispatch = spans.SpanField()
    respond = spans.SpanField()
    arrive = spans.SpanField()
    solve = spans.SpanField()
    feedback = spans.SpanField()

    def prepare(self) -> None:
        if self.key:
            return
        category, urgency = self.fields["category"], self.fields["urgency"]
        assert isinstance(category, forms.ChoiceField)  # noqa: S101  # for the type checker
        assert isinstance(urgency, forms.TypedChoiceField)  # noqa: S101  # for the type checker
        known = self.around.categories.values()
        category.choices = [
            ("", _("所有类别（通用）")),
            *((each.code, name_of(each)) for each in known if each.active),
        ]
        category.error_messages["invalid_choice"] = _("没有代码为 %(value)s 的在用类别")
        urgency.choices = [(str(each.value), _(each.label)) for each in Urgency]
        urgency.error_messages["invalid_choice"] = _(
            "紧急程度应是 1（一般）、2（紧急）或 3（危急）"
        )

    def clean(self) -> State:
        cleaned = super().clean() or {}
        if not self.key and "urgency" in cleaned and "category" in cleaned:
            if f"{cleaned['category']}:{cleaned['urgency']}" in self.around.states:
                raise ValidationError(_("这一类、这个紧急程度的时限已经有了，请在表里点它来改"))
            if not self.errors and not any(cleaned.get(kind) for kind in ClockKind):
                raise ValidationError(_("六个时限至少写一个"))
        return cleaned


class Limits(Kind):
    def things(self) -> Iterable[LimitRow]:
        found: dict[tuple[str, int], LimitRow] = {}
        for limit in ClockLimit.objects.select_related("category"):
            at = (limit.category_id or "", limit.urgency)
            row = found.setdefault(at, LimitRow(*at, {}, _row_name(limit.category, limit.urgency)))
            row.minutes[limit.kind] = limit.minutes
        return [found[at] for at in sorted(found)]

    def find(self, key: str) -> LimitRow | None:
        return next((row for row in self.things() if self.key(row) == key), None)

    def key(self, thing: LimitRow) -> str:
        return f"{thing.category}:{thing.urgency}"

    def keys_of(self, thing: LimitRow) -> State:
        return {"category": thing.category, "urgency": thing.urgency}

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        return self.key_of(dict(cells))

    def key_of(self, values: State) -> str:
        return f"{values.get('category', '')}:{values.get('urgency', '')}"

    def state(self, thing: LimitRow) -> State:
        return {kind.value: thing.minutes.get(kind.value) for kind in ClockKind}

    def cells(self, thing: LimitRow) -> dict[str, str]:
        said = {
            name: spans.said(value) if value else "" for name, value in self.state(thing).items()
        }
        return {"category": thing.category, "urgency": str(thing.urgency)} | said

    def make(self, values: State) -> LimitRow:
        category = Category.objects.filter(pk=values["category"]).first()
        name = _row_name(category, values["urgency"])
        row = LimitRow(values["category"], values["urgency"], {}, name)
        self.write(row, {kind.value: values.get(kind.value) for kind in ClockKind})
        return row

    def write(self, thing: LimitRow, values: State) -> None:
        where: dict[str, Any] = {"category_id": thing.category or None, "urgency": thing.urgency}
        for kind, minutes in values.items():
            if minutes is None:
                ClockLimit.objects.filter(kind=kind, **where).delete()
                thing.minutes.pop(kind, None)
            else:
                ClockLimit.objects.update_or_create(
                    kind=kind, **where, defaults={"minutes": minutes}
                )
                thing.minutes[kind] = minutes

    def search_words(self, thing: LimitRow) -> tuple[str, ...]:
        return (thing.category, thing.name)

    def listed(self, things: Sequence[LimitRow]) -> list[Listed]:
        general = {row.urgency: row.minutes for row in self.things() if not row.category}
        return [
            Listed(
                self.key(row),
                row.name,
                "",
                [_cell(row, kind, general.get(row.urgency, {})) for kind in ClockKind],
            )
            for row in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name in set(ClockKind) and value:
            return spans.said(value)
        if name in set(ClockKind):
            return _("不另定")
        if name == "urgency" and value:
            return _(Urgency(value).label)
        if name == "category":
            return around.category_said(value) if value else _("所有类别（通用）")
        return super().said(name, value, around)

    def count(self) -> int:
        return ClockLimit.objects.values("category", "urgency").distinct().count()

    def warnings(self) -> list[str]:
        general = ClockLimit.objects.filter(category=None).values_list("urgency", "kind")
        have = set(general)
        missing = [
            _("%(urgency)s的“%(kind)s”") % {"urgency": _(u.label), "kind": _(k.label)}
            for u in Urgency
            for k in ClockKind
            if (u.value, k.value) not in have
        ]
        if len(missing) == len(Urgency) * len(ClockKind):
            return [_("还没有通用时限：谁也不会超时，也就没有人催。")]
        return [_("通用时限没有定，不计时：%s") % _("、").join(missing[:4])] if missing else []


def _row_name(category: Category | None, urgency: int) -> str:
    what = name_of(category) if category else _("通用")
    return f"{what} · {_(Urgency(urgency).label)}"


def _cell(row: LimitRow, kind: ClockKind, general: Mapping[str, int]) -> str:
    if minutes := row.minutes.get(kind.value):
        return spans.said(minutes)
    if row.category and (minutes := general.get(kind.value)):
        return _("同通用（%s）") % spans.said(minutes)
    return _("不计时")


LIMITS = Limits(
    name="limit",
    icon="clock",
    title=gettext_lazy("时限"),
    one=pgettext_lazy("one", "时限"),
    why=gettext_lazy("六个第一时间各多久：多久接收、派单、响应、到场、解决、反馈。"),
    labels={
        "category": gettext_lazy("类别"),
        "urgency": gettext_lazy("紧急程度"),
        **{kind.value: gettext_lazy(kind.label) for kind in ClockKind},
    },
    form=LimitForm,
    heads=tuple(gettext_lazy(kind.label) for kind in ClockKind),
    hints={
        "category": gettext_lazy("不选就是通用，没有单独时限的类别都按它。"),
        "receive": gettext_lazy("从提交到研判。写成“30 分钟”“2 小时”“3 天”；空着就是不另定。"),
        "dispatch": gettext_lazy("从研判到派出去。"),
        "respond": gettext_lazy("从派出去到有人接单。"),
        "arrive": gettext_lazy("从接单到人到了现场。"),
        "solve": gettext_lazy("从提交到办结；等群众补充时不算。"),
        "feedback": gettext_lazy("从办结到回访、评价。"),
    },
    retires=False,
)
