"""Configuration of time limits by clock and urgency, in general and per category."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.models import Category, ClockLimit
from yinghu.appeals.states import LIMITED, ClockKind, Urgency
from yinghu.common.config_types import durations
from yinghu.common.config_types.config_form import ConfigForm, State, labelled
from yinghu.common.config_types.config_type import ConfigType, Field
from yinghu.common.form_fields import PickerSelect
from yinghu.common.language import name_of


@dataclass(slots=True)
class LimitRow:
    """Limits of a category ("" for the general rule) at one urgency."""

    category: str
    urgency: int
    limits: dict[str, durations.Limit]
    name: str = ""


_BEFORE_SOLVING = (ClockKind.RECEIVE, ClockKind.DISPATCH, ClockKind.RESPOND, ClockKind.ARRIVE)


def _longer(limit: durations.Limit, other: durations.Limit) -> bool:
    """Is the first longer? False if they are counted differently."""
    if isinstance(limit, dict) and isinstance(other, dict):
        return limit["working"] > other["working"]
    return isinstance(limit, int) and isinstance(other, int) and limit > other


class LimitForm(ConfigForm):
    fixed = ("category", "urgency")

    category = forms.ChoiceField(required=False, widget=PickerSelect)
    urgency = forms.TypedChoiceField(coerce=int)
    receive = durations.LimitField()
    dispatch = durations.LimitField()
    respond = durations.LimitField()
    arrive = durations.LimitField()
    solve = durations.LimitField()
    feedback = durations.LimitField()
    progress = durations.LimitField()
    ruling = durations.LimitField()

    def prepare(self) -> None:
        known, every = self.context.choices(Category), _("所有类别（通用）")
        self.choose("category", known, _("没有代码为 %(value)s 的在用类别"), every)
        wrong = _("紧急程度应是 1（一般）、2（紧急）或 3（危急）")
        self.choose("urgency", labelled(Urgency), wrong)

    def clean(self) -> State:
        cleaned = super().clean() or {}
        is_empty = not self.errors and not any(cleaned.get(kind) for kind in LIMITED)
        if not self.key and "urgency" in cleaned and "category" in cleaned:
            if f"{cleaned['category']}:{cleaned['urgency']}" in self.context.states:
                raise ValidationError(_("这一类、这个紧急程度的时限已经有了，请在表里点它来改"))
            if is_empty:
                raise ValidationError(_("时限至少写一个"))
        self._check_against_solving(cleaned)
        if self.key.startswith(":") and is_empty:
            raise ValidationError(
                _(
                    "通用时限不能全空着：没有单独时限的类别都按它，空了就谁也不会超时。"
                    "哪一项不计时，就只空那一项；要放宽，就写得长一些"
                )
            )
        # An exception is emptied by a button.
        if self.key and is_empty and "empty" not in self.data:
            raise ValidationError(
                _("时限至少写一个。不要这一行了，就打开它，按“取消这一行，改按通用”")
            )
        return cleaned

    def _check_against_solving(self, cleaned: State) -> None:
        """Require earlier limits to be no longer than solving, where both are counted alike."""
        solve = cleaned.get(ClockKind.SOLVE)
        for kind in _BEFORE_SOLVING:
            limit = cleaned.get(kind)
            if solve and limit and _longer(limit, solve):
                self.add_error(
                    kind,
                    _("比“%(solve)s”的时限（%(span)s）还长，请改短，或把“%(solve)s”改长")
                    % {"solve": _(ClockKind.SOLVE.label), "span": durations.format_limit(solve)},
                )


_HINTS = {
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
}


class LimitType(ConfigType):
    name = "limit"
    icon = "clock"
    title = gettext_lazy("时限")
    one = pgettext_lazy("one", "时限")
    why = gettext_lazy(
        "六个第一时间各多久：多久接收、派单、响应、到场、解决、反馈；多久报进展、裁定。"
    )
    form = LimitForm
    fields = (
        Field(
            "category",
            gettext_lazy("类别"),
            gettext_lazy("不选就是通用，没有单独时限的类别都按它。"),
            target=Category,
            empty=gettext_lazy("所有类别（通用）"),
        ),
        Field("urgency", gettext_lazy("紧急程度"), choices=Urgency),
        *(
            Field(
                kind.value,
                gettext_lazy(kind.label),
                _HINTS[kind.value],
                show=lambda limit, _context: durations.format_limit(limit),
                empty=gettext_lazy("不另定"),
            )
            for kind in LIMITED
        ),
    )
    heads = tuple(gettext_lazy(kind.label) for kind in LIMITED)
    retires = False
    shows_key = False

    def rows(self) -> Iterable[LimitRow]:
        found: dict[tuple[str, int], LimitRow] = {}
        for limit in ClockLimit.objects.select_related("category"):
            at = (limit.category_id or "", limit.urgency)
            row = found.setdefault(at, LimitRow(*at, {}, _row_name(limit.category, limit.urgency)))
            row.limits[limit.kind] = {"working": limit.minutes} if limit.working else limit.minutes
        return [found[at] for at in sorted(found)]

    def key_values(self, row: LimitRow) -> State:
        return {"category": row.category, "urgency": row.urgency}

    def state(self, row: LimitRow) -> State:
        return {kind.value: row.limits.get(kind.value) for kind in LIMITED}

    def cells(self, row: LimitRow) -> dict[str, str]:
        said = {
            name: durations.format_limit(value) if value else ""
            for name, value in self.state(row).items()
        }
        return {"category": row.category, "urgency": str(row.urgency)} | said

    def create(self, values: State) -> LimitRow:
        category = Category.objects.filter(pk=values["category"]).first()
        name = _row_name(category, values["urgency"])
        row = LimitRow(values["category"], values["urgency"], {}, name)
        self.write(row, {kind.value: values.get(kind.value) for kind in LIMITED})
        return row

    def write(self, row: LimitRow, values: State) -> None:
        where: dict[str, Any] = {"category_id": row.category or None, "urgency": row.urgency}
        for kind, limit in values.items():
            if limit is None:
                ClockLimit.objects.filter(kind=kind, **where).delete()
                row.limits.pop(kind, None)
            else:
                working = isinstance(limit, dict)
                minutes = limit["working"] if working else limit
                ClockLimit.objects.update_or_create(
                    kind=kind, **where, defaults={"minutes": minutes, "working": working}
                )
                row.limits[kind] = limit

    def extras(self, row: LimitRow) -> dict[str, Any]:
        return {"goes": bool(row.category)}

    def search_words(self, row: LimitRow) -> tuple[str, ...]:
        return (row.category, row.name)

    def list_cells(self, rows: Sequence[LimitRow]) -> list[Sequence[str]]:
        general = {row.urgency: row.limits for row in self.rows() if not row.category}
        return [
            [_cell(row, kind, general.get(row.urgency, {})) for kind in LIMITED] for row in rows
        ]

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


def _cell(row: LimitRow, kind: ClockKind, general: Mapping[str, durations.Limit]) -> str:
    if limit := row.limits.get(kind.value):
        return durations.format_limit(limit)
    if row.category and (limit := general.get(kind.value)):
        return _("同通用（%s）") % durations.format_limit(limit)
    return _("不计时")


LIMITS = LimitType()
