"""Configuration of reply templates."""

import re
from collections.abc import Sequence

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.actions import ACCEPT, ANSWER, RETURN
from yinghu.appeals.closing_actions import DECLINE
from yinghu.appeals.handling_actions import ASK, REPORT, RESOLVE
from yinghu.appeals.models import Category, ReplyTemplate
from yinghu.common.config_types.config_form import ConfigForm, State, order_field, value_label
from yinghu.common.config_types.config_type import Field
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField, PickerSelect, WordsField
from yinghu.common.language import is_english, name_of
from yinghu.people.models import Unit

PLACEHOLDERS = ("编号", "单位", "类别", "number", "unit", "category")
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")

VERB_LABELS = {
    verb.name: verb.label for verb in (ANSWER, ACCEPT, RETURN, ASK, REPORT, RESOLVE, DECLINE)
}
"""Verbs with templates: those that write to the requester, and returns, whose reasons recur."""


def offered_placeholders() -> tuple[str, ...]:
    """Return the placeholders in the reader's language; both languages are accepted."""
    return PLACEHOLDERS[3:] if is_english() else PLACEHOLDERS[:3]


class ReplyForm(ConfigForm):
    fixed = ()

    verb = forms.ChoiceField()
    name = LineField(max_length=60)
    words = WordsField(max_length=2000)
    category = forms.ChoiceField(required=False, widget=PickerSelect)
    unit = forms.ChoiceField(required=False, widget=PickerSelect)
    order = order_field()

    def prepare(self) -> None:
        placeholders = " ".join(f"{{{name}}}" for name in offered_placeholders())
        attrs = {"rows": 5, "maxlength": 2000, "placeholder": placeholders}
        self.fields["words"].widget = forms.Textarea(attrs=attrs)
        wrong = _("动作应是这几个之一：%s") % _("、").join(VERB_LABELS)
        self.choose("verb", [(name, _(label)) for name, label in VERB_LABELS.items()], wrong)
        found = self.context.all_of(Category).values()
        categories = [(each.code, name_of(each)) for each in found]
        self.choose("category", categories, _("没有代码为 %(value)s 的类别"), _("所有类别"))
        units = self.context.choices(Unit)
        self.choose("unit", units, _("没有代码为 %(value)s 的在用单位"), _("所有单位"))

    def clean_words(self) -> str:
        words: str = self.cleaned_data["words"]
        for found in _BRACES.findall(words):
            if found.strip("{}") not in PLACEHOLDERS or len(found) < 3:
                known = _("、").join(f"{{{name}}}" for name in offered_placeholders())
                raise ValidationError(
                    _("“%(found)s”不认识；能用的是 %(known)s") % {"found": found, "known": known}
                )
        return words

    def clean(self) -> State:
        cleaned = super().clean() or {}
        if cleaned.get("name") and self.is_duplicate(cleaned):
            wrong = _("这个动作、这个单位已经有叫“%s”的模板了")
            self.add_error("name", wrong % cleaned["name"])
        return cleaned


class ReplyType(ModelType):
    model = ReplyTemplate
    order = ("verb", "order", "id")
    identity = ("verb", "unit", "name")
    needed = ("verb", "name", "words")
    name = "reply"
    icon = "messages"
    title = gettext_lazy("回复模板")
    one = pgettext_lazy("one", "模板")
    why = gettext_lazy("办结、答复、请补充时常说的话，写一次，大家从它改起。")
    form = ReplyForm
    fields = (
        Field("verb", gettext_lazy("什么时候用"), choices=VERB_LABELS),
        Field("name", gettext_lazy("名称")),
        Field(
            "words",
            gettext_lazy("内容"),
            gettext_lazy(
                "花括号里写编号、单位或类别，用的时候换成那一件的。每次要现写的地方写成【办理时间】"
                "或____，没有写好就发不出去。"
            ),
        ),
        Field(
            "category",
            gettext_lazy("类别"),
            gettext_lazy("只在这一类和它的子类里出现。"),
            empty=gettext_lazy("所有类别"),
        ),
        Field(
            "unit",
            pgettext_lazy("field", "单位"),
            target=Unit,
            empty=gettext_lazy("所有单位"),
        ),
        Field("order", gettext_lazy("顺序"), gettext_lazy("小的在前面。")),
    )
    heads = (gettext_lazy("什么时候用"), gettext_lazy("内容"), gettext_lazy("单位"))
    shows_key = False

    def search_words(self, row: ReplyTemplate) -> tuple[str, ...]:
        return (row.name, row.words)

    def list_cells(self, rows: Sequence[ReplyTemplate]) -> list[Sequence[str]]:
        return [
            (
                value_label(VERB_LABELS, each.verb),
                each.words if len(each.words) < 60 else each.words[:60] + "…",
                name_of(each.unit) if each.unit else _("所有单位"),
            )
            for each in rows
        ]


REPLIES = ReplyType()
