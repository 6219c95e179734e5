"""Configuration of categories and the questions that each asks."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.appeals.config_types import question_table
from yinghu.appeals.config_types.questions import QUESTION_KINDS, QuestionsField
from yinghu.appeals.labels import question_label
from yinghu.appeals.models import Category, ClockLimit
from yinghu.appeals.states import Klass
from yinghu.common.config_types.config_form import ConfigForm, FormContext, labelled, order_field
from yinghu.common.config_types.config_type import Field, Rows, cell, few
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField, PickerSelect
from yinghu.common.icons import icon_names
from yinghu.common.language import name_of
from yinghu.people.models import Unit

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*")


class CategoryForm(ConfigForm):
    unique_name = True

    code = forms.CharField(max_length=60)
    name = LineField(max_length=60)
    name_en = LineField(max_length=60, required=False)
    klass = forms.ChoiceField(initial=Klass.NEED.value)
    icon = forms.ChoiceField(required=False)
    order = order_field()
    department = forms.ChoiceField(required=False, widget=PickerSelect)
    questions = QuestionsField(required=False)

    def prepare(self) -> None:
        units = self.context.choices(Unit, keep=self.state_now.get("department"))
        icons = [(name, name) for name in icon_names()]
        klasses = _("性质应是这几个之一：%s") % _("、").join(Klass)
        self.choose("department", units, _("没有代码为 %(value)s 的在用单位"), _("没有"))
        self.choose("klass", labelled(Klass), klasses)
        self.choose("icon", icons, _("没有叫 %(value)s 的图标"), _("没有图标"))

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"].lower()
        if not _CODE.fullmatch(code):
            raise ValidationError(
                _("代码用小写英文字母、数字、短横；子类用点隔开，例如 medicine.fever")
            )
        above = code.rpartition(".")[0]
        if above and above not in self.context.states:
            raise ValidationError(_("上级类别 %s 还没有，请先建它") % above)
        return self.new_key(code)


def _show_questions(questions: list[dict[str, Any]], context: FormContext) -> str:
    return "\n".join(f"{n}. {_describe_question(each)}" for n, each in enumerate(questions, 1))


def _describe_question(question: dict[str, Any]) -> str:
    how = str(QUESTION_KINDS.get(question.get("kind", ""), question.get("kind")))
    if question.get("choices"):
        how += _("：") + _("、").join(question["choices"])
    if question.get("required"):
        how += _("，") + _("必填")
    if question.get("urgent") is not None:
        how += _("，") + _("答 %s 或更少就建议加急") % question["urgent"]
    if question.get("danger"):
        how += _("，") + _("选“%s”就报警") % _("、").join(question["danger"])
    english = f" / {question['label_en']}" if question.get("label_en") else ""
    what = f"{question.get('label')}{english}"
    return _("%(question)s（%(how)s）") % {"question": what, "how": how}


class CategoryType(ModelType):
    model = Category
    order = ("order", "code")
    name = "category"
    icon = "tag"
    title = gettext_lazy("类别和问题")
    one = pgettext_lazy("one", "类别")
    why = gettext_lazy("群众在首页点的图，和点了以后问的话：哪家医院、什么药、几盒。")
    form = CategoryForm
    fields = (
        Field(
            "code",
            gettext_lazy("代码"),
            gettext_lazy("简短的英文或拼音，例如 medicine；子类用点隔开。建好以后不能改。"),
        ),
        Field("name", gettext_lazy("名称")),
        Field("name_en", gettext_lazy("英文名称")),
        Field(
            "klass",
            gettext_lazy("性质"),
            gettext_lazy("社情需求在首页上是大图；政策解答和舆情处置在“咨询、投诉和其他”里。"),
            choices=Klass,
        ),
        Field("icon", gettext_lazy("图标")),
        Field("order", gettext_lazy("顺序"), gettext_lazy("小的在前面。")),
        Field(
            "department",
            gettext_lazy("主管部门"),
            gettext_lazy("镇街办不了时提到这个部门；子类空着就按上级类别的。"),
            target=Unit,
        ),
        Field("questions", gettext_lazy("要问的问题"), show=_show_questions),
    )
    heads = (gettext_lazy("性质"), gettext_lazy("主管部门"), gettext_lazy("要问的问题"))

    def cells(self, row: Category) -> dict[str, str]:
        # An empty list must still read as JSON.
        return super().cells(row) | {"questions": cell(row.questions) or "[]"}

    @property
    def exported(self) -> tuple[str, ...]:
        """Exclude questions, which have a table of their own; imports still accept the column."""
        return tuple(name for name in self.columns if name != "questions")

    def missing_in(self, columns: Collection[str]) -> list[str]:
        if question_table.is_question_table(columns):
            return [name for name in question_table.NEEDED if name not in columns]
        return super().missing_in(columns)

    def unknown_in(self, columns: Collection[str]) -> list[str]:
        if question_table.is_question_table(columns):
            return [name for name in columns if name not in question_table.HEADS]
        return super().unknown_in(columns)

    def merge_lines(self, rows: Rows, context: FormContext) -> Rows:
        if rows and question_table.is_question_table(rows[0][1]):
            return question_table.merge_questions(rows, context.states)
        return rows

    def icon_of(self, row: Category) -> str:
        return row.icon

    def list_cells(self, rows: Sequence[Category]) -> list[Sequence[str]]:
        return [
            (
                _(Klass(each.klass).label),
                name_of(each.department) if each.department else _("没有"),
                _("、").join(question_label(asked) for asked in each.questions) or _("不问"),
            )
            for each in rows
        ]

    def warnings(self) -> list[str]:
        categories = list(Category.objects.filter(active=True))
        if not categories:
            return [_("还没有类别：首页上没有图可点。")]
        found = []
        if not ClockLimit.objects.filter(category=None).exists():
            found.append(_("还没有通用时限，没有单独时限的类别就不计时。"))
        own = {each.code for each in categories if each.department_id}
        nobody = [
            name_of(each)
            for each in categories
            if not any(f"{each.code}.".startswith(f"{code}.") for code in own)
        ]
        if nobody:
            said = _("没有主管部门，从镇街提级就直接到指挥中心：%s")
            found.append(said % few(nobody))
        return found


CATEGORIES = CategoryType()
