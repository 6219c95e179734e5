"""Urgency of an appeal, from its words, its answers and how long a supply lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from yinghu.appeals.states import Urgency
from yinghu.triage.shortages import default_running_out
from yinghu.triage.urgency import Judgement, UrgencyModel, shipped_model

if TYPE_CHECKING:
    from yinghu.appeals.models import Category

CHOSEN: Final = 0.9
"""Confidence in an answer that its question calls a danger, or as low as the question's limit, and
in a supply that runs out: people in a hurry press what is near."""

BEGINNING: Final = 40
"""Characters of the text beside which answers are read."""
LEAST_ALONE: Final = 8
"""Characters of an answer that is also read alone: a shorter one says little."""


def judge(
    text: str,
    answers: Mapping[str, Any],
    category: Category | None = None,
    model: UrgencyModel | None = None,
) -> Judgement:
    """Judge title, body and answers of an appeal with the category that was chosen for it.

    `model` is the one in use (`urgency_learning`), by default the shipped one.
    """
    model = model or shipped_model()
    written = list(_written(category, answers))
    read = [text, "\n".join([text[:BEGINNING], *written])] if written else [text]
    alone = [answer for answer in written if len(answer) >= LEAST_ALONE]
    judged = max(map(model.judge, read + alone), key=lambda each: (each.urgency, each.confidence))
    chosen = category.pk if category else ""
    if found := _answers(category, answers, _is_danger):
        return _at_least(judged, Urgency.EMERGENCY, found)
    if found := default_running_out().found(text, chosen):
        return _at_least(judged, Urgency.URGENT, found)
    if found := _answers(category, answers, _is_low):
        return _at_least(judged, Urgency.URGENT, found)
    return judged


def _at_least(judged: Judgement, urgency: Urgency, evidence: str) -> Judgement:
    if judged.urgency > urgency:
        return Judgement(judged.urgency, judged.confidence, (*judged.evidence, evidence))
    other = judged.evidence if judged.urgency == urgency else ()
    return Judgement(urgency.value, max(CHOSEN, judged.confidence), (evidence, *other))


def _answers(
    category: Category | None,
    answers: Mapping[str, Any],
    means: Callable[[Mapping[str, Any], Any], bool],
) -> str:
    """Return the first question and answer that mean it, "" if none does."""
    for question in category.questions if category else ():
        answer = answers.get(question.get("key", ""))
        if answer is not None and means(question, answer):
            return f"{question['label']} {answer}"
    return ""


def _written(category: Category | None, answers: Mapping[str, Any]) -> Iterator[str]:
    """Yield the answers in the requester's own words, not those chosen from a list."""
    choices = {
        question.get("key"): question.get("choices", ())
        for question in (category.questions if category else ())
    }
    for key, answer in answers.items():
        if isinstance(answer, str) and answer not in choices.get(key, ()):
            yield answer


def _is_danger(question: Mapping[str, Any], answer: Any) -> bool:
    return answer in question.get("danger", ())


def _is_low(question: Mapping[str, Any], answer: Any) -> bool:
    limit = question.get("urgent")
    if limit is None or isinstance(answer, bool):
        return False
    try:
        return 0 <= float(answer) <= float(limit)
    except (TypeError, ValueError):  # "about three", from a neighbouring system: read as words
        return False
