"""Judged alarms teach: what was dismissed is not raised again, what was real is."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.cast import Cast, file_one, requester
from tests.oversight.alarms import look
from yinghu.appeals import actions, handling_actions
from yinghu.oversight import alarm_actions
from yinghu.triage.models import TrainedModel
from yinghu.triage.urgency import SHIPPED, shipped_model
from yinghu.triage.urgency_learning import (
    MIN_JUDGED,
    judged_texts,
    learn_urgency,
    urgency_model,
)
from yinghu.triage.urgency_training import REPORTED, LabelledText, written_texts

pytestmark = pytest.mark.django_db

FILM = "影视城{}号棚拍戏，楼上着火了，有人从窗户跳下来"
FIRE = "{}号楼三楼着火了，有人被困没出来"


def some_texts() -> list[LabelledText]:
    """A part of the texts, on which training takes a second instead of ten."""
    found = written_texts()
    return [*found[REPORTED], *found["c"]]


def test_dismissed_and_confirmed_alarms_are_learnt(city: Cast) -> None:
    for number in range(1, 5):
        film, fire = look(file_one(FILM.format(number))), look(file_one(FIRE.format(number)))
        assert (film.alarmed, fire.alarmed) == (True, True)
        alarm_actions.dismiss_alarm(film.pk, city.clerk)
        alarm_actions.confirm_alarm(fire.pk, city.clerk)
    assert sorted(each.level for each in judged_texts()) == [1] * 4 + [3] * 4
    made = learn_urgency(some_texts())
    assert made is not None
    assert (made.decisions, made.in_use) == (8, True)
    assert urgency_model().judge(FILM.format(9)).urgency < 3
    assert urgency_model().judge(FIRE.format(9)).urgency == 3
    assert shipped_model().judge(FILM.format(9)).urgency == 3
    assert not look(file_one(FILM.format(9))).alarmed
    # Nothing new has been judged since.
    assert learn_urgency(some_texts()) is None


def test_each_alarm_is_learnt_as_it_was_judged(city: Cast) -> None:
    appeal = look(file_one(FILM.format(1)))
    alarm_actions.dismiss_alarm(appeal.pk, city.clerk)
    handling_actions.supply(appeal.pk, requester(appeal), words=FIRE.format(1))
    alarm_actions.confirm_alarm(look(appeal).pk, city.clerk)
    by_sorting = look(file_one(FIRE.format(2)))
    actions.sort(by_sorting.pk, city.clerk, category="urban", urgency=2)
    by_answer = look(file_one("要去中心医院", category="medical", answers={"reason": "急症"}))
    assert by_answer.alarmed
    alarm_actions.confirm_alarm(by_answer.pk, city.clerk)
    assert [(each.text, each.level) for each in judged_texts()] == [
        (FILM.format(1), 1),
        (FIRE.format(1), 3),
        (FIRE.format(2), 2),
    ]


def test_false_judgements_do_not_teach_to_miss_dangers(city: Cast) -> None:
    dangers = [each for each in some_texts() if each.level == 3 and "火" in each.text]
    wrong = 0
    for each in dangers:
        appeal = look(file_one(each.text))
        if appeal.alarmed:
            wrong += 1
            alarm_actions.dismiss_alarm(appeal.pk, city.clerk)
    assert wrong > MIN_JUDGED
    made = learn_urgency(some_texts())
    assert made is not None
    assert not made.in_use
    assert urgency_model() is shipped_model()


def test_model_beside_another_shipped_one_or_a_broken_one_is_not_used(city: Cast) -> None:
    kept = {"subject": "urgency", "decisions": 9, "accuracy": 1, "baseline_accuracy": 1}
    TrainedModel.objects.create(**kept, base="another", weights=b"", in_use=True)
    assert urgency_model() is shipped_model()
    of_today = sha256(SHIPPED.read_bytes()).hexdigest()
    TrainedModel.objects.create(**kept, base=of_today, weights=b"broken", in_use=True)
    assert look(file_one(FIRE.format(1))).alarmed


def test_nothing_is_learnt_from_unjudged_or_pressed_alarms(city: Cast) -> None:
    look(file_one(FIRE.format(1)))
    pressed = file_one("路灯不亮")
    alarm_actions.alarm(pressed.pk, city.operator, why="电话里喊救命")
    alarm_actions.confirm_alarm(pressed.pk, city.operator)
    assert judged_texts() == []
    assert learn_urgency() is None
    assert not TrainedModel.objects.filter(subject="urgency").exists()
