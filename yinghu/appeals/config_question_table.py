"""The questions of categories as a table of their own: one line for each question, its choices in
one cell, so that it can be edited in a spreadsheet.

A file that names a category gives all its questions, in the order of its lines; categories that it
does not name keep theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from django.utils import translation
from django.utils.translation import gettext_lazy

from yinghu.appeals.config_questions import COLUMNS, QUESTION_KINDS
from yinghu.appeals.labels import name_of
from yinghu.appeals.models import Category
from yinghu.common import text_cleaning
from yinghu.common.config_form import NO, YES, State

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
    "key": gettext_lazy("代号，派单规则按它认；新的问题空着，自动取"),
}
NEEDED = ("category", "question", "answer")

_BARS = re.compile(r"[|｜\n]")


def is_question_table(columns: Collection[str]) -> bool:
    """Whether a table of these columns is one of questions."""
    return "question" in columns


def question_rows(categories: Iterable[Category]) -> Iterable[dict[str, str]]:
    """A line for each question, and one for each category that asks nothing."""
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
                "key": question["key"],
            }
        if not category.questions:
            yield where


def merge_questions(
    rows: Sequence[tuple[int, dict[str, str]]], states: dict[str, State]
) -> list[tuple[int, dict[str, str]]]:
    """The lines of a table of questions as lines of categories, each with the number of its first.

    `states` are the categories as they are: a question of the same words keeps its key.
    """
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
    """A line as a row of `questions.PARTS`. A question that is there already, by its key or by its
    words, keeps its key and what the file has no column for.
    """
    row = {part: cells.get(column, "") for part, column in COLUMNS.items()}
    if not any(row.values()):
        return row
    row["kind"] = _kinds().get(row["kind"].casefold(), row["kind"])
    row["required"] = _ticked(row["required"].lower())
    for part in ("choices", "choices_en"):
        row[part] = "\n".join(filter(None, map(text_cleaning.line, _BARS.split(row[part]))))
    label = text_cleaning.line(row["label"])
    same = (
        each
        for each in kept
        if row["key"] == each["key"] or (not row["key"] and label == each["label"])
    )
    if (old := next(same, None)) is None:
        return row
    row["key"] = old["key"]
    absent = {part for part, column in COLUMNS.items() if column not in cells}
    was = {part: "\n".join(old.get(part, ())) for part in ("choices", "choices_en")}
    if "choices" not in absent and row["choices"] != was["choices"]:
        absent.discard("choices_en")  # they stood beside other choices
    was |= {
        "label_en": old.get("label_en", ""),
        "required": "1" if old.get("required") else "",
        "urgent": str(old.get("urgent", "")),
    }
    return row | {part: was[part] for part in absent if part in was}


@cache
def _kinds() -> dict[str, str]:
    """A way to answer by its code and by its name in each language."""
    found = {kind: kind for kind in QUESTION_KINDS}
    for language in ("zh-hans", "en"):
        with translation.override(language):
            found |= {str(label).casefold(): kind for kind, label in QUESTION_KINDS.items()}
    return found


def _ticked(text: str) -> str:
    return "1" if text in YES else "" if text in NO else text
