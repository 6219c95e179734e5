"""The model of urgency in use: the shipped one, or one that also learnt from judged alarms.

Every night, texts whose alarm somebody judged are added to those that the shipped model was trained
on. The new model is used if it judges them no worse than the shipped one.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from django.db import transaction

from yinghu.appeals.models import Event
from yinghu.appeals.states import Urgency
from yinghu.triage.models import TrainedModel
from yinghu.triage.urgency import UrgencyModel, shipped_model
from yinghu.triage.urgency_training import (
    WEIGHT_OF_REPORTED,
    LabelledText,
    train,
    written_texts,
)

MIN_JUDGED = 5
"""With fewer judged alarms there is nothing to learn yet."""
_JUDGING = ("confirm_alarm", "dismiss_alarm", "sort", "correct")


def judged_texts() -> list[LabelledText]:
    """Return the texts that raised an alarm by themselves, with the urgency that a person gave.

    The urgency is the case's present one; what was dismissed is no danger.
    """
    alarms = (
        Event.objects.filter(verb="alarm", actor_kind="system", appeal__alarmed=False)
        .filter(appeal__events__verb__in=_JUDGING, appeal__events__actor_kind="user")
        .select_related("appeal")
        .order_by("pk")
        .distinct()
    )
    found = []
    for alarm in alarms:
        appeal = alarm.appeal
        read = alarm.facts.get("read", 1)
        said = appeal.events.filter(seq=read).values_list("words", flat=True).first()
        text = appeal.full_text if read == 1 else said
        if text:
            found.append(LabelledText(text, Urgency(appeal.urgency).value, WEIGHT_OF_REPORTED))
    return found


def learn_urgency(texts: Sequence[LabelledText] = ()) -> TrainedModel | None:
    """Train on `texts`, by default those written for it, and the judged ones; None if there is
    nothing new to learn.
    """
    judged = judged_texts()
    known = TrainedModel.objects.filter(subject=TrainedModel.Subject.URGENCY).order_by("pk").last()
    if len(judged) < MIN_JUDGED or (known is not None and known.decisions == len(judged)):
        return None
    model = train([*(texts or chain.from_iterable(written_texts().values())), *judged])
    ours, shipped = _share_right(model, judged), _share_right(shipped_model(), judged)
    with transaction.atomic():
        if ours >= shipped:
            TrainedModel.objects.filter(subject=TrainedModel.Subject.URGENCY).update(in_use=False)
        return TrainedModel.objects.create(
            subject=TrainedModel.Subject.URGENCY,
            weights=model.to_bytes(),
            decisions=len(judged),
            accuracy=ours,
            lexicon_accuracy=shipped,
            in_use=ours >= shipped,
        )


def _share_right(model: UrgencyModel, texts: list[LabelledText]) -> float:
    danger = Urgency.EMERGENCY
    right = [(model.judge(each.text).urgency == danger) == (each.level == danger) for each in texts]
    return sum(right) / len(right)


def urgency_model() -> UrgencyModel:
    """Return the model in use, in one query."""
    in_use = TrainedModel.objects.filter(subject=TrainedModel.Subject.URGENCY, in_use=True)
    newest = in_use.order_by("-pk").values_list("pk", flat=True).first()
    return _loaded(newest) if newest is not None else shipped_model()


@lru_cache(maxsize=1)
def _loaded(pk: int) -> UrgencyModel:
    return UrgencyModel.from_bytes(bytes(TrainedModel.objects.get(pk=pk).weights))
