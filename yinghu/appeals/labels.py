"""Names, headlines and statuses in the language of the reader."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.common.language import is_english
from yinghu.common.masking import without_numbers

_LOOKED_AT = 600
"""Characters of the words that a headline is made of: masking shortens them, never to a tenth."""


def question_label(question: dict[str, Any]) -> str:
    """A category's question as asked, in the language of the page."""
    return str((is_english() and question.get("label_en")) or question["label"])


def name_of(thing: Any) -> str:
    """The thing's name in the language of the page."""
    return str((is_english() and thing.name_en) or thing.name)


def headline_of(appeal: Appeal, *, reveal: bool) -> str:
    """The title, or the beginning of the words; masked before it is cut, for half a number that
    the cut left would not be known for one."""
    if reveal:
        return appeal.headline
    return without_numbers(appeal.title) or without_numbers(appeal.body[:_LOOKED_AT])[:60]


def status_label(status: Status) -> str:
    """The status in the reader's language."""
    return pgettext("status", "不予受理") if status is Status.DECLINED else _(status.label)
