"""Configuration type of errand templates: the legs that usually serve cases of a category."""

from collections.abc import Sequence
from functools import cached_property

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.models import Category
from yinghu.common.config_types.config_form import ConfigForm, FormContext, State, order_field
from yinghu.common.config_types.config_type import Field, cell, few
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField, PickerSelect, WordsField
from yinghu.common.language import name_of
from yinghu.errands.config_types.legs import LegsField, LegSpec, unknown_in
from yinghu.errands.models import ErrandTemplate, LegKind, Proof, Where
from yinghu.people.models import Skill
from yinghu.places.models import Place


class PlaceContext(FormContext):
    """Form context with the names of active places by code."""

    @cached_property
    def places(self) -> dict[str, str]:
        return dict(Place.objects.filter(active=True).values_list("code", "name"))


class ErrandForm(ConfigForm):
    fixed = ()

    name = LineField(max_length=60)
    category = forms.ChoiceField(widget=PickerSelect)
    legs = LegsField()
    words = WordsField(required=False, max_length=1000)
    auto = forms.TypedChoiceField(coerce="1".__eq__, required=False, empty_value=None)
    order = order_field()

    context: PlaceContext

    def prepare(self) -> None:
        self.fields["words"].widget = forms.Textarea(attrs={"rows": 2, "maxlength": 1000})
        categories = self.context.choices(Category, keep=self.state_now.get("category"))
        wrong = _("没有代码为 %(value)s 的在用类别")
        self.choose("category", categories, wrong, _("请选择"))
        ways = [("1", _("派到组或队就自动分步")), ("0", _("由组里的人来定"))]
        self.choose("auto", ways, _("应是 1 或 0，而不是“%(value)s”"))

    def clean_auto(self) -> bool:
        auto: bool | None = self.cleaned_data["auto"]
        return auto is not False

    def clean(self) -> State:
        cleaned = super().clean() or {}
        if "legs" in cleaned and "category" in cleaned:
            asked = self.context.all_of(Category)[cleaned["category"]].questions
            legs_now: list[LegSpec] = self.state_now.get("legs", [])
            # A skill that was retired later stays where it is needed.
            old = {str(leg["skill"]) for leg in legs_now if "skill" in leg}
            wrong = unknown_in(
                cleaned["legs"],
                set(self.context.places),
                {question["key"] for question in asked},
                {code for code, _name in self.context.choices(Skill)} | old,
            )
            if wrong:
                self.add_error("legs", ValidationError(wrong))
        if cleaned.get("category") and cleaned.get("name") and self.is_duplicate(cleaned):
            self.add_error("name", _("这个类别已经有叫“%s”的办法了") % cleaned["name"])
        return cleaned


def _show_legs(legs: list[LegSpec], _context: FormContext) -> str:
    lines = []
    for n, leg in enumerate(legs, 1):
        parts = [str(LegKind(leg["kind"]).label), str(Where(leg["where"]).label)]
        parts += [leg[part] for part in ("place", "field", "skill") if part in leg]
        if leg["proof"] != Proof.NONE:
            parts.append(str(Proof(leg["proof"]).label))
        if leg.get("beside"):
            parts.append(_("可以和前一步同时做"))
        said = {"title": leg["title"], "how": _("，").join(parts)}
        lines.append(f"{n}. " + _("%(title)s（%(how)s）") % said)
    return "\n".join(lines)


class ErrandType(ModelType):
    model = ErrandTemplate
    order = ("order", "id")
    identity = ("category", "name")
    needed = ("name", "category", "legs")
    name = "errand"
    icon = "route"
    title = gettext_lazy("跑腿办法")
    one = pgettext_lazy("one", "跑腿办法")
    why = gettext_lazy("一类诉求分成哪几步去办：到医院买药，门口交接，送进小区。每一步由一个人接。")
    form = ErrandForm
    context = PlaceContext
    fields = (
        Field("name", gettext_lazy("名称")),
        Field(
            "category",
            gettext_lazy("类别"),
            gettext_lazy("这一类和它的子类都按它。"),
            target=Category,
        ),
        Field("legs", gettext_lazy("步骤"), show=_show_legs),
        Field(
            "words",
            gettext_lazy("办完告诉诉求人"),
            gettext_lazy("例如：药已送到门口，请按医嘱服用。空着就用通用的话。"),
        ),
        Field("auto", gettext_lazy("什么时候分步")),
        Field("order", gettext_lazy("顺序"), gettext_lazy("一类有几个办法时，先用小的。")),
    )
    heads = (gettext_lazy("类别"), gettext_lazy("步骤"), gettext_lazy("什么时候分步"))
    shows_key = False

    def rows(self) -> QuerySet[ErrandTemplate]:
        return super().rows().select_related("category")

    def cells(self, row: ErrandTemplate) -> dict[str, str]:
        return super().cells(row) | {"legs": cell(row.legs) or "[]"}

    def search_words(self, row: ErrandTemplate) -> tuple[str, ...]:
        return (row.name, row.category.name, *(str(leg.get("title")) for leg in row.legs))

    def icon_of(self, row: ErrandTemplate) -> str:
        return row.category.icon

    def list_cells(self, rows: Sequence[ErrandTemplate]) -> list[Sequence[str]]:
        return [
            (
                name_of(each.category),
                " → ".join(str(leg.get("title")) for leg in each.legs),
                _("自动") if each.auto else _("由组里定"),
            )
            for each in rows
        ]

    def warnings(self) -> list[str]:
        """Warn of legs that refer to a place or question that no longer exists."""
        places = set(Place.objects.filter(active=True).values_list("code", flat=True))
        skills = set(Skill.objects.values_list("code", flat=True))
        lost = [
            each.name
            for each in self.rows().filter(active=True)
            if unknown_in(
                each.legs, places, {asked["key"] for asked in each.category.questions}, skills
            )
        ]
        return [_("有步骤写的点位或问题已经没有了，请改：%s") % few(lost)] if lost else []


ERRANDS = ErrandType()
