"""Configuration type of chasing: steps when a clock runs out, with recipients and times."""

from collections.abc import Mapping, Sequence

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.models import ChaseAct, ChaseStep, ChaseTell
from yinghu.appeals.states import ClockKind
from yinghu.common.config_types import durations
from yinghu.common.config_types.config_form import ConfigForm, FormContext, State, labelled
from yinghu.common.config_types.config_type import Field, Panel
from yinghu.common.config_types.model_type import ModelType

_SHOWN = (120, 7 * 24 * 60)
"""The limits, in minutes, for which the list shows the time of each step."""


class ChaseForm(ConfigForm):
    fixed = ()

    kind = forms.ChoiceField(required=False)
    percent = forms.IntegerField(min_value=0, max_value=1000, initial=100)
    minutes = durations.OffsetField()
    act = forms.ChoiceField()
    tell = forms.ChoiceField()

    def prepare(self) -> None:
        for name, known, empty in (
            ("kind", labelled(ClockKind), _("所有计时")),
            ("act", ChaseAct.choices, None),
            ("tell", ChaseTell.choices, None),
        ):
            values = _("、").join(str(value) for value, label in known)
            self.choose(name, known, _("应是这几个之一：%s") % values, empty)

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
        if self.is_duplicate(cleaned):
            raise ValidationError(_("已经有一样的一步了"))
        return cleaned


class ChaseType(ModelType):
    model = ChaseStep
    order = ("kind", "percent", "minutes", "id")
    identity = ("kind", "percent", "minutes", "act", "tell")
    needed = ("percent", "act", "tell")
    name = "chase"
    icon = "bell-ringing"
    title = gettext_lazy("催督")
    one = pgettext_lazy("one", "催督步骤")
    why = gettext_lazy("快到期和超时以后，一步步提醒、催办、上报、提级，各找谁。")
    form = ChaseForm
    fields = (
        Field(
            "kind",
            gettext_lazy("哪个计时"),
            gettext_lazy("一个计时有了自己的步骤，就只按自己的，不再按“所有计时”的。"),
            choices=ClockKind,
            empty=gettext_lazy("所有计时"),
        ),
        Field(
            "percent",
            gettext_lazy("用到时限的百分之几"),
            gettext_lazy("80 是还剩五分之一，100 是到期，200 是超时一倍。"),
            show=lambda percent, _context: f"{percent}%",
        ),
        Field(
            "minutes",
            gettext_lazy("再加减多久"),
            gettext_lazy(
                "“到期前 1 天”“超时 5 天”；不加减就空着。时限算工作时间的，这里也算工作时间。"
            ),
            show=lambda minutes, _context: durations.format_offset(minutes) or _("（空）"),
        ),
        Field("act", gettext_lazy("做什么"), choices=ChaseAct),
        Field("tell", gettext_lazy("找谁"), choices=ChaseTell),
    )
    heads = (gettext_lazy("哪个计时"), gettext_lazy("做什么"), gettext_lazy("找谁"))
    shows_key = False

    def key_in(self, cells: Mapping[str, str], context: FormContext) -> str:
        try:
            minutes = durations.OffsetField().clean(cells.get("minutes", ""))
        except ValidationError:
            return ""
        return super().key_in({**cells, "minutes": str(minutes)}, context)

    def cells(self, row: ChaseStep) -> dict[str, str]:
        return super().cells(row) | {"minutes": durations.format_offset(row.minutes)}

    def label(self, row: ChaseStep) -> str:
        return sentence(row)

    def search_words(self, row: ChaseStep) -> tuple[str, ...]:
        return (sentence(row),)

    def list_cells(self, rows: Sequence[ChaseStep]) -> list[Sequence[str]]:
        return [
            (
                _kind_name(step.kind),
                str(ChaseAct(step.act).label),
                str(ChaseTell(step.tell).label),
            )
            for step in rows
        ]

    def panels(self) -> list[Panel]:
        """Show for a short and a long limit when each step comes."""
        steps = list(self.rows().filter(active=True))
        if not steps:
            return []
        heads = [_("哪一步"), *(_("时限 %s") % durations.format_minutes(limit) for limit in _SHOWN)]
        rows = [
            [sentence(step), *(_time_in_words(step, limit) for limit in _SHOWN)]
            for step in sorted(steps, key=lambda s: (s.kind, _offset(s, _SHOWN[1]), s.pk))
        ]
        why = _("从开始计时算起。有自己步骤的计时只按自己的，不再按“所有计时”的。")
        return [Panel(_("什么时候轮到哪一步"), heads, rows, why)]

    def warnings(self) -> list[str]:
        steps = list(ChaseStep.objects.filter(active=True))
        own = {step.kind for step in steps if step.kind}
        silent = [
            _kind_name(kind)
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


def _time_in_words(step: ChaseStep, limit: int) -> str:
    at = round(limit + _offset(step, limit))
    return durations.format_minutes(at) if at > 0 else _("一开始就过了，不催")


def _kind_name(kind: str) -> str:
    return _(ClockKind(kind).label) if kind in set(ClockKind) else kind or _("所有计时")


def sentence(step: ChaseStep) -> str:
    """Describe a step in a sentence: when it comes, what is done, to whom."""
    said = {
        "kind": _kind_name(step.kind),
        "percent": step.percent,
        "span": durations.format_minutes(abs(step.minutes)),
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


TYPES = (ChaseType(),)
