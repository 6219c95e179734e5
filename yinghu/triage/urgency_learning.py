"""The model of urgency in use: the shipped one, or one that also learnt from judged alarms.

Every night, texts whose alarm somebody judged are added to those that the shipped model was trained
on. The new model is used only if a trial shows that it judges no worse: one on four fifths of all
texts, with and without the judged ones, on the fifth that is held back.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from itertools import chain
from typing import Final, NamedTuple

import structlog
from django.db import transaction

from yinghu.appeals.models import Event
from yinghu.appeals.states import Urgency
from yinghu.common.privacy.masking import without_numbers
from yinghu.triage.models import TrainedModel
from yinghu.triage.urgency import SHIPPED, BadUrgencyModel, UrgencyModel, shipped_model
from yinghu.triage.urgency_training import (
    WEIGHT_OF_REPORTED,
    LabelledText,
    train,
    written_texts,
)

log = structlog.get_logger(__name__)

MIN_JUDGED: Final = 5
"""With fewer judged alarms there is nothing to learn yet."""
MAY_LOSE: Final = 0.01
"""Recall and precision of danger on written texts that a new model may lose."""
_ALARM, _CONFIRM, _DISMISS = "alarm", "confirm_alarm", "dismiss_alarm"
_JUDGING: Final = (_CONFIRM, _DISMISS, "sort", "correct")
_HELD_BACK: Final = 5
"""One text of so many is held back in the trial."""


class _Quality(NamedTuple):
    recall: float
    precision: float
    on_judged: float
    """Share of judged texts that are read as danger or not as the person judged."""


def judged_texts() -> list[LabelledText]:
    """Return the texts whose words raised an alarm, with the urgency of the first judgement.

    Alarms that were raised by a chosen answer, or because a case was registered as 危急, are left
    out: their texts were not read as danger.
    """
    alarms = Event.objects.filter(verb=_ALARM, actor_kind="system")
    events = (
        Event.objects.filter(appeal__in=alarms.values("appeal"))
        .filter(verb__in=(_ALARM, *_JUDGING))
        .select_related("appeal")
        .order_by("appeal", "seq")
    )
    found = []
    for alarm, level in _judgements(events):
        read = alarm.facts.get("read", 1)
        said = alarm.appeal.events.filter(seq=read).values_list("words", flat=True).first()
        text = alarm.appeal.full_text if read == 1 else said or ""
        words = alarm.facts.get("words", ())
        if words and all(word in without_numbers(text) for word in words):
            found.append(LabelledText(text, level, WEIGHT_OF_REPORTED))
    return found


def _judgements(events: Iterable[Event]) -> Iterator[tuple[Event, int]]:
    """Yield alarms that the platform raised, each with the urgency that a person then gave it."""
    alarm: Event | None = None
    for event in events:
        if event.verb == _ALARM:
            alarm = event if event.actor_kind == "system" else None
            continue
        level = event.facts.get("urgency")
        if event.verb == _CONFIRM:
            level = Urgency.EMERGENCY.value
        if alarm is None or alarm.appeal_id != event.appeal_id or event.actor_kind != "user":
            continue
        if event.verb == _DISMISS:
            level = min(alarm.facts["was"], Urgency.URGENT.value)
        if level is not None:
            yield alarm, level
            alarm = None


def learn_urgency(texts: Sequence[LabelledText] = ()) -> TrainedModel | None:
    """Train on `texts`, by default those written for it, and the judged ones; None if there is
    nothing new to learn.
    """
    judged = judged_texts()
    known = TrainedModel.objects.filter(subject=TrainedModel.Subject.URGENCY).order_by("pk").last()
    since = (known.decisions, known.base) if known is not None else None
    if len(judged) < MIN_JUDGED or since == (len(judged), _shipped_version()):
        return None
    written = list(texts or chain.from_iterable(written_texts().values()))
    before, after = _trial(written, judged)
    is_no_worse = (
        after.recall >= before.recall - MAY_LOSE
        and after.precision >= before.precision - MAY_LOSE
        and after.on_judged >= before.on_judged
    )
    model = train([*written, *judged])
    with transaction.atomic():
        # What was learnt beside an earlier shipped model is not used with this one.
        TrainedModel.objects.filter(subject=TrainedModel.Subject.URGENCY).update(in_use=False)
        return TrainedModel.objects.create(
            subject=TrainedModel.Subject.URGENCY,
            weights=model.to_bytes(),
            decisions=len(judged),
            accuracy=after.on_judged,
            baseline_accuracy=before.on_judged,
            base=_shipped_version(),
            in_use=is_no_worse,
        )


def _trial(written: list[LabelledText], judged: list[LabelledText]) -> tuple[_Quality, _Quality]:
    """Train without and with the judged texts, and judge what was held back with both."""
    kept, held = _split(written)
    kept_judged, held_judged = _split(judged)
    without, with_judged = train(kept), train([*kept, *kept_judged])
    return _quality(without, held, held_judged), _quality(with_judged, held, held_judged)


def _split(texts: Iterable[LabelledText]) -> tuple[list[LabelledText], list[LabelledText]]:
    """Split by a hash of the text, so that equal texts stay on one side."""
    kept: list[LabelledText] = []
    held: list[LabelledText] = []
    for each in texts:
        digest = sha256(each.text.encode()).digest()
        (held if digest[0] % _HELD_BACK == 0 else kept).append(each)
    return kept, held


def _quality(
    model: UrgencyModel, written: list[LabelledText], judged: list[LabelledText]
) -> _Quality:
    danger = Urgency.EMERGENCY
    read = [(model.judge(each.text).urgency == danger, each.level == danger) for each in written]
    right = sum(got and is_danger for got, is_danger in read)
    dangers, raised = sum(is_danger for _got, is_danger in read), sum(got for got, _is in read)
    as_judged = [
        (model.judge(each.text).urgency == danger) == (each.level == danger) for each in judged
    ]
    return _Quality(
        right / dangers if dangers else 1.0,
        right / raised if raised else 1.0,
        sum(as_judged) / len(as_judged) if as_judged else 1.0,
    )


@cache
def _shipped_version() -> str:
    return sha256(SHIPPED.read_bytes()).hexdigest()


def urgency_model() -> UrgencyModel:
    """Return the model in use, in one query."""
    in_use = TrainedModel.objects.filter(
        subject=TrainedModel.Subject.URGENCY, in_use=True, base=_shipped_version()
    )
    newest = in_use.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return shipped_model()
    try:
        return _loaded(newest)
    except BadUrgencyModel:
        log.exception("bad_urgency_model", model=newest)
        return shipped_model()


@lru_cache(maxsize=1)
def _loaded(pk: int) -> UrgencyModel:
    return UrgencyModel.from_bytes(bytes(TrainedModel.objects.get(pk=pk).weights))
