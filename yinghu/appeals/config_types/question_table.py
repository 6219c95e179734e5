"""Categories' questions as a spreadsheet: one line per question, its choices in one cell.

A file replaces all questions of each category that it names, in the order of its lines; other
categories keep theirs.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from django.utils import translation
from django.utils.translation import gettext_lazy

from yinghu.appeals.config_types.questions import COLUMNS, QUESTION_KINDS
from yinghu.appeals.models import Category
from yinghu.common import text_cleaning
from yinghu.common.config_types.config_form import NO, YES, State
from yinghu.common.language import name_of

HEADS: dict[str, Any] = {
    "category": gettext_lazy("类别的代码；空着就是上一行的那一类"),
    "category_name": gettext_lazy("类别的名称，只是给您看的，改了不算"),
    "question": gettext_lazy("问什么；只写类别、这里空着，就是这一类什么也不问"),
    "question_en": gettext_lazy("英文怎么问，可以空着"),
    "answer": gettext_lazy("怎么答：写几个字、选一个、填个数、是或不是"),
    "choices": gettext_lazy("“选一个”的选项，用 | 隔开"),
    "choices_en": gettext_lazy("英文的选项，和中文的一一对应，也用 | 隔开；可以空着"),
    "required": gettext_lazy("1 是一定要答，0 是可以不答"),
    "urgent": gettext_lazy("“填个数”的：答这个数或更少就建议加急，可以空着"),
    "danger": gettext_lazy("“选一个”的：选了就报警的选项，用 | 隔开，可以空着"),
    "key": gettext_lazy("代号，派单规则按它认；新的问题空着，自动取"),
}
NEEDED = ("category", "question", "answer")

_BARS = re.compile(r"[|｜\n]")


def is_question_table(columns: Collection[str]) -> bool:
    """Are these the columns of a question table?"""
    return "question" in columns


def question_rows(categories: Iterable[Category]) -> Iterable[dict[str, str]]:
    """Yield a line for each question, and one for each category without questions."""
    for category in categories:
        where = {"category": category.pk, "category_name": name_of(category)}
        for question in category.questions:
            yield where | {
                "question": question["label"],
                "question_en": question.get("label_en", ""),
                "answer": str(QUESTION_KINDS[question["kind"]]),
                "choices": " | ".join(question.get("choices", ())),
                "choices_en": " | ".join(question.get("choices_en", ())),
                "required": "1" if question.get("required") else "0",
                "urgent": str(question.get("urgent", "")),
                "danger": " | ".join(question.get("danger", ())),
                "key": question["key"],
            }
        if not category.questions:
            yield where


def merge_questions(
    rows: Sequence[tuple[int, dict[str, str]]], states: dict[str, State]
) -> list[tuple[int, dict[str, str]]]:
    """Convert lines of questions to lines of categories; known labels keep their keys."""
    found: dict[str, tuple[int, list[dict[str, str]]]] = {}
    code = ""
    for number, cells in rows:
        code = cells.get("category", "") or code
        _first, asked = found.setdefault(code, (number, []))
        row = _row(cells, states.get(code, {}).get("questions", ()))
        if any(row.values()):
            asked.append(row | {"line": str(number)})
    return [
        (number, {"code": code, "questions": json.dumps(asked)})
        for code, (number, asked) in found.items()
    ]


def _row(cells: dict[str, str], kept: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Convert a line to a row of `questions.PARTS`. An existing question (same key or label) keeps
    its key and the parts that the file has no column for.
    """
    row = {part: cells.get(column, "") for part, column in COLUMNS.items()}
    if not any(row.values()):
        return row
    row["kind"] = _kinds_by_name().get(row["kind"].casefold(), row["kind"])
    required = row["required"].lower()
    row["required"] = "1" if required in YES else "" if required in NO else required
    for part in ("choices", "choices_en", "danger"):
        row[part] = "\n".join(filter(None, map(text_cleaning.clean_line, _BARS.split(row[part]))))
    label = text_cleaning.clean_line(row["label"])
    same = (
        each
        for each in kept
        if row["key"] == each["key"] or (not row["key"] and label == each["label"])
    )
    if (old := next(same, None)) is None:
        return row
    row["key"] = old["key"]
    absent = {part for part, column in COLUMNS.items() if column not in cells}
    was = {part: "\n".join(old.get(part, ())) for part in ("choices", "choices_en", "danger")}
    if "choices" not in absent and row["choices"] != was["choices"]:
        absent.discard("choices_en")  # they belong to the old choices
    was |= {
        "label_en": old.get("label_en", ""),
        "required": "1" if old.get("required") else "",
        "urgent": str(old.get("urgent", "")),
    }
    return row | {part: was[part] for part in absent if part in was}


@cache
def _kinds_by_name() -> dict[str, str]:
    found = {kind: kind for kind in QUESTION_KINDS}
    for language in ("zh-hans", "en"):
        with translation.override(language):
            found |= {str(label).casefold(): kind for kind, label in QUESTION_KINDS.items()}
    return found
