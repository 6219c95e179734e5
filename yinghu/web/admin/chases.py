"""Steps of chasing in the set-up: what happens when a clock runs out, to whom, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from procrastinate.exceptions import AlreadyEnqueued

from yinghu.appeals.models import ChaseAct, ChaseStep, ChaseTell
from yinghu.appeals.states import ClockKind
from yinghu.common.job_queue import queue
from yinghu.oversight.sweep import plan_chases_anew
from yinghu.web.admin import spans
from yinghu.web.admin.kinds import Around, Kind, Listed, Panel, SetupForm, State

_IDENTITY = ("kind", "percent", "minutes", "act", "tell")
_SHOWN = (120, 7 * 24 * 60)
"""The limits, in minutes, for which the list shows when each step comes."""


class ChaseForm(SetupForm):
    fixed = ()

    kind = forms.ChoiceField(required=False)
    percent = forms.IntegerField(min_value=0, max_value=1000, initial=100)
    minutes = spans.OffsetField()
    act = forms.ChoiceField()
    tell = forms.ChoiceField()

    def prepare(self) -> None:
        for name, choices in (
            ("kind", [("", _("所有计时")), *((k.value, _(k.label)) for k in ClockKind)]),
            ("act", ChaseAct.choices),
            ("tell", ChaseTell.choices),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for the type checker
            field.choices = choices
            known = _("、").join(str(value) for value, label in choices if value)
            field.error_messages["invalid_choice"] = _("应是这几个之一：%s") % known

    def clean(self) -> State:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if cleaned["percent"] == 0 and cleaned["minutes"] <= 0:
            self.add_error("percent", _("不能在开始计时的时候或之前催；请写大一些"))
        if (
            cleaned["act"] == ChaseAct.REMIND
            and cleaned["percent"] >= 100
            and cleaned["minutes"] >= 0
        ):
            self.add_error("act", _("到期以后就不再提醒了，请用催办、上报或提级"))
        for key, state in self.around.states.items():
            if key != self.key and _identity(state) == _identity(cleaned):
                raise ValidationError(_("已经有一样的一步了"))
        return cleaned


def _identity(state: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(state.get(name) for name in _IDENTITY)


class Chases(Kind):
    def things(self) -> Iterable[ChaseStep]:
        return ChaseStep.objects.order_by("kind", "percent", "minutes", "id")

    def find(self, key: str) -> ChaseStep | None:
        if not key.isascii() or not key.isdigit() or len(key) > 9:
            return None
        return ChaseStep.objects.filter(pk=int(key)).first()

    def key(self, thing: ChaseStep) -> str:
        return str(thing.pk)

    def keys_of(self, thing: ChaseStep) -> State:
        return {}

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        """By all that it says, so that a file can go to another city."""
        try:
            wanted = (
                cells.get("kind", ""),
                int(cells.get("percent", "")),
                spans.OffsetField().clean(cells.get("minutes", "")),
                cells.get("act", ""),
                cells.get("tell", ""),
            )
        except (ValueError, ValidationError):
            return ""
        return next((key for key, state in around.states.items() if _identity(state) == wanted), "")

    def state(self, thing: ChaseStep) -> State:
        return {name: getattr(thing, name) for name in (*_IDENTITY, "active")}

    def cells(self, thing: ChaseStep) -> dict[str, str]:
        return super().cells(thing) | {"minutes": spans.offset_said(thing.minutes)}

    def make(self, values: State) -> ChaseStep:
        return ChaseStep.objects.create(**values)

    def write(self, thing: ChaseStep, values: State) -> None:
        for name, value in values.items():
            setattr(thing, name, value)
        thing.save(update_fields=list(values))

    def refresh(self) -> None:
        """Clocks that run are planned anew by the worker, once for a whole file."""
        try:
            # Within another transaction a refusal must not spoil it.
            with transaction.atomic():
                queue(plan_chases_anew.name)
        except AlreadyEnqueued:
            return

    def label(self, thing: ChaseStep) -> str:
        return sentence(thing)

    def search_words(self, thing: ChaseStep) -> tuple[str, ...]:
        return (sentence(thing),)

    def listed(self, things: Sequence[ChaseStep]) -> list[Listed]:
        return [
            Listed(
                self.key(step),
                sentence(step),
                "",
                (
                    _kind_said(step.kind),
                    str(ChaseAct(step.act).label),
                    str(ChaseTell(step.tell).label),
                ),
                step.active,
            )
            for step in things
        ]

    def panels(self) -> list[Panel]:
        """For a short and a long limit, when each step comes."""
        steps = [step for step in self.things() if step.active]
        if not steps:
            return []
        heads = [_("哪一步"), *(_("时限 %s") % spans.said(limit) for limit in _SHOWN)]
        rows = [
            [sentence(step), *(_comes(step, limit) for limit in _SHOWN)]
            for step in sorted(steps, key=lambda s: (s.kind, _offset(s, _SHOWN[1]), s.pk))
        ]
        why = _("从开始计时算起。有自己步骤的计时只按自己的，不再按“所有计时”的。")
        return [Panel(_("什么时候轮到哪一步"), heads, rows, why)]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "kind":
            return _kind_said(value or "")
        if name == "minutes":
            return spans.offset_said(value or 0) or super().said(name, "", around)
        if name == "percent" and value is not None:
            return f"{value}%"
        if name == "act" and value in ChaseAct.values:
            return str(ChaseAct(value).label)
        if name == "tell" and value in ChaseTell.values:
            return str(ChaseTell(value).label)
        return super().said(name, value, around)

    @property
    def needed(self) -> tuple[str, ...]:
        return ("percent", "act", "tell")

    def count(self) -> int:
        return ChaseStep.objects.filter(active=True).count()

    def warnings(self) -> list[str]:
        steps = list(ChaseStep.objects.filter(active=True))
        own = {step.kind for step in steps if step.kind}
        silent = [
            _kind_said(kind)
            for kind in ("", *sorted(own))
            if not any(
                step.kind == kind
                and step.act != ChaseAct.REMIND
                and all(_offset(step, limit) >= 0 for limit in _SHOWN)
                for step in steps
            )
        ]
        return [_("超时以后谁也不会知道：%s") % _("、").join(silent)] if silent else []


def _offset(step: ChaseStep, limit: int) -> float:
    """Minutes after the end of a limit at which a step comes."""
    return (step.percent - 100) * limit / 100 + step.minutes


def _comes(step: ChaseStep, limit: int) -> str:
    at = round(limit + _offset(step, limit))
    return spans.said(at) if at > 0 else _("一开始就过了，不催")


def _kind_said(kind: str) -> str:
    return _(ClockKind(kind).label) if kind in set(ClockKind) else kind or _("所有计时")


def sentence(step: ChaseStep) -> str:
    """A step in plain words: when it comes, what is done, to whom."""
    said = {
        "kind": _kind_said(step.kind),
        "percent": step.percent,
        "span": spans.said(abs(step.minutes)),
        "tell": ChaseTell(step.tell).label,
    }
    if not step.minutes:
        when = (
            _("%(kind)s的时限到了")
            if step.percent == 100
            else _("%(kind)s的时限用到 %(percent)d%%")
        )
    elif step.percent == 100:
        when = _("%(kind)s到期前 %(span)s") if step.minutes < 0 else _("%(kind)s超时 %(span)s")
    elif step.minutes < 0:
        when = _("%(kind)s的时限用到 %(percent)d%% 之前 %(span)s")
    else:
        when = _("%(kind)s的时限用到 %(percent)d%% 再过 %(span)s")
    does = {
        ChaseAct.REMIND: _("%(when)s，提醒%(tell)s"),
        ChaseAct.URGE: _("%(when)s，催%(tell)s"),
        ChaseAct.REPORT: _("%(when)s，报给%(tell)s"),
        ChaseAct.RAISE: _("%(when)s，提到上一级，并告诉%(tell)s"),
    }[ChaseAct(step.act)]
    return does % {"when": when % said, "tell": said["tell"]}


CHASES = Chases(
    name="chase",
    icon="bell-ringing",
    title=gettext_lazy("催督"),
    one=pgettext_lazy("one", "催督步骤"),
    why=gettext_lazy("快到期和超时以后，一步步提醒、催办、上报、提级，各找谁。"),
    labels={
        "kind": gettext_lazy("哪个计时"),
        "percent": gettext_lazy("用到时限的百分之几"),
        "minutes": gettext_lazy("再加减多久"),
        "act": gettext_lazy("做什么"),
        "tell": gettext_lazy("找谁"),
    },
    form=ChaseForm,
    heads=(gettext_lazy("哪个计时"), gettext_lazy("做什么"), gettext_lazy("找谁")),
    hints={
        "kind": gettext_lazy("一个计时有了自己的步骤，就只按自己的，不再按“所有计时”的。"),
        "percent": gettext_lazy("80 是还剩五分之一，100 是到期，200 是超时一倍。"),
        "minutes": gettext_lazy(
            "“到期前 1 天”“超时 5 天”；不加减就空着。时限算工作时间的，这里也算工作时间。"
        ),
    },
    shows_key=False,
)
