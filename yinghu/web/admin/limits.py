"""Time limits in the set-up: eight clocks for each urgency, in general and by way of exception."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.models import Category, ClockLimit
from yinghu.appeals.states import LIMITED, ClockKind, Urgency
from yinghu.ui.forms import PickerSelect, name_of
from yinghu.web.admin import spans
from yinghu.web.admin.kinds import Around, Kind, Listed, SetupForm, State


@dataclass(slots=True)
class LimitRow:
    """The limits of a category ("" is the general rule) at one urgency."""

    category: str
    urgency: int
    limits: dict[str, spans.Limit]
    name: str = ""


_BEFORE_SOLVING = (ClockKind.RECEIVE, ClockKind.DISPATCH, ClockKind.RESPOND, ClockKind.ARRIVE)


def _longer(limit: spans.Limit, other: spans.Limit) -> bool:
    """Whether the first is longer, as far as both are counted the same way."""
    if isinstance(limit, dict) and isinstance(other, dict):
        return limit["working"] > other["working"]
    return isinstance(limit, int) and isinstance(other, int) and limit > other


class LimitForm(SetupForm):
    fixed = ("category", "urgency")

    category = forms.ChoiceField(required=False, widget=PickerSelect)
    urgency = forms.TypedChoiceField(coerce=int)
    receive = spans.LimitField()
    dispatch = spans.LimitField()
    respond = spans.LimitField()
    arrive = spans.LimitField()
    solve = spans.LimitField()
    feedback = spans.LimitField()
    progress = spans.LimitField()
    ruling = spans.LimitField()

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
            if not self.errors and not any(cleaned.get(kind) for kind in LIMITED):
                raise ValidationError(_("时限至少写一个"))
        self._compare_with_solving(cleaned)
        if self.key and not self.errors and not any(cleaned.get(kind) for kind in LIMITED):
            self._may_be_empty()
        return cleaned

    def _compare_with_solving(self, cleaned: State) -> None:
        """What comes before solving takes no longer; working time and the clock do not compare."""
        solve = cleaned.get(ClockKind.SOLVE)
        for kind in _BEFORE_SOLVING:
            limit = cleaned.get(kind)
            if solve and limit and _longer(limit, solve):
                self.add_error(
                    kind,
                    _("比“%(solve)s”的时限（%(span)s）还长，请改短，或把“%(solve)s”改长")
                    % {"solve": _(ClockKind.SOLVE.label), "span": spans.limit_said(solve)},
                )

    def _may_be_empty(self) -> None:
        """Only an exception goes, by its button; without general limits nothing is late."""
        if self.key.startswith(":"):
            raise ValidationError(
                _(
                    "通用时限不能全空着：没有单独时限的类别都按它，空了就谁也不会超时。"
                    "哪一项不计时，就只空那一项；要放宽，就写得长一些"
                )
            )
        if "empty" not in self.data:
            raise ValidationError(
                _("时限至少写一个。不要这一行了，就打开它，按“取消这一行，改按通用”")
            )


class Limits(Kind):
    def things(self) -> Iterable[LimitRow]:
        found: dict[tuple[str, int], LimitRow] = {}
        for limit in ClockLimit.objects.select_related("category"):
            at = (limit.category_id or "", limit.urgency)
            row = found.setdefault(at, LimitRow(*at, {}, _row_name(limit.category, limit.urgency)))
            row.limits[limit.kind] = {"working": limit.minutes} if limit.working else limit.minutes
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
        return {kind.value: thing.limits.get(kind.value) for kind in LIMITED}

    def cells(self, thing: LimitRow) -> dict[str, str]:
        said = {
            name: spans.limit_said(value) if value else ""
            for name, value in self.state(thing).items()
        }
        return {"category": thing.category, "urgency": str(thing.urgency)} | said

    def make(self, values: State) -> LimitRow:
        category = Category.objects.filter(pk=values["category"]).first()
        name = _row_name(category, values["urgency"])
        row = LimitRow(values["category"], values["urgency"], {}, name)
        self.write(row, {kind.value: values.get(kind.value) for kind in LIMITED})
        return row

    def write(self, thing: LimitRow, values: State) -> None:
        where: dict[str, Any] = {"category_id": thing.category or None, "urgency": thing.urgency}
        for kind, limit in values.items():
            if limit is None:
                ClockLimit.objects.filter(kind=kind, **where).delete()
                thing.limits.pop(kind, None)
            else:
                working = isinstance(limit, dict)
                minutes = limit["working"] if working else limit
                ClockLimit.objects.update_or_create(
                    kind=kind, **where, defaults={"minutes": minutes, "working": working}
                )
                thing.limits[kind] = limit

    def ours(self, thing: LimitRow) -> dict[str, Any]:
        return {"goes": bool(thing.category)}

    def search_words(self, thing: LimitRow) -> tuple[str, ...]:
        return (thing.category, thing.name)

    def listed(self, things: Sequence[LimitRow]) -> list[Listed]:
        general = {row.urgency: row.limits for row in self.things() if not row.category}
        return [
            Listed(
                self.key(row),
                row.name,
                "",
                [_cell(row, kind, general.get(row.urgency, {})) for kind in LIMITED],
            )
            for row in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name in LIMITED and value:
            return spans.limit_said(value)
        if name in LIMITED:
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
            for k in LIMITED
            if (u.value, k.value) not in have
        ]
        if len(missing) == len(Urgency) * len(LIMITED):
            return [_("还没有通用时限：谁也不会超时，也就没有人催。")]
        return [_("通用时限没有定，不计时：%s") % _("、").join(missing[:4])] if missing else []


def _row_name(category: Category | None, urgency: int) -> str:
    what = name_of(category) if category else _("通用")
    return f"{what} · {_(Urgency(urgency).label)}"


def _cell(row: LimitRow, kind: ClockKind, general: Mapping[str, spans.Limit]) -> str:
    if limit := row.limits.get(kind.value):
        return spans.limit_said(limit)
    if row.category and (limit := general.get(kind.value)):
        return _("同通用（%s）") % spans.limit_said(limit)
    return _("不计时")


LIMITS = Limits(
    name="limit",
    icon="clock",
    title=gettext_lazy("时限"),
    one=pgettext_lazy("one", "时限"),
    why=gettext_lazy(
        "六个第一时间各多久：多久接收、派单、响应、到场、解决、反馈；多久报进展、裁定。"
    ),
    labels={
        "category": gettext_lazy("类别"),
        "urgency": gettext_lazy("紧急程度"),
        **{kind.value: gettext_lazy(kind.label) for kind in LIMITED},
    },
    form=LimitForm,
    heads=tuple(gettext_lazy(kind.label) for kind in LIMITED),
    hints={
        "category": gettext_lazy("不选就是通用，没有单独时限的类别都按它。"),
        "receive": gettext_lazy(
            "从提交到研判。写成“30 分钟”“2 小时”“3 天”，不分昼夜；写成“3 个工作日”“4 个工作小时”"
            "就只算上班时间，1 个工作日按 7.5 小时算。空着就是不另定。"
        ),
        "dispatch": gettext_lazy("从研判到派出去。"),
        "respond": gettext_lazy("从派出去到有人接单。"),
        "arrive": gettext_lazy("从接单到人到了现场。"),
        "solve": gettext_lazy("从提交到办结；等群众补充时不算，提级后重新算。"),
        "feedback": gettext_lazy("从办结到回访、评价。"),
        "progress": gettext_lazy("提级以后每隔多久报一次进展；不报也算超时。"),
        "ruling": gettext_lazy("从申请退单、延期到派单员裁定。"),
    },
    retires=False,
    shows_key=False,
)
