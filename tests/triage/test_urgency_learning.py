"""Judged alarms teach: what was dismissed is not raised again, what was real is."""

from __future__ import annotations

import pytest

from tests.cast import Cast, file_one
from tests.oversight.alarms import look
from yinghu.oversight import alarm_actions
from yinghu.triage.models import TrainedModel
from yinghu.triage.urgency import shipped_model
from yinghu.triage.urgency_learning import judged_texts, learn_urgency, urgency_model
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
    assert (made.decisions, made.accuracy, made.lexicon_accuracy) == (8, 1.0, 0.5)
    assert made.in_use
    assert urgency_model().judge(FILM.format(9)).urgency < 3
    assert urgency_model().judge(FIRE.format(9)).urgency == 3
    assert shipped_model().judge(FILM.format(9)).urgency == 3
    assert not look(file_one(FILM.format(9))).alarmed
    # Nothing new has been judged since.
    assert learn_urgency(some_texts()) is None


def test_nothing_is_learnt_from_unjudged_or_pressed_alarms(city: Cast) -> None:
    look(file_one(FIRE.format(1)))
    pressed = file_one("路灯不亮")
    alarm_actions.alarm(pressed.pk, city.operator, why="电话里喊救命")
    alarm_actions.confirm_alarm(pressed.pk, city.operator)
    assert judged_texts() == []
    assert learn_urgency() is None
    assert not TrainedModel.objects.filter(subject="urgency").exists()
