"""A category's questions as a form field: rows on the page, JSON in a file, a list of dicts."""

from __future__ import annotations

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
PARTS = ("key", "label", "label_en", "kind", "choices", "choices_en", "required", "urgent")
COLUMNS = {
    "key": "key",
    "label": "question",
    "label_en": "question_en",
    "kind": "answer",
    "choices": "choices",
    "choices_en": "choices_en",
    "required": "required",
    "urgent": "urgent",
}
"""Part of a question -> its column in a question table (`config_question_table.py`)."""
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
            rows = rows_in(value)
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


def rows_in(text: str) -> list[dict[str, str]]:
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


def _parse_question(row: Mapping[str, str], keys: set[str]) -> dict[str, Any]:
    label = text_cleaning.clean_line(row["label"])
    key = row["key"].strip() or _new_key(label, row, keys)
    if not label:
        raise ValidationError(_("还没有写问什么"), "label")
    if len(label) > 80 or len(row["label_en"]) > 120:
        raise ValidationError(
            _("问题太长了，最多 80 个字"), "label" if len(label) > 80 else "label_en"
        )
    if not _KEY.fullmatch(key):
        raise ValidationError(
            _("代号“%s”只用小写英文字母、数字和下划线，以字母开头；也可以空着，自动取") % key[:40],
            "key",
        )
    if row["kind"] not in QUESTION_KINDS:
        known = _("、").join(
            str(each) for each in (QUESTION_KINDS.values() if "line" in row else QUESTION_KINDS)
        )
        raise ValidationError(_("答法应是这几个之一：%s") % known, "kind")
    if "line" in row and row["required"] not in ("", "1"):
        raise ValidationError(_("应是 1 或 0，而不是“%s”") % row["required"][:20], "required")
    question: dict[str, Any] = {"key": key, "label": label}
    if label_en := text_cleaning.clean_line(row["label_en"]):
        question["label_en"] = label_en
    question["kind"] = row["kind"]
    if row["kind"] == "choice":
        question |= _parse_choices(row)
    if row["required"] and row["kind"] != "bool":
        question["required"] = True
    if row["kind"] == "number" and row["urgent"].strip():
        question["urgent"] = _urgent_threshold(row["urgent"].strip())
    return question


def _urgent_threshold(text: str) -> int | float:
    """Parse the threshold below which an appeal is suggested as urgent."""
    if not re.fullmatch(r"\d{1,6}(?:\.\d{1,2})?", text, re.ASCII):
        raise ValidationError(
            _("“答这个数或更少就建议加急”要填一个数，例如 3；也可以空着"), "urgent"
        )
    return float(text) if "." in text else int(text)


def _new_key(label: str, row: Mapping[str, str], keys: set[str]) -> str:
    """Make a unique key from the label's pinyin initials."""
    stem = re.sub(r"[^a-z0-9]", "", initials(label))[:20].lstrip("0123456789") or "q"
    key, n = stem, 1
    while key in keys:
        n += 1
        key = f"{stem}_{n}"
    keys.add(key)
    return key


def _parse_choices(row: Mapping[str, str]) -> dict[str, list[str]]:
    choices = _lines(row["choices"])
    english = _lines(row["choices_en"])
    if len(choices) < 2:
        said = _("至少写两个选项，用 | 隔开") if "line" in row else _("至少写两个选项，一行一个")
        raise ValidationError(said, "choices")
    if len(choices) > MOST_CHOICES:
        raise ValidationError(_("最多 %d 个选项") % MOST_CHOICES, "choices")
    if len(set(choices)) < len(choices):
        raise ValidationError(_("有两个一样的选项"), "choices")
    # Routing rules compare at most this many characters.
    if any(len(choice) > 80 for choice in (*choices, *english)):
        raise ValidationError(_("每个选项最多 80 个字"), "choices")
    if english and len(english) != len(choices):
        raise ValidationError(
            _("中文选项有 %(zh)d 个，英文有 %(en)d 个：要一一对应，或者英文全空着")
            % {"zh": len(choices), "en": len(english)},
            "choices_en",
        )
    return {"choices": choices} | ({"choices_en": english} if english else {})


def _lines(text: str) -> list[str]:
    return [line for part in text.splitlines() if (line := text_cleaning.clean_line(part))]
