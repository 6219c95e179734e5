"""Configuration of the policies in `appeals.policies`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from yinghu.appeals.models import Policy
from yinghu.appeals.policies import MINUTES, POLICIES, PolicyKind, Scale
from yinghu.common.config_types import durations
from yinghu.common.config_types.config_form import NO, YES, ConfigForm, FormContext, State
from yinghu.common.config_types.config_type import ConfigType, Field
from yinghu.common.text import plain_digits

Value = int | bool | dict[str, int] | None
"""A policy's value in its state: {"minutes": 90} for times, a bool for yes or no, None if unset."""


def _state_value(scale: Scale, value: int) -> Value:
    if scale.unit == MINUTES:
        return {"minutes": value}
    return bool(value) if scale.is_yes_or_no else value


class PolicyForm(ConfigForm):
    fixed = ("rule",)

    rule = forms.CharField(max_length=40)
    value = forms.CharField(required=False, max_length=30)

    def prepare(self) -> None:
        kind = POLICIES.get(self.key)
        if kind is not None and kind.scale.unit != MINUTES:
            self.fields["value"].widget.attrs["inputmode"] = "numeric"

    def clean_value(self) -> Value:
        text: str = self.cleaned_data["value"].strip()
        kind = POLICIES.get(self.key)
        if not text or kind is None:
            return None
        scale = kind.scale
        if scale.unit == MINUTES:
            value = durations.SpanField().clean(text)
        elif scale.is_yes_or_no and text.lower() in YES | NO:
            value = int(text.lower() in YES)
        else:
            try:
                value = int(plain_digits(text))
            except ValueError:
                raise ValidationError(_("“%s”不是整数") % text) from None
        if value is None or not scale.least <= value <= scale.most:
            bounds = {
                name: _format_value(scale, getattr(scale, name)) for name in ("least", "most")
            }
            raise ValidationError(_("应在 %(least)s 到 %(most)s 之间") % bounds)
        return _state_value(scale, value)

    def clean(self) -> State:
        cleaned = super().clean() or {}
        if self.key not in POLICIES:
            raise ValidationError(_("没有叫这个的规则：%s") % str(self.data.get("rule", ""))[:40])
        return cleaned


def _format_value(scale: Scale, value: int) -> str:
    if scale.unit:
        return (
            durations.format_minutes(value) if scale.unit == MINUTES else f"{value} {_(scale.unit)}"
        )
    return _show_value(_state_value(scale, value))


@dataclass(slots=True)
class PolicyRow:
    """A policy; `value` is None if the city sets nothing."""

    key: str
    value: int | None = None

    @property
    def kind(self) -> PolicyKind:
        return POLICIES[self.key]

    @property
    def default(self) -> str:
        return _format_value(self.kind.scale, self.kind.scale.default)


def _show_value(value: Any, context: FormContext | None = None) -> str:
    if isinstance(value, dict):
        return durations.format_minutes(value["minutes"])
    if isinstance(value, bool):
        return pgettext("value", "是") if value else pgettext("value", "否")
    return str(value)


class PolicyType(ConfigType):
    name = "policy"
    icon = "scale"
    title = gettext_lazy("办理规则")
    one = pgettext_lazy("one", "规则")
    why = gettext_lazy("退单几次、什么时候自动提级、最多延期几次、吹哨后多久报四要素。不改也能用。")
    form = PolicyForm
    fields = (
        Field("rule", gettext_lazy("代码"), empty=gettext_lazy("还是原来的")),
        Field(
            "value",
            gettext_lazy("本地定为"),
            show=_show_value,
            empty=gettext_lazy("还是原来的"),
        ),
    )
    heads = (gettext_lazy("现在"), gettext_lazy("原来的"), gettext_lazy("说明"))
    creates = False
    retires = False
    shows_key = False

    def rows(self) -> Iterable[PolicyRow]:
        own = dict(Policy.objects.values_list("key", "value"))
        return [PolicyRow(key, own.get(key)) for key in POLICIES]

    def key_values(self, row: PolicyRow) -> State:
        return {"rule": row.key}

    def state(self, row: PolicyRow) -> State:
        return {"value": None if row.value is None else _state_value(row.kind.scale, row.value)}

    def cells(self, row: PolicyRow) -> dict[str, str]:
        value = self.state(row)["value"]
        return {"rule": row.key, "value": "" if value is None else _show_value(value)}

    def write(self, row: PolicyRow, values: State) -> None:
        value = values["value"]
        row.value = value["minutes"] if isinstance(value, dict) else value
        if row.value is None:
            Policy.objects.filter(pk=row.key).delete()
        else:
            Policy.objects.update_or_create(pk=row.key, defaults={"value": row.value})

    def label(self, row: PolicyRow) -> str:
        return _(row.kind.label)

    def search_words(self, row: PolicyRow) -> tuple[str, ...]:
        return (row.key, self.label(row), _(row.kind.hint))

    def note(self, row: PolicyRow) -> str:
        return _("还是原来的") if row.value is None else _("本地定的")

    def list_cells(self, rows: Sequence[PolicyRow]) -> list[Sequence[str]]:
        return [
            (
                row.default if row.value is None else _format_value(row.kind.scale, row.value),
                row.default,
                _(row.kind.hint),
            )
            for row in rows
        ]

    def hint(self, name: str, row: Any) -> Any:
        return _(row.kind.hint) if name == "value" and row else super().hint(name, row)

    def extras(self, row: PolicyRow) -> dict[str, Any]:
        return {"ours": row.default, "changed": row.value is not None}

    def count(self) -> int:
        return len(POLICIES)


POLICY_TYPE = PolicyType()
