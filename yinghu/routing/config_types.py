"""Configuration type of routing rules: columns, validation, and rules as sentences."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from yinghu.appeals import channels
from yinghu.appeals.labels import question_label
from yinghu.appeals.models import Category
from yinghu.appeals.states import Klass
from yinghu.common.config_types.config_form import ConfigForm, FormContext, State, labelled
from yinghu.common.config_types.config_type import Field
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField, PickerSelect
from yinghu.common.language import is_english, name_of
from yinghu.people.access import staffed
from yinghu.people.models import Unit
from yinghu.places import locate
from yinghu.places.area_fields import area_field, show_area
from yinghu.places.models import Area
from yinghu.routing.explanation import shadowed
from yinghu.routing.models import RoutingRule
from yinghu.routing.routing import under

STEP = 10
"""Gap between the order numbers of new rules, so that others fit in between."""

COLUMNS = ("order", "category", "klass", "area", "channel", "field", "value", "unit")


class RuleNames:
    """Display names of the rows that rules refer to; each table is read once, when needed."""

    @cached_property
    def categories(self) -> dict[str, Category]:
        return {each.code: each for each in Category.objects.all()}

    @cached_property
    def areas(self) -> dict[str, Area]:
        return dict(locate.known_areas())

    def category(self, code: str) -> str:
        return name_of(self.categories[code]) if code in self.categories else code

    def area(self, code: str) -> str:
        if code and code not in self.areas:
            # Retired, or of another process's last seconds.
            found = Area.objects.filter(pk=code).only("code", "name", "name_en").first()
            self.areas[code] = found or Area(pk=code, name=code)
        return name_of(self.areas[code]) if code else code

    def asked(self, prefix: str) -> Iterator[tuple[Category, dict[str, Any]]]:
        """Yield the questions that an appeal under a category may be asked."""
        for code, category in self.categories.items():
            if under(prefix, code):
                for question in category.questions:
                    yield category, question

    def _question_of(self, rule: RoutingRule) -> dict[str, Any] | None:
        asked = (question for _category, question in self.asked(rule.category))
        return next((question for question in asked if question["key"] == rule.field), None)

    def question(self, rule: RoutingRule) -> str:
        """The label of a rule's question."""
        found = self._question_of(rule)
        return question_label(found) if found else rule.field

    def answer(self, rule: RoutingRule, given: str | None = None) -> str:
        """The answer that a rule wants (or the one given), as the question's choices show it."""
        value, found = rule.value if given is None else given, self._question_of(rule)
        return dict(choices_of(found) if found else ()).get(value, answer_label(value))

    def condition(self, rule: RoutingRule, name: str) -> str:
        """One condition of a rule in words."""
        if name == "category":
            return self.category(rule.category)
        if name == "klass":
            return class_label(rule.klass)
        if name == "area":
            return _("在%s") % self.area(rule.area)
        if name == "channel":
            return _("来自%s") % translated_channel(rule.channel)
        question, answer = self.question(rule), self.answer(rule)
        return _("%(question)s = %(answer)s") % {"question": question, "answer": answer}

    def sentence(self, rule: RoutingRule) -> str:
        """All conditions of a rule as a sentence."""
        names = [name for name in COLUMNS[1:6] if getattr(rule, name)]
        said = pgettext("rule", " 且 ").join(self.condition(rule, name) for name in names)
        return said or _("不论什么")


def class_label(klass: str) -> str:
    return _(Klass(klass).label) if klass in set(Klass) else klass


def translated_channel(code: str) -> str:
    return str(_(channels.channel_label(code)))


def answer_label(value: str) -> str:
    """An answer, as rules compare it, in words."""
    return {"True": pgettext("value", "是"), "False": pgettext("value", "否")}.get(value, value)


class RuleContext(FormContext):
    """Form context with the names that rules refer to."""

    @cached_property
    def words(self) -> RuleNames:
        return RuleNames()

    @property
    def next_order(self) -> int:
        """The order number of a rule that is added at the end."""
        last = max((state["order"] for state in self.states.values()), default=0)
        return last + STEP - last % STEP


class RuleForm(ConfigForm):
    fixed = ()

    category = forms.ChoiceField(required=False, widget=PickerSelect)
    field = forms.ChoiceField(required=False)
    value = LineField(max_length=80, required=False)
    area = area_field()
    klass = forms.ChoiceField(required=False)
    channel = forms.ChoiceField(required=False)
    unit = forms.ChoiceField(widget=PickerSelect)
    order = forms.IntegerField(min_value=1, max_value=1_000_000)

    context: RuleContext

    def prepare(self) -> None:
        words = self.context.words
        categories = [(c.code, name_of(c)) for c in words.categories.values() if c.active]
        wrong = _("没有代码为 %(value)s 的在用类别")
        self.choose("category", categories, wrong, _("所有类别"))
        questions: dict[str, str] = {}
        for category, question in words.asked(""):
            said = _("%(question)s（%(category)s）") % {
                "question": question_label(question),
                "category": name_of(category),
            }
            key = question["key"]
            questions[key] = f"{questions[key]} / {said}" if key in questions else said
        wrong = _("没有一个类别问 %(value)s")
        self.choose("field", questions.items(), wrong, _("不看回答"))
        wrong = _("性质应是 %s 之一") % _("、").join(Klass)
        self.choose("klass", labelled(Klass), wrong, _("不论什么性质"))
        known = [(code, translated_channel(code)) for code in channels.CHANNELS]
        self.choose("channel", known, _("没有叫 %(value)s 的来源"), _("所有来源"))
        units = self.context.choices(Unit)
        self.choose("unit", units, _("没有代码为 %(value)s 的在用单位"), "")
        self.fields["value"].widget.attrs["list"] = "rule-answers"

    def answers(self) -> list[tuple[str, str, str]]:
        """(question key, its label, answer) for every answer of a question with choices."""
        found = []
        for _category, question in self.context.words.asked(""):
            for _value, choice in choices_of(question):
                said = (question["key"], question_label(question), choice)
                if said not in found:
                    found.append(said)
        return found

    def clean_order(self) -> int:
        order: int = self.cleaned_data["order"]
        if self.is_duplicate({"order": order}):
            raise ValidationError(_("已经有规则 %d 了，请换一个号") % order)
        return order

    def clean(self) -> State:
        cleaned = super().clean() or {}
        field, value = cleaned.get("field", ""), cleaned.get("value", "")
        if "field" in self.errors:
            return cleaned
        if field and not value and "value" not in self.errors:
            self.add_error("value", _("请写合得上的回答"))
        if value and not field:
            self.add_error("field", _("请选这是哪个问题的回答"))
        if field and value and "category" not in self.errors:
            self._answers(cleaned, field, value)
        return cleaned

    def _answers(self, cleaned: State, field: str, value: str) -> None:
        """Check that the category asks the question and that the answer can be given."""
        asked = self.context.words.asked(cleaned.get("category", ""))
        questions = [each for _category, each in asked if each["key"] == field]
        if not questions:
            self.add_error("field", _("这个类别不问这个问题，所以永远合不上"))
            return
        offered = dict(choice for each in questions for choice in choices_of(each))
        kept = {said: value for value, said in offered.items()}
        cleaned["value"] = kept.get(value, value)
        free = any(each["kind"] in ("text", "number") for each in questions)
        if not free and cleaned["value"] not in offered:
            self.add_error("value", _("能选的回答是：%s") % _("、").join(offered.values()))


_ANY = gettext_lazy("（不限）")


class RuleType(ModelType):
    model = RoutingRule
    order = ("order",)
    identity = ("order",)
    needed = ("order", "unit")
    name = "rule"
    icon = "route"
    title = gettext_lazy("派单规则")
    one = pgettext_lazy("one", "规则")
    why = gettext_lazy("哪一类、哪个地方的诉求，自动派给哪个单位。从上往下，第一条合得上的算。")
    form = RuleForm
    context = RuleContext
    fields = (
        Field(
            "order",
            gettext_lazy("顺序号"),
            gettext_lazy("小的先试。要排在某一条前面，就写比它小的号。"),
        ),
        Field(
            "category",
            gettext_lazy("类别"),
            gettext_lazy("它的子类也算。"),
            target=Category,
            empty=_ANY,
        ),
        Field("klass", gettext_lazy("性质"), choices=Klass, empty=_ANY),
        Field(
            "area",
            gettext_lazy("地点"),
            gettext_lazy("它下面的镇街、村社区也算；空着就是哪里都行。"),
            show=show_area,
            empty=_ANY,
        ),
        Field(
            "channel",
            gettext_lazy("来源"),
            show=lambda code, _context: translated_channel(code),
            empty=_ANY,
        ),
        Field("field", gettext_lazy("问题"), empty=_ANY),
        Field(
            "value",
            gettext_lazy("回答"),
            gettext_lazy("要和回答一字不差；有选项的问题，从选项里选。"),
            show=lambda value, _context: answer_label(value),
            empty=_ANY,
        ),
        Field("unit", gettext_lazy("派给"), target=Unit, empty=_ANY),
    )

    def key_in(self, cells: Mapping[str, str], context: FormContext) -> str:
        # New rules get a key too: two lines of a file may not have the same number.
        return super().key_in(cells, context) or f"new {cells.get('order', '')}"

    def label(self, row: RoutingRule) -> str:
        return _("规则 %d") % row.order

    def search_words(self, row: RoutingRule) -> tuple[str, ...]:
        return (str(row.order), row.category, row.value, row.unit.name)

    def restore_obstacle(self, row: RoutingRule, states: Mapping[str, State] | None = None) -> str:
        if not row.unit.active:
            return _("“%s”已停用，请先给规则换一个单位") % name_of(row.unit)
        return ""

    def warnings(self) -> list[str]:
        rules = list(RoutingRule.objects.filter(active=True).select_related("unit"))
        if not rules:
            return [_("还没有规则：每一件都要派单员来派。")]
        live, served = [rule for rule in rules if rule.unit.active], staffed()
        never = len(shadowed(live))
        retired = len(rules) - len(live)
        unstaffed = sum(rule.unit_id not in served for rule in live)
        found = {
            ngettext(
                "%d 条规则永远轮不到，前面的已全包了。",
                "%d 条规则永远轮不到，前面的已全包了。",
                never,
            ): never,
            ngettext(
                "%d 条规则派给已停用的单位，不起作用。",
                "%d 条规则派给已停用的单位，不起作用。",
                retired,
            ): retired,
            ngettext(
                "%d 条规则派给还没有人能接单的单位，派过去就停在那里。",
                "%d 条规则派给还没有人能接单的单位，派过去就停在那里。",
                unstaffed,
            ): unstaffed,
        }
        return [said % n for said, n in found.items() if n]


RULES = RuleType()


def choices_of(question: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(answer as rules compare it, in words) for each choice of a question."""
    if question["kind"] == "bool":
        return [("True", answer_label("True")), ("False", answer_label("False"))]
    if question["kind"] != "choice":
        return []
    shown = (is_english() and question.get("choices_en")) or question["choices"]
    return list(zip(question["choices"], shown, strict=True))


TYPES = (RULES,)
