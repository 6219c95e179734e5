"""Suggestions to the triage clerk, each with a confidence and reasons; nothing is decided here.

In order of precedence: the requester's choice, the classifier once it has beaten the lexicon, the
lexicon.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.policies import policy
from yinghu.places.locate import by_point, by_words
from yinghu.places.models import Area
from yinghu.triage import appeal_urgency, training
from yinghu.triage.lexicon import Reading, default_reader
from yinghu.triage.models import Suggestion
from yinghu.triage.urgency import Judgement
from yinghu.triage.urgency_learning import urgency_model

CHOSEN = 0.9
"""Confidence of a category that the requester chose: people in a hurry pick one that is near."""
MOST_WHY = 8

_FIELDS = [
    field.name for field in Suggestion._meta.fields if field.name not in ("appeal", "made_at")
]


def suggest(appeals: Sequence[Appeal]) -> None:
    """Write a suggestion for each of these appeals, replacing earlier ones."""
    Suggestion.objects.bulk_create(
        compute_suggestions(appeals),
        update_conflicts=True,
        unique_fields=("appeal",),
        update_fields=_FIELDS,
    )


def compute_suggestions(appeals: Sequence[Appeal]) -> list[Suggestion]:
    """Compute a suggestion for each; writes nothing, so the appeals may be unsaved."""
    categories = Category.objects.filter(active=True).in_bulk()
    reader = default_reader()
    texts = [appeal.full_text for appeal in appeals]
    learned = training.predict(texts)
    model = urgency_model()
    made: list[Suggestion] = []
    for place, (appeal, text) in enumerate(zip(appeals, texts, strict=True)):
        reading = reader.read(text, appeal.answers)
        chosen = categories.get(appeal.category_id or "")
        judged = appeal_urgency.judge(text, appeal.answers, chosen, model)
        guess = learned[place] if learned else None
        made.append(_suggestion(appeal, text, reading, judged, guess, categories))
    return made


def _suggestion(
    appeal: Appeal,
    text: str,
    reading: Reading,
    judged: Judgement,
    learned: training.Prediction | None,
    categories: dict[str, Category],
) -> Suggestion:
    category, confidence, source = reading.category, reading.confidences["category"], "lexicon"
    if learned is not None and learned.category in categories:
        category, confidence, source = learned.category, learned.confidence, learned.source
    if appeal.category_id:
        category, confidence, source = appeal.category_id, CHOSEN, "requester"
    if category not in categories:
        category, confidence = "", 0.0
    klass, klass_confidence = reading.klass, reading.confidences["klass"]
    if category and category != reading.category:
        klass, klass_confidence = categories[category].klass, confidence
    area, area_confidence = _area(appeal, text)
    return Suggestion(
        appeal=appeal,
        category_id=category or None,
        category_confidence=round(confidence, 3),
        klass=klass,
        klass_confidence=round(klass_confidence, 3),
        area_id=area,
        area_confidence=round(area_confidence, 3),
        urgency=judged.urgency,
        urgency_confidence=round(judged.confidence, 3),
        why=list(dict.fromkeys((*judged.evidence, *reading.why)))[:MOST_WHY],
        source=source,
    )


@dataclass(frozen=True, slots=True)
class AreaGuess:
    """A suggested area: the confidence in percent, and the `words` of the text that name it. If it
    is `likely` enough (`prefill_area_percent`), forms have it filled in; else it is only offered.
    """

    area: Area
    percent: int
    likely: bool
    words: str


def area_guess(appeal: Appeal, suggestion: Suggestion | None) -> AreaGuess | None:
    """Return the area suggested for an appeal without one."""
    if suggestion is None or suggestion.area is None or appeal.area_id is not None:
        return None
    percent, area = round(100 * suggestion.area_confidence), suggestion.area
    named = (match.words for match in by_words(appeal.full_text) if match.area.pk == area.pk)
    return AreaGuess(area, percent, percent >= policy("prefill_area_percent"), next(named, ""))


def _area(appeal: Appeal, text: str) -> tuple[str | None, float]:
    """The appeal's own area, else that of its point, else one that its text names."""
    if appeal.area_id:
        return appeal.area_id, 1.0
    if appeal.lon is not None and appeal.lat is not None:
        found = by_point(appeal.lon, appeal.lat)
        if found is not None:
            return found.pk, 0.9
    matches = by_words(text)
    if matches:
        best = max(matches, key=lambda match: match.confidence)
        return best.area.pk, best.confidence
    return None, 0.0
