"""Compose an appeal's text from its answers when the requester wrote nothing else."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from yinghu.appeals.labels import answer_text, question_label
from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.moving import MAX_WORDS
from yinghu.common.language import name_of


def body_of(category: Category, answers: Mapping[str, Any], language: str) -> str:
    """Return the answers to the category's questions as text, e.g. `奶粉：几罐 2；还能吃几天 1`.

    "" if no question was answered. False counts as an answer; None and "" do not.
    """
    said: list[str] = []
    with override(language):
        for question in category.questions:
            answer = answers.get(question["key"])
            if answer is None or answer == "":
                continue
            said.append(f"{question_label(question)} {answer_text(question, answer)}")
        return _("：").join((name_of(category), _("；").join(said)))[:MAX_WORDS] if said else ""


def is_made_of_answers(appeal: Appeal) -> bool:
    """Does the appeal's text only repeat its answers?"""
    category = appeal.category
    return category is not None and appeal.body == body_of(
        category, appeal.answers, appeal.language
    )


def body_for_reader(appeal: Appeal) -> str:
    """Return the text; in the reader's language where it only repeats the answers."""
    language = get_language() or appeal.language
    if appeal.category is None or language == appeal.language or not is_made_of_answers(appeal):
        return appeal.body
    return body_of(appeal.category, appeal.answers, language)


def labels_asked() -> dict[str, list[str]]:
    """Return the question labels of each category in both languages, by category name."""
    found: dict[str, list[str]] = {}
    for category in Category.objects.all():
        found[category.name] = [question["label"] for question in category.questions]
        english = [question.get("label_en", "") for question in category.questions]
        found[category.name_en] = [label for label in english if label]
    found.pop("", None)
    return found


def without_labels(text: str, labels: Mapping[str, list[str]]) -> str:
    """Remove question labels from a text, since shared labels make unrelated appeals look alike.

    Only texts composed by `body_of` are changed. `labels` comes from `labels_asked`.
    """
    name = re.split("[：:]", text, maxsplit=1)[0]
    for label in labels.get(name, ()):
        text = text.replace(label, "")
    return text
