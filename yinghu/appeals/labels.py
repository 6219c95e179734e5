"""Names, headlines and statuses in the reader's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.common.language import is_english
from yinghu.common.privacy.masking import without_numbers

_MASKED_LENGTH = 600
"""Characters of the text that are masked for a headline; masking never shortens them to a tenth."""


def question_label(question: dict[str, Any]) -> str:
    """Return a question's label in the reader's language."""
    return str((is_english() and question.get("label_en")) or question["label"])


def answer_text(question: Mapping[str, Any], answer: object) -> str:
    """Return an answer in the reader's language, as far as the question offers it."""
    if isinstance(answer, bool):
        return _("是") if answer else _("否")
    choices, shown = question.get("choices", []), question.get("choices_en", [])
    if is_english() and answer in choices and len(shown) == len(choices):
        return str(shown[choices.index(answer)])
    return str(answer)


def headline_of(appeal: Appeal, *, reveal: bool) -> str:
    """Return the title or beginning, masked before it is cut: half a number would not be masked."""
    if reveal:
        return appeal.headline
    return without_numbers(appeal.title) or without_numbers(appeal.body[:_MASKED_LENGTH])[:60]


def status_label(status: Status) -> str:
    return pgettext("status", "不予受理") if status is Status.DECLINED else _(status.label)
