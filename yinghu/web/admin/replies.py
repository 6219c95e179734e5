"""Reply templates in the set-up: the words that a desk starts from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.labels import is_english
from yinghu.appeals.models import ReplyTemplate
from yinghu.appeals.moves import MOVES, FieldKind
from yinghu.appeals.states import Verb
from yinghu.people.models import Unit
from yinghu.ui.forms import LineField, PickerSelect, WordsField, name_of
from yinghu.web.admin.kinds import Around, Kind, Listed, SetupForm, State

PLACEHOLDERS = ("编号", "单位", "类别", "number", "unit", "category")
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def offered() -> tuple[str, ...]:
    """The placeholders in the language of the page; those of the other one are understood too."""
    return PLACEHOLDERS[3:] if is_english() else PLACEHOLDERS[:3]


def verbs() -> list[Verb]:
    """The verbs in which staff write words to the requester."""
    return [
        verb
        for verb in Verb
        if verb in MOVES
        and verb not in (Verb.FILE, Verb.RATE, Verb.WITHDRAW, Verb.REOPEN, Verb.URGE, Verb.SUPPLY)
        and any(spec.name == "words" and spec.kind is FieldKind.TEXT for spec in MOVES[verb].fields)
    ]


class ReplyForm(SetupForm):
    fixed = ()

    verb = forms.ChoiceField()
    name = LineField(max_length=60)
    words = WordsField(max_length=2000)
    category = forms.ChoiceField(required=False, widget=PickerSelect)
    unit = forms.ChoiceField(required=False, widget=PickerSelect)
    order = forms.IntegerField(min_value=0, max_value=30_000, initial=100)

    def prepare(self) -> None:
        verb, category, unit = self.fields["verb"], self.fields["category"], self.fields["unit"]
        assert isinstance(verb, forms.ChoiceField)  # noqa: S101  # for the type checker
        assert isinstance(category, forms.ChoiceField)  # noqa: S101  # for the type checker
        assert isinstance(unit, forms.ChoiceField)  # noqa: S101  # for the type checker
        self.fields["words"].widget = forms.Textarea(
            attrs={
                "rows": 5,
                "maxlength": 2000,
                "placeholder": " ".join(f"{{{n}}}" for n in offered()),
            }
        )
        verb.choices = [(each.value, _(each.label)) for each in verbs()]
        verb.error_messages["invalid_choice"] = _("动作应是这几个之一：%s") % _("、").join(verbs())
        around = self.around
        category.choices = [
            ("", _("所有类别")),
            *((each.code, name_of(each)) for each in around.categories.values()),
        ]
        category.error_messages["invalid_choice"] = _("没有代码为 %(value)s 的类别")
        unit.choices = [
            ("", _("所有单位")),
            *((each.code, name_of(each)) for each in around.units.values() if each.active),
        ]
        unit.error_messages["invalid_choice"] = _("没有代码为 %(value)s 的在用单位")

    def clean_words(self) -> str:
        words: str = self.cleaned_data["words"]
        for found in _BRACES.findall(words):
            if found.strip("{}") not in PLACEHOLDERS or len(found) < 3:
                known = _("、").join(f"{{{name}}}" for name in offered())
                raise ValidationError(
                    _("“%(found)s”不认识；能用的是 %(known)s") % {"found": found, "known": known}
                )
        return words

    def clean(self) -> State:
        cleaned = super().clean() or {}
        mine = _identity(cleaned)
        for key, state in self.around.states.items():
            if key != self.key and _identity(state) == mine and cleaned.get("name"):
                self.add_error(
                    "name", _("这个动作、这个单位已经有叫“%s”的模板了") % cleaned["name"]
                )
                break
        return cleaned


def _identity(state: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(state.get(name) or "" for name in ("verb", "unit", "name"))


class Replies(Kind):
    def things(self) -> Iterable[ReplyTemplate]:
        return ReplyTemplate.objects.select_related("unit").order_by("verb", "order", "id")

    def find(self, key: str) -> ReplyTemplate | None:
        if not key.isascii() or not key.isdigit() or len(key) > 9:
            return None
        return ReplyTemplate.objects.select_related("unit").filter(pk=int(key)).first()

    def key(self, thing: ReplyTemplate) -> str:
        return str(thing.pk)

    def keys_of(self, thing: ReplyTemplate) -> State:
        return {}

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        """By what it is called and for whom, so that a file can go to another city."""
        wanted = _identity(cells)
        return next((key for key, state in around.states.items() if _identity(state) == wanted), "")

    def state(self, thing: ReplyTemplate) -> State:
        return {
            "verb": thing.verb,
            "name": thing.name,
            "words": thing.words,
            "category": thing.category,
            "unit": thing.unit.code if thing.unit else "",
            "order": thing.order,
            "active": thing.active,
        }

    def make(self, values: State) -> ReplyTemplate:
        template = ReplyTemplate()
        _put(template, values)
        return template

    def write(self, thing: ReplyTemplate, values: State) -> None:
        _put(thing, values)

    def search_words(self, thing: ReplyTemplate) -> tuple[str, ...]:
        return (thing.name, thing.words)

    def listed(self, things: Sequence[ReplyTemplate]) -> list[Listed]:
        return [
            Listed(
                self.key(each),
                each.name,
                "",
                (
                    _verb_said(each.verb),
                    each.words if len(each.words) < 60 else each.words[:60] + "…",
                    name_of(each.unit) if each.unit else _("所有单位"),
                ),
                each.active,
            )
            for each in things
        ]

    def count(self) -> int:
        return ReplyTemplate.objects.filter(active=True).count()

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "verb":
            return _verb_said(value)
        if name == "unit":
            return around.unit_said(value) if value else _("所有单位")
        if name == "category" and not value:
            return _("所有类别")
        return super().said(name, value, around)

    @property
    def needed(self) -> tuple[str, ...]:
        return ("verb", "name", "words")


def _verb_said(verb: str) -> str:
    return _(Verb(verb).label) if verb in set(Verb) else verb


def _put(template: ReplyTemplate, values: State) -> None:
    for name, value in values.items():
        if name == "unit":
            template.unit = Unit.objects.get(code=value) if value else None
        else:
            setattr(template, name, value)
    template.save()


REPLIES = Replies(
    name="reply",
    icon="messages",
    title=gettext_lazy("回复模板"),
    one=pgettext_lazy("one", "模板"),
    why=gettext_lazy("办结、答复、请补充时常说的话，写一次，大家从它改起。"),
    labels={
        "verb": gettext_lazy("什么时候用"),
        "name": gettext_lazy("名称"),
        "words": gettext_lazy("内容"),
        "category": gettext_lazy("类别"),
        "unit": pgettext_lazy("field", "单位"),
        "order": gettext_lazy("顺序"),
    },
    form=ReplyForm,
    shows_key=False,
    heads=(gettext_lazy("什么时候用"), gettext_lazy("内容"), gettext_lazy("单位")),
    hints={
        "words": gettext_lazy("花括号里写编号、单位或类别，用的时候换成那一件的。"),
        "category": gettext_lazy("只在这一类和它的子类里出现。"),
        "order": gettext_lazy("小的在前面。"),
    },
)
