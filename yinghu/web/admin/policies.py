"""Rules of handling in the set-up: numbers of `appeals.policies`, ours and the city's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from yinghu.appeals.models import Policy
from yinghu.appeals.policies import MINUTES, POLICIES, PolicyKind
from yinghu.common.text import plain_digits
from yinghu.web.admin import spans
from yinghu.web.admin.kinds import NO, YES, Around, Kind, Listed, SetupForm, State

Value = int | bool | dict[str, int] | None
"""A rule's number in its state, so that the history can say it in words: {"minutes": 90} of time,
yes or no where it is that; None where the city sets nothing.
"""


def _kept(kind: PolicyKind, value: int) -> Value:
    if kind.unit == MINUTES:
        return {"minutes": value}
    return bool(value) if _is_yes_or_no(kind) else value


class PolicyForm(SetupForm):
    fixed = ("rule",)

    rule = forms.CharField(max_length=40)
    value = forms.CharField(required=False, max_length=30)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        kind = POLICIES.get(self.key)
        if kind is not None and kind.unit != MINUTES:
            self.fields["value"].widget.attrs["inputmode"] = "numeric"

    def clean_value(self) -> Value:
        text: str = self.cleaned_data["value"].strip()
        kind = POLICIES.get(self.key)
        if not text or kind is None:
            return None
        if kind.unit == MINUTES:
            value = spans.SpanField().clean(text)
        elif _is_yes_or_no(kind) and text.lower() in YES | NO:
            value = int(text.lower() in YES)
        else:
            value = _whole(text)
        if value is None or not kind.least <= value <= kind.most:
            least, most = _said(kind, kind.least), _said(kind, kind.most)
            raise ValidationError(
                _("应在 %(least)s 到 %(most)s 之间") % {"least": least, "most": most}
            )
        return _kept(kind, value)

    def clean(self) -> State:
        cleaned = super().clean() or {}
        if self.key not in POLICIES:
            raise ValidationError(_("没有叫这个的规则：%s") % str(self.data.get("rule", ""))[:40])
        return cleaned


def _whole(text: str) -> int:
    try:
        return int(plain_digits(text))
    except ValueError:
        raise ValidationError(_("“%s”不是整数") % text) from None


def _is_yes_or_no(kind: PolicyKind) -> bool:
    return (kind.least, kind.most) == (0, 1)


def _said(kind: PolicyKind, value: int) -> str:
    if kind.unit == MINUTES:
        return spans.said(value)
    if _is_yes_or_no(kind):
        return pgettext("value", "是") if value else pgettext("value", "否")
    return f"{value} {_(kind.unit)}" if kind.unit else str(value)


@dataclass(slots=True)
class PolicyRow:
    """A rule as it stands; `value` is None where the city sets nothing."""

    key: str
    value: int | None = None

    @property
    def kind(self) -> PolicyKind:
        return POLICIES[self.key]


class Policies(Kind):
    def things(self) -> Iterable[PolicyRow]:
        own = dict(Policy.objects.values_list("key", "value"))
        return [PolicyRow(key, own.get(key)) for key in POLICIES]

    def find(self, key: str) -> PolicyRow | None:
        return next((row for row in self.things() if row.key == key), None)

    def key(self, thing: PolicyRow) -> str:
        return thing.key

    def keys_of(self, thing: PolicyRow) -> State:
        return {"rule": thing.key}

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        return cells.get("rule", "")

    def key_of(self, values: State) -> str:
        return str(values.get("rule", ""))

    def state(self, thing: PolicyRow) -> State:
        return {"value": None if thing.value is None else _kept(thing.kind, thing.value)}

    def cells(self, thing: PolicyRow) -> dict[str, str]:
        value = "" if thing.value is None else str(thing.value)
        if value and thing.kind.unit == MINUTES:
            value = spans.said(int(value))
        if value and _is_yes_or_no(thing.kind):
            value = _said(thing.kind, int(value))
        return {"rule": thing.key, "value": value}

    def write(self, thing: PolicyRow, values: State) -> None:
        value = values["value"]
        thing.value = value["minutes"] if isinstance(value, dict) else value
        if thing.value is None:
            Policy.objects.filter(pk=thing.key).delete()
        else:
            Policy.objects.update_or_create(pk=thing.key, defaults={"value": thing.value})

    def label(self, thing: PolicyRow) -> str:
        return _(thing.kind.label)

    def search_words(self, thing: PolicyRow) -> tuple[str, ...]:
        return (thing.key, self.label(thing), _(thing.kind.hint))

    def listed(self, things: Sequence[PolicyRow]) -> list[Listed]:
        return [
            Listed(
                row.key,
                self.label(row),
                _("还是原来的") if row.value is None else _("本地定的"),
                (
                    _said(row.kind, row.kind.default if row.value is None else row.value),
                    _said(row.kind, row.kind.default),
                    _(row.kind.hint),
                ),
            )
            for row in things
        ]

    def hint(self, name: str, thing: Any) -> Any:
        return _(thing.kind.hint) if name == "value" and thing else super().hint(name, thing)

    def ours(self, thing: PolicyRow) -> dict[str, Any]:
        return {"ours": _said(thing.kind, thing.kind.default), "changed": thing.value is not None}

    def said(self, name: str, value: Any, around: Around) -> str:
        if isinstance(value, dict):
            return spans.said(value["minutes"])
        return _("还是原来的") if value is None else super().said(name, value, around)

    def count(self) -> int:
        return len(POLICIES)


POLICY = Policies(
    name="policy",
    icon="scale",
    title=gettext_lazy("办理规则"),
    one=pgettext_lazy("one", "规则"),
    why=gettext_lazy("退单几次、什么时候自动提级、最多延期几次、吹哨后多久报四要素。不改也能用。"),
    labels={"rule": gettext_lazy("代码"), "value": gettext_lazy("本地定为")},
    form=PolicyForm,
    heads=(gettext_lazy("现在"), gettext_lazy("原来的"), gettext_lazy("说明")),
    creates=False,
    retires=False,
    shows_key=False,
)
