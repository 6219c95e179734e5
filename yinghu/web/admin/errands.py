"""Errand templates in the set-up: by which legs the cases of a category are usually served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.models import Category
from yinghu.dispatch.models import ErrandTemplate, LegKind, Proof, Where
from yinghu.people.models import Skill
from yinghu.places.models import Place
from yinghu.ui.forms import LineField, PickerSelect, WordsField, name_of, question_label
from yinghu.web.admin import legs as legs_of
from yinghu.web.admin import questions
from yinghu.web.admin.kinds import Around, Kind, Listed, SetupForm, State, cell
from yinghu.web.admin.legs import Leg, LegsField
from yinghu.web.admin.units import few


class ErrandsAround(Around):
    """What legs name, by code: places and skills in use."""

    @cached_property
    def places(self) -> dict[str, str]:
        return dict(Place.objects.filter(active=True).values_list("code", "name"))

    @cached_property
    def skills(self) -> dict[str, str]:
        return {skill.code: name_of(skill) for skill in Skill.objects.filter(active=True)}

    def field_said(self, category: str, key: str) -> str:
        """A question of a category as it is asked."""
        asked = self.categories[category].questions if category in self.categories else []
        found = [question_label(each) for each in asked if each["key"] == key]
        return found[0] if found else key


class ErrandForm(SetupForm):
    fixed = ()

    name = LineField(max_length=60)
    category = forms.ChoiceField(widget=PickerSelect)
    legs = LegsField()
    words = WordsField(required=False, max_length=1000)
    auto = forms.TypedChoiceField(coerce="1".__eq__, required=False, empty_value=None)
    order = forms.IntegerField(min_value=0, max_value=30_000, initial=100)

    around: ErrandsAround

    def prepare(self) -> None:
        category, auto = self.fields["category"], self.fields["auto"]
        assert isinstance(category, forms.ChoiceField)  # noqa: S101  # for the type checker
        assert isinstance(auto, forms.TypedChoiceField)  # noqa: S101  # for the type checker
        self.fields["words"].widget = forms.Textarea(attrs={"rows": 2, "maxlength": 1000})
        now = self.around.states.get(self.key, {}).get("category")
        category.choices = [
            ("", _("请选择")),
            *(
                (each.code, name_of(each))
                for each in self.around.categories.values()
                if each.active or each.code == now
            ),
        ]
        category.error_messages["invalid_choice"] = _("没有代码为 %(value)s 的在用类别")
        auto.choices = [("1", _("派到组或队就自动分步")), ("0", _("由组里的人来定"))]
        auto.error_messages["invalid_choice"] = _("应是 1 或 0，而不是“%(value)s”")

    def clean_auto(self) -> bool:
        auto: bool | None = self.cleaned_data["auto"]
        return auto is not False

    def clean(self) -> State:
        cleaned = super().clean() or {}
        if "legs" in cleaned and "category" in cleaned:
            asked = self.around.categories[cleaned["category"]].questions
            old = {str(leg["skill"]) for leg in self._legs_now() if "skill" in leg}
            wrong = legs_of.unknown_in(
                cleaned["legs"],
                set(self.around.places),
                {question["key"] for question in asked},
                # A skill that went out of use later stays where it is needed.
                {*self.around.skills, *old},
            )
            if wrong:
                self.add_error("legs", ValidationError(wrong))
        mine = _identity(cleaned)
        if all(mine) and any(
            key != self.key and _identity(state) == mine
            for key, state in self.around.states.items()
        ):
            self.add_error("name", _("这个类别已经有叫“%s”的办法了") % cleaned["name"])
        return cleaned

    def _legs_now(self) -> list[Leg]:
        found: list[Leg] = self.around.states.get(self.key, {}).get("legs", [])
        return found


def _identity(state: Mapping[str, Any]) -> tuple[Any, Any]:
    return state.get("category"), state.get("name")


class Errands(Kind):
    def things(self) -> Iterable[ErrandTemplate]:
        return ErrandTemplate.objects.select_related("category").order_by("order", "id")

    def find(self, key: str) -> ErrandTemplate | None:
        if not key.isascii() or not key.isdigit() or len(key) > 9:
            return None
        return ErrandTemplate.objects.select_related("category").filter(pk=int(key)).first()

    def key(self, thing: ErrandTemplate) -> str:
        return str(thing.pk)

    def keys_of(self, thing: ErrandTemplate) -> State:
        return {}

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        """By what it is called and for which category, so that a file can go to another city."""
        wanted = _identity(cells)
        return next((key for key, state in around.states.items() if _identity(state) == wanted), "")

    def state(self, thing: ErrandTemplate) -> State:
        return {
            "name": thing.name,
            "category": thing.category_id,
            "legs": thing.legs,
            "words": thing.words,
            "auto": thing.auto,
            "order": thing.order,
            "active": thing.active,
        }

    def cells(self, thing: ErrandTemplate) -> dict[str, str]:
        return super().cells(thing) | {"legs": cell(thing.legs) or "[]"}

    def make(self, values: State) -> ErrandTemplate:
        return ErrandTemplate.objects.create(**_columns(values))

    def write(self, thing: ErrandTemplate, values: State) -> None:
        columns = _columns(values)
        for name, value in columns.items():
            setattr(thing, name, value)
        thing.save(update_fields=[name.removesuffix("_id") for name in columns])

    def search_words(self, thing: ErrandTemplate) -> tuple[str, ...]:
        return (thing.name, thing.category.name, *(str(leg.get("title")) for leg in thing.legs))

    def listed(self, things: Sequence[ErrandTemplate]) -> list[Listed]:
        return [
            Listed(
                self.key(each),
                each.name,
                "",
                (
                    name_of(each.category),
                    " → ".join(str(leg.get("title")) for leg in each.legs),
                    _("自动") if each.auto else _("由组里定"),
                ),
                each.active,
                each.category.icon,
            )
            for each in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "category" and value:
            return around.category_said(value)
        if name == "legs" and value:
            return "\n".join(f"{n}. {_leg_said(leg)}" for n, leg in enumerate(value, 1))
        return super().said(name, value, around)

    @property
    def needed(self) -> tuple[str, ...]:
        return ("name", "category", "legs")

    def count(self) -> int:
        return ErrandTemplate.objects.filter(active=True).count()

    def warnings(self) -> list[str]:
        """Legs whose place or question is not there any more would lead nowhere."""
        places = set(Place.objects.filter(active=True).values_list("code", flat=True))
        skills = set(Skill.objects.values_list("code", flat=True))
        lost = [
            each.name
            for each in self.things()
            if each.active
            and legs_of.unknown_in(
                each.legs, places, {asked["key"] for asked in each.category.questions}, skills
            )
        ]
        return [_("有步骤写的点位或问题已经没有了，请改：%s") % few(lost)] if lost else []


def _columns(values: State) -> State:
    """A state's values as the row has them."""
    return {"category_id" if name == "category" else name: each for name, each in values.items()}


def _leg_said(leg: Leg) -> str:
    """One leg in words: what, where, what is shown."""
    parts = [str(LegKind(leg["kind"]).label), str(Where(leg["where"]).label)]
    parts += [leg[part] for part in ("place", "field", "skill") if part in leg]
    if leg["proof"] != Proof.NONE:
        parts.append(str(Proof(leg["proof"]).label))
    if leg.get("beside"):
        parts.append(_("可以和前一步同时做"))
    said = {"title": leg["title"], "how": _("，").join(parts)}
    return _("%(title)s（%(how)s）") % said


def drawn(form: SetupForm) -> dict[str, Any]:
    """The legs as rows to edit, with what may be chosen in them."""
    assert isinstance(form, ErrandForm)  # noqa: S101  # for the type checker
    value = form["legs"].value()
    try:
        rows = legs_of.rows_in(value) if isinstance(value, str) else value or []
    except ValidationError:
        rows = []
    code = form["category"].value()
    category = form.around.categories.get(code)
    asked: list[tuple[str, str]] = []
    for each in [category] if category else form.around.categories.values():
        asked += [
            (question["key"], _asked_said(each, question, alone=category is not None))
            for question in each.questions
            if question["kind"] in ("choice", "text")
        ]
    return {
        "legs": rows or [dict.fromkeys(legs_of.PARTS, "") | legs_of.BLANK],
        "leg_kinds": LegKind.choices,
        "leg_wheres": Where.choices,
        "leg_proofs": Proof.choices,
        "leg_skills": form.around.skills.items(),
        "leg_fields": asked,
        "places": form.around.places.items(),
        "may_add": len(rows) < legs_of.MOST,
    }


def _asked_said(category: Category, question: Mapping[str, Any], *, alone: bool) -> str:
    said = question_label(dict(question))
    return said if alone else f"{name_of(category)} · {said}"


def rearranged(rows: list[dict[str, str]], order: str) -> list[dict[str, str]]:
    """The rows after a button among them was pressed."""

    blank = dict.fromkeys(legs_of.PARTS, "") | legs_of.BLANK
    return questions.rearranged(rows, order, blank, legs_of.MOST)


ERRANDS = Errands(
    name="errand",
    icon="route",
    title=gettext_lazy("跑腿办法"),
    one=pgettext_lazy("one", "跑腿办法"),
    why=gettext_lazy("一类诉求分成哪几步去办：到医院买药，门口交接，送进小区。每一步由一个人接。"),
    labels={
        "name": gettext_lazy("名称"),
        "category": gettext_lazy("类别"),
        "legs": gettext_lazy("步骤"),
        "words": gettext_lazy("办完告诉诉求人"),
        "auto": gettext_lazy("什么时候分步"),
        "order": gettext_lazy("顺序"),
    },
    form=ErrandForm,
    around=ErrandsAround,
    shows_key=False,
    heads=(gettext_lazy("类别"), gettext_lazy("步骤"), gettext_lazy("什么时候分步")),
    hints={
        "category": gettext_lazy("这一类和它的子类都按它。"),
        "words": gettext_lazy("例如：药已送到门口，请按医嘱服用。空着就用通用的话。"),
        "order": gettext_lazy("一类有几个办法时，先用小的。"),
    },
)
