"""Row editors inside two forms: a category's questions and an errand's legs."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError

from yinghu.appeals.config_types import questions
from yinghu.appeals.labels import question_label
from yinghu.appeals.models import Category
from yinghu.common.config_types.config_form import ConfigForm
from yinghu.common.form_fields import RowsInput
from yinghu.common.language import name_of
from yinghu.common.text import whole_number
from yinghu.errands.config_types import legs
from yinghu.errands.config_types.errands import ErrandForm
from yinghu.errands.models import LegKind, Proof, Where
from yinghu.errands.planning import MOST_LEGS
from yinghu.people.models import Skill
from yinghu.ui.forms import FilingForm


@dataclass(frozen=True, slots=True)
class RowTable:
    """A form field that is edited as rows, with its widget, blank row, template and context."""

    field: str
    template: str
    widget: RowsInput
    blank: Mapping[str, str]
    context: Callable[[ConfigForm], dict[str, Any]]

    def rearranged(self, data: Mapping[str, Any], order: str) -> list[dict[str, str]]:
        """The typed rows after `add`, `up:2`, `down:2` or `remove:2`; unchanged otherwise."""
        rows = self.widget.typed(data)
        act, _colon, at = order.partition(":")
        n = whole_number(at)
        if act == "add" and len(rows) < self.widget.most:
            return [*rows, dict(self.blank)]
        if n is None or n >= len(rows):
            return rows
        if act == "remove":
            return rows[:n] + rows[n + 1 :]
        other = {"up": n - 1, "down": n + 1}.get(act, -1)
        if 0 <= other < len(rows):
            rows[n], rows[other] = rows[other], rows[n]
        return rows


def _question_context(form: ConfigForm) -> dict[str, Any]:
    kept = _rows(form.context.cells(form.key).get("questions"), questions.parse_question_rows)
    old = {each["key"] for each in kept if each["key"]}
    rows = _rows(form["questions"].value(), questions.parse_question_rows)
    rows = [each | {"old": "1" if each["key"] in old else ""} for each in rows]
    return {
        "questions": rows,
        "question_kinds": questions.QUESTION_KINDS.items(),
        "may_add": len(rows) < questions.MOST,
        "preview": _question_preview(rows),
    }


def _rows(value: Any, parse: Callable[[str], list[dict[str, str]]]) -> list[dict[str, str]]:
    """The rows of a field's value, without its rules: what is wrong can be corrected here."""
    try:
        return parse(value) if isinstance(value, str) else value or []
    except ValidationError:
        return []


def _question_preview(rows: list[dict[str, str]]) -> list[Any]:
    whole: list[dict[str, Any]] = []
    for each in rows:
        with suppress(ValidationError):
            whole += questions.QuestionsField(required=False).clean([each])
    for n, question in enumerate(whole):
        question["key"] = f"{n}"
    return FilingForm(category=Category(questions=whole)).asked()


_BLANK_LEG = dict.fromkeys(legs.PARTS, "") | legs.BLANK


def _leg_context(form: ConfigForm) -> dict[str, Any]:
    assert isinstance(form, ErrandForm)  # noqa: S101  # for the type checker
    rows = _rows(form["legs"].value(), legs.leg_rows_in)
    categories = form.context.all_of(Category)
    category = categories.get(form["category"].value())
    asked = [
        (question["key"], ("" if category else f"{name_of(each)} · ") + question_label(question))
        for each in ([category] if category else categories.values())
        for question in each.questions
        if question["kind"] in ("choice", "text")
    ]
    return {
        "legs": rows or [_BLANK_LEG],
        "leg_kinds": [each for each in LegKind.choices if each[0] != LegKind.BRING_BACK],
        "leg_wheres": Where.choices,
        "leg_proofs": Proof.choices,
        "leg_skills": form.context.choices(Skill),
        "leg_fields": asked,
        "places": form.context.places.items(),
        "may_add": len(rows) < MOST_LEGS,
    }


TABLES = {
    "category": RowTable(
        "questions",
        "admin/questions.html",
        questions.QUESTION_ROWS,
        dict.fromkeys(questions.PARTS, "") | {"kind": "text"},
        _question_context,
    ),
    "errand": RowTable("legs", "admin/legs.html", legs.LEG_ROWS, _BLANK_LEG, _leg_context),
}
"""Row editor by configuration type."""
