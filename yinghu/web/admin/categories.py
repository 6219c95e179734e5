"""Categories in the set-up: what kinds of matter there are, and what each asks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from yinghu.appeals.models import Appeal, Category, ClockLimit
from yinghu.appeals.states import Klass
from yinghu.dispatch.models import RoutingRule
from yinghu.people.models import Unit
from yinghu.ui.forms import LineField, PickerSelect, name_of, question_label
from yinghu.ui.icons import icon_names
from yinghu.web.admin import question_table
from yinghu.web.admin.kinds import (
    Around,
    Concern,
    Kind,
    Listed,
    Rows,
    SetupForm,
    State,
    cell,
    open_cases,
)
from yinghu.web.admin.questions import KINDS as QUESTION_KINDS
from yinghu.web.admin.questions import QuestionsField
from yinghu.web.admin.units import few

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*")


class CategoryForm(SetupForm):
    code = forms.CharField(max_length=60)
    name = LineField(max_length=60)
    name_en = LineField(max_length=60, required=False)
    klass = forms.ChoiceField()
    icon = forms.ChoiceField(required=False)
    order = forms.IntegerField(min_value=0, max_value=30_000, initial=100)
    department = forms.ChoiceField(required=False, widget=PickerSelect)
    questions = QuestionsField(required=False)

    def prepare(self) -> None:
        klass, icon = self.fields["klass"], self.fields["icon"]
        assert isinstance(klass, forms.ChoiceField)  # noqa: S101  # for the type checker
        assert isinstance(icon, forms.ChoiceField)  # noqa: S101  # for the type checker
        department = self.fields["department"]
        assert isinstance(department, forms.ChoiceField)  # noqa: S101  # for the type checker
        now = self.around.states.get(self.key, {}).get("department")
        department.choices = [
            ("", _("没有")),
            *(
                (unit.code, name_of(unit))
                for unit in self.around.units.values()
                if unit.active or unit.code == now
            ),
        ]
        department.error_messages["invalid_choice"] = _("没有代码为 %(value)s 的在用单位")
        klass.initial = Klass.NEED.value
        klass.choices = [(each.value, _(each.label)) for each in Klass]
        klass.error_messages["invalid_choice"] = _("性质应是这几个之一：%s") % _("、").join(Klass)
        icon.choices = [("", _("没有图标")), *((name, name) for name in icon_names())]
        icon.error_messages["invalid_choice"] = _("没有叫 %(value)s 的图标")

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"].lower()
        if not _CODE.fullmatch(code):
            raise ValidationError(
                _("代码用小写英文字母、数字、短横；子类用点隔开，例如 medicine.fever")
            )
        above = code.rpartition(".")[0]
        if above and above not in self.around.states:
            raise ValidationError(_("上级类别 %s 还没有，请先建它") % above)
        return self.must_be_new(code)

    def clean_name(self) -> str:
        return self.must_be_only(self.cleaned_data["name"])


class Categories(Kind):
    def things(self) -> Iterable[Category]:
        return Category.objects.select_related("department").order_by("order", "code")

    def find(self, key: str) -> Category | None:
        return Category.objects.select_related("department").filter(pk=key).first()

    def state(self, thing: Category) -> State:
        return {
            "name": thing.name,
            "name_en": thing.name_en,
            "klass": thing.klass,
            "icon": thing.icon,
            "order": thing.order,
            "department": thing.department.code if thing.department else "",
            "questions": thing.questions,
            "active": thing.active,
        }

    def cells(self, thing: Category) -> dict[str, str]:
        # No question at all is an empty list too, in which nothing tells what it is a list of.
        return super().cells(thing) | {"questions": cell(thing.questions) or "[]"}

    @property
    def exported(self) -> tuple[str, ...]:
        """Questions have a table of their own; files that have them in a cell are still read."""
        return tuple(name for name in self.columns if name != "questions")

    def missing_in(self, columns: Collection[str]) -> list[str]:
        if question_table.is_one(columns):
            return [name for name in question_table.NEEDED if name not in columns]
        return super().missing_in(columns)

    def unknown_in(self, columns: Collection[str]) -> list[str]:
        if question_table.is_one(columns):
            return [name for name in columns if name not in question_table.HEADS]
        return super().unknown_in(columns)

    def gathered(self, rows: Rows, around: Around) -> Rows:
        if rows and question_table.is_one(rows[0][1]):
            return question_table.gathered(rows, around.states)
        return rows

    def make(self, values: State) -> Category:
        return Category.objects.create(**_columns(values))

    def write(self, thing: Category, values: State) -> None:
        columns = _columns(values)
        for name, value in columns.items():
            setattr(thing, name, value)
        thing.save(update_fields=list(columns))

    def listed(self, things: Sequence[Category]) -> list[Listed]:
        return [
            Listed(
                each.code,
                self.label(each),
                each.code,
                (
                    _(Klass(each.klass).label),
                    name_of(each.department) if each.department else _("没有"),
                    _("、").join(question_label(asked) for asked in each.questions) or _("不问"),
                ),
                each.active,
                each.icon,
            )
            for each in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "klass" and value in set(Klass):
            return _(Klass(value).label)
        if name == "department" and value:
            return around.unit_said(value)
        if name == "questions" and value:
            return "\n".join(f"{n}. {_asked(each)}" for n, each in enumerate(value, 1))
        return super().said(name, value, around)

    def concerns(self, thing: Category) -> list[Concern]:
        cases = open_cases(Appeal.objects.filter(category=thing))
        rules = _rules_of(thing.code)
        below = Category.objects.filter(code__startswith=f"{thing.code}.", active=True).count()
        found = [Concern(_("首页和表单上不再有这一类，研判也不能再选它"))]
        if cases:
            found.append(
                Concern(
                    ngettext(
                        "%d 件没办完的诉求是这一类：它们照常办，类别照旧显示",
                        "%d 件没办完的诉求是这一类：它们照常办，类别照旧显示",
                        cases,
                    )
                    % cases
                )
            )
        if rules:
            found.append(
                Concern(
                    ngettext(
                        "%d 条派单规则写着它：以后只对已有的诉求起作用",
                        "%d 条派单规则写着它：以后只对已有的诉求起作用",
                        rules,
                    )
                    % rules
                )
            )
        if below:
            found.append(
                Concern(
                    ngettext(
                        "%d 个子类不会跟着停用，要停请逐个停",
                        "%d 个子类不会跟着停用，要停请逐个停",
                        below,
                    )
                    % below
                )
            )
        return found

    def count(self) -> int:
        return Category.objects.filter(active=True).count()

    def warnings(self) -> list[str]:
        categories = list(Category.objects.filter(active=True))
        if not categories:
            return [_("还没有类别：首页上没有图可点。")]
        rules = list(RoutingRule.objects.filter(active=True, unit__active=True))
        lost = [
            name_of(each)
            for each in categories
            if not any(
                (not rule.category or f"{each.code}.".startswith(f"{rule.category}."))
                and rule.klass in ("", each.klass)
                for rule in rules
            )
        ]
        found = [_("没有派单规则，要派单员一件件派：%s") % few(lost)] if lost else []
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


def _columns(values: State) -> State:
    """A state's values as the row has them."""
    if "department" not in values:
        return values
    code = values["department"]
    return values | {"department": Unit.objects.get(code=code) if code else None}


def _rules_of(code: str) -> int:
    """Active rules that name this category or one below it."""
    rules = RoutingRule.objects.filter(active=True, category__startswith=code)
    return sum(
        1
        for found in rules.values_list("category", flat=True)
        if f"{found}.".startswith(f"{code}.")
    )


def _asked(question: dict[str, Any]) -> str:
    """One question in words: what is asked, how it is answered."""
    how = str(QUESTION_KINDS.get(question.get("kind", ""), question.get("kind")))
    if question.get("choices"):
        how += _("：") + _("、").join(question["choices"])
    if question.get("required"):
        how += _("，") + _("必填")
    if question.get("urgent") is not None:
        how += _("，") + _("答 %s 或更少就建议加急") % question["urgent"]
    english = f" / {question['label_en']}" if question.get("label_en") else ""
    what = f"{question.get('label')}{english}"
    return _("%(question)s（%(how)s）") % {"question": what, "how": how}


CATEGORIES = Categories(
    name="category",
    icon="tag",
    title=gettext_lazy("类别和问题"),
    one=pgettext_lazy("one", "类别"),
    why=gettext_lazy("群众在首页点的图，和点了以后问的话：哪家医院、什么药、几盒。"),
    labels={
        "code": gettext_lazy("代码"),
        "name": gettext_lazy("名称"),
        "name_en": gettext_lazy("英文名称"),
        "klass": gettext_lazy("性质"),
        "icon": gettext_lazy("图标"),
        "order": gettext_lazy("顺序"),
        "department": gettext_lazy("主管部门"),
        "questions": gettext_lazy("要问的问题"),
    },
    form=CategoryForm,
    heads=(gettext_lazy("性质"), gettext_lazy("主管部门"), gettext_lazy("要问的问题")),
    hints={
        "code": gettext_lazy("简短的英文或拼音，例如 medicine；子类用点隔开。建好以后不能改。"),
        "klass": gettext_lazy("社情需求在首页上是大图；政策解答和舆情处置在“咨询、投诉和其他”里。"),
        "order": gettext_lazy("小的在前面。"),
        "department": gettext_lazy("镇街办不了时提到这个部门；子类空着就按上级类别的。"),
    },
)
