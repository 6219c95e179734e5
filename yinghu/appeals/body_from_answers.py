"""An appeal's words where only questions were answered: a person in need may leave it at that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.moving import MAX_WORDS


def body_of(category: Category, answers: Mapping[str, Any], language: str) -> str:
    """What was answered to the category's questions, as words: `奶粉：几罐 2；还能吃几天 1`.

    "" where none of them was answered. An answer of "no" is one, nothing and "" are none.
    """
    english = language.startswith("en")
    said: list[str] = []
    with override(language):
        for question in category.questions:
            answer = answers.get(question["key"])
            if answer is None or answer == "":
                continue
            label = (english and question.get("label_en")) or question["label"]
            said.append(f"{label} {_shown(question, answer, english=english)}")
        if not said:
            return ""
        name = (english and category.name_en) or category.name
        return _("：").join((name, _("；").join(said)))[:MAX_WORDS]


def is_made_of_answers(appeal: Appeal) -> bool:
    """Whether its words only repeat its answers: then one of the two is enough to show."""
    category = appeal.category
    return category is not None and appeal.body == body_of(
        category, appeal.answers, appeal.language
    )


def labels_asked() -> dict[str, list[str]]:
    """The labels of each category's questions, by the category's name, in both languages."""
    found: dict[str, list[str]] = {}
    for category in Category.objects.all():
        found[category.name] = [question["label"] for question in category.questions]
        english = [question.get("label_en", "") for question in category.questions]
        found[category.name_en] = [label for label in english if label]
    found.pop("", None)
    return found


def without_labels(text: str, labels: Mapping[str, list[str]]) -> str:
    """What somebody said, without what they were asked: questions make strangers alike.

    Words that `body_of` did not make are not touched. `labels` are those of `labels_asked`.
    """
    name = re.split("[：:]", text, maxsplit=1)[0]
    for label in labels.get(name, ()):
        text = text.replace(label, "")
    return text


def _shown(question: Mapping[str, Any], answer: Any, *, english: bool) -> str:
    if isinstance(answer, bool):
        return _("是") if answer else _("否")
    choices, shown = question.get("choices", []), question.get("choices_en", [])
    if english and answer in choices and len(shown) == len(choices):
        return str(shown[choices.index(answer)])
    return str(answer)
