"""Nightly training of the classifier on the clerks' decisions; used once it beats the lexicon.

Training and held-back decisions are split by a hash of the text, so a decision never changes sides,
and equal texts count once. A model that is not better is stored, but not used.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from yinghu.appeals.actions import CORRECT, SORT
from yinghu.appeals.models import Event
from yinghu.triage import classifier
from yinghu.triage.lexicon import default_reader
from yinghu.triage.models import TrainedModel

MIN_DECISIONS = 200
"""With fewer decisions, a held-back fifth says too little about which of the two is better."""


class Prediction(NamedTuple):
    """The classifier's category for one text, with its confidence, 0 to 1."""

    category: str
    confidence: float
    source: str


def decisions() -> list[tuple[str, str]]:
    """Return (text, category code) of each appeal that a person sorted or corrected last."""
    rows = (
        Event.objects.filter(verb__in=(SORT.name, CORRECT.name), actor_kind="user")
        .exclude(category=None)
        .order_by("appeal", "-seq")
        .distinct("appeal")
        .values_list("appeal__title", "appeal__body", "category_id")
    )
    return [(f"{title}\n{body}" if title else body, code) for title, body, code in rows if code]


def learn() -> TrainedModel | None:
    """Train on all decisions, and use the model if it is better; None with too few decisions."""
    pairs = classifier.distinct(decisions())
    if len(pairs) < MIN_DECISIONS:
        return None
    training, held_back = classifier.split(pairs)
    try:
        model = classifier.train_model(training)
    except classifier.NotEnough:
        return None
    accuracy = classifier.accuracy(model, held_back)
    lexicon_accuracy = classifier.accuracy(default_reader(), held_back)
    with transaction.atomic():
        better = classifier.better(model, default_reader(), held_back)
        if better:
            _of_category().filter(in_use=True).update(in_use=False)
        return TrainedModel.objects.create(
            weights=model.to_bytes(),
            decisions=len(pairs),
            accuracy=accuracy,
            baseline_accuracy=lexicon_accuracy,
            in_use=better,
        )


def predict(texts: Sequence[str]) -> list[Prediction] | None:
    """Classify texts with the model in use; None if there is none."""
    newest = _of_category().filter(in_use=True).order_by("-pk").values_list("pk").first()
    if newest is None or not texts:
        return None
    model = _loaded(newest[0])
    source = f"classifier {newest[0]}"
    return [Prediction(code, sure, source) for code, sure in model.predict(texts)]


def _of_category() -> QuerySet[TrainedModel]:
    return TrainedModel.objects.filter(subject=TrainedModel.Subject.CATEGORY)


@lru_cache(maxsize=1)
def _loaded(pk: int) -> classifier.Model:
    return classifier.Model.from_bytes(bytes(TrainedModel.objects.get(pk=pk).weights))
