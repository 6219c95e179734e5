"""A category's questions as a form field: rows on the page, JSON in a file, a list of dicts."""

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.common import text_cleaning
from yinghu.common.form_fields import RowsInput
from yinghu.common.pinyin import initials

QUESTION_KINDS: dict[str, Any] = {
    "text": gettext_lazy("写几个字"),
    "choice": gettext_lazy("选一个"),
    "number": gettext_lazy("填个数"),
    "bool": gettext_lazy("是或不是"),
}
PARTS = (
    *("key", "label", "label_en", "kind", "choices", "choices_en"),
    *("required", "urgent", "danger"),
)
COLUMNS = {
    "key": "key",
    "label": "question",
    "label_en": "question_en",
    "kind": "answer",
    "choices": "choices",
    "choices_en": "choices_en",
    "required": "required",
    "urgent": "urgent",
    "danger": "danger",
}
"""Part of a question -> its column in a question table (`question_table.py`)."""
MOST = 20
MOST_CHOICES = 30

_KEY = re.compile(r"[a-z][a-z0-9_]{0,29}")
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


QUESTION_ROWS = RowsInput("question", PARTS, MOST)


class QuestionsField(forms.Field):
    """The value is the list stored in `Category.questions`. Errors name the question's number."""

    widget = QUESTION_ROWS

    def clean(self, value: Any) -> list[dict[str, Any]]:
        if isinstance(value, str):
            rows = parse_question_rows(value)
        else:
            rows = [row for row in value if any(row[part] for part in PARTS if part != "kind")]
            _check_texts(rows)
        if len(rows) > MOST:
            raise ValidationError(_("最多 %d 个问题；群众一次答不了更多") % MOST)
        questions: list[dict[str, Any]] = []
        wrong: list[str] = []
        keys = {row["key"].strip() for row in rows}
        for number, row in enumerate(rows, 1):
            try:
                question = _parse_question(row, keys)
                if question["key"] in {other["key"] for other in questions}:
                    raise ValidationError(_("代号 %s 用了两次") % question["key"], "key")
                questions.append(question)
            except ValidationError as why:
                wrong += [_error_with_place(each, number, row) for each in why.error_list]
        if wrong:
            raise ValidationError(wrong)
        return questions


def _error_with_place(wrong: ValidationError, number: int, row: Mapping[str, str]) -> str:
    """Prefix an error with the question number, or line and column if it came from a table."""
    why = wrong.messages[0]
    if not row.get("line"):
        return _("第 %(n)d 个问题：%(why)s") % {"n": number, "why": why}
    column = COLUMNS.get(wrong.code or "", "")
    where = {"line": row["line"], "column": column, "why": why}
    return _("第 %(line)s 行 %(column)s 列：%(why)s") % where


def parse_question_rows(text: str) -> list[dict[str, str]]:
    """Parse rows from the JSON of a cell, without checking them. Raises ValidationError."""
    try:
        found = json.loads(text or "[]")
        if not isinstance(found, list):
            raise TypeError
        rows = [
            {
                part: "\n".join(map(str, value)) if isinstance(value, list) else _text(value)
                for part in (*PARTS, *(["line"] if "line" in question else []))
                for value in [question.get(part)]
            }
            for question in found
        ]
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ValidationError(_("问题一栏应是 JSON 列表；用“导出问题”的那张表来改更容易")) from None
    _check_texts(rows)
    return rows


def _check_texts(rows: list[dict[str, str]]) -> None:
    """Refuse JSON values that the database or a page cannot hold."""
    for number, row in enumerate(rows, 1):
        if any(_NO_TEXT.search(row[part]) for part in PARTS):
            raise ValidationError(
                _("第 %d 个问题里有存不下来的字符，请把那几个字删掉重写") % number
            )


def _text(value: Any) -> str:
    return "" if value is None or value is False else str(value)


def _require(condition: bool, part: str, wrong: str) -> None:
    """Raise the error `wrong` of a part of a question unless the condition holds."""
    if not condition:
        raise ValidationError(wrong, part)


def _parse_question(row: Mapping[str, str], keys: set[str]) -> dict[str, Any]:
    label = text_cleaning.clean_line(row["label"])
    key = row["key"].strip() or _new_key(label, keys)
    _require(bool(label), "label", _("还没有写问什么"))
    wrong = _("问题太长了，最多 80 个字")
    _require(len(label) <= 80, "label", wrong)
    _require(len(row["label_en"]) <= 120, "label_en", wrong)
    wrong = _("代号“%s”只用小写英文字母、数字和下划线，以字母开头；也可以空着，自动取")
    _require(bool(_KEY.fullmatch(key)), "key", wrong % key[:40])
    kinds = QUESTION_KINDS.values() if "line" in row else QUESTION_KINDS
    wrong = _("答法应是这几个之一：%s") % _("、").join(map(str, kinds))
    _require(row["kind"] in QUESTION_KINDS, "kind", wrong)
    wrong = _("应是 1 或 0，而不是“%s”") % row["required"][:20]
    _require("line" not in row or row["required"] in ("", "1"), "required", wrong)
    question: dict[str, Any] = {"key": key, "label": label}
    if label_en := text_cleaning.clean_line(row["label_en"]):
        question["label_en"] = label_en
    question["kind"] = row["kind"]
    if row["kind"] == "choice":
        question |= _parse_choices(row)
    if row["required"] and row["kind"] != "bool":
        question["required"] = True
    if row["kind"] == "number" and (urgent := row["urgent"].strip()):
        # The threshold up to which an appeal is suggested as urgent.
        wrong = _("“答这个数或更少就建议加急”要填一个数，例如 3；也可以空着")
        is_number = re.fullmatch(r"\d{1,6}(?:\.\d{1,2})?", urgent, re.ASCII)
        _require(bool(is_number), "urgent", wrong)
        question["urgent"] = float(urgent) if "." in urgent else int(urgent)
    return question


def _new_key(label: str, keys: set[str]) -> str:
    """Make a unique key from the label's pinyin initials."""
    stem = re.sub(r"[^a-z0-9]", "", initials(label))[:20].lstrip("0123456789") or "q"
    key, n = stem, 1
    while key in keys:
        n += 1
        key = f"{stem}_{n}"
    keys.add(key)
    return key


def _parse_choices(row: Mapping[str, str]) -> dict[str, list[str]]:
    choices, english = _lines(row["choices"]), _lines(row["choices_en"])
    few = _("至少写两个选项，用 | 隔开") if "line" in row else _("至少写两个选项，一行一个")
    _require(len(choices) >= 2, "choices", few)
    _require(len(choices) <= MOST_CHOICES, "choices", _("最多 %d 个选项") % MOST_CHOICES)
    _require(len(set(choices)) == len(choices), "choices", _("有两个一样的选项"))
    # Routing rules compare at most this many characters.
    longest = max(map(len, (*choices, *english)))
    _require(longest <= 80, "choices", _("每个选项最多 80 个字"))
    wrong = _("中文选项有 %(zh)d 个，英文有 %(en)d 个：要一一对应，或者英文全空着")
    counts = {"zh": len(choices), "en": len(english)}
    _require(len(english) in (0, len(choices)), "choices_en", wrong % counts)
    danger = _lines(row["danger"])
    unknown = [each for each in danger if each not in choices]
    wrong = _("“选了就报警”里写的不是选项：%s")
    _require(not unknown, "danger", wrong % _("、").join(unknown)[:80])
    return (
        {"choices": choices}
        | ({"choices_en": english} if english else {})
        | ({"danger": danger} if danger else {})
    )


def _lines(text: str) -> list[str]:
    return [line for part in text.splitlines() if (line := text_cleaning.clean_line(part))]
