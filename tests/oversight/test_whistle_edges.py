"""Whistle edge cases: one login in several units, a case that moves to a called unit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast, taken_milk
from tests.oversight.clock import pass_time
from tests.oversight.test_rulings import login, refused
from tests.oversight.test_whistles import at_community, call, elements, waiting
from yinghu import verbs
from yinghu.appeals import actions
from yinghu.appeals.models import Event
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import whistle_actions
from yinghu.oversight.models import Summons
from yinghu.oversight.whistle_actions import WHISTLE
from yinghu.oversight.whistle_figures import answering

pytestmark = pytest.mark.django_db

TWO = ["bureau-environment", "bureau-transport"]
"""Two units in which one demo login has posts."""


def test_login_of_several_called_units_names_the_unit(city: Cast) -> None:
    appeal = at_community(city)
    bureau = login("bureau-handler")
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=TWO))
    whistle_actions.contest(appeal.pk, bureau, unit="bureau-transport", why="不归交通")
    whistle_actions.report_in(appeal.pk, bureau, unit="bureau-environment")
    came = dict(Summons.objects.values_list("unit__code", "reported_at"))
    assert came["bureau-environment"] is not None
    assert came["bureau-transport"] is None
    assert ("contest", "bureau-transport") in waiting(appeal)
    # They cannot report in for another unit.
    refused("nothing_to", whistle_actions.report_in, appeal, bureau, unit="bureau-health")
    whistle_actions.report_in(appeal.pk, bureau, unit="bureau-transport")
    whistle_actions.measures(appeal.pk, bureau, unit="bureau-transport", **elements())
    assert Summons.objects.get(unit__code="bureau-environment").measures == ""
    assert Summons.objects.get(unit__code="bureau-transport").measures != ""


def test_called_unit_that_receives_the_case_can_report_in(city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["town-futian"]))
    oversight_actions.escalate(appeal.pk, login("community-head"), why="社区办不了")
    appeal.refresh_from_db()
    assert appeal.unit is not None
    assert appeal.unit.code == "town-futian"
    whistle_actions.report_in(appeal.pk, city.town_head)
    whistle_actions.measures(appeal.pk, city.town_head, **elements())
    assert waiting(appeal) == {("grade", "community-futian")}


def test_time_of_a_contest_does_not_count(city: Cast) -> None:
    appeal = at_community(city)
    community, health = login("community-head"), login("health-handler")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    whistle_actions.contest(appeal.pk, health, why="不归我们")
    pass_time(3, appeal)
    early: dict[str, Any] = {"unit": "bureau-health", "satisfaction": "no"}
    # Until the command has ruled, the unit cannot be graded.
    refused("too_early", whistle_actions.grade, appeal, community, **early)
    whistle_actions.judge(appeal.pk, city.commander, unit="bureau-health", agree=False, why="要来")
    refused("too_early", whistle_actions.grade, appeal, community, **early)
    pass_time(1, appeal)
    event = whistle_actions.report_in(appeal.pk, health)
    assert event.facts["late"] is False
    assert answering(timezone.now())[0].on_time == 1


def test_report_in_after_a_contest_can_be_late(city: Cast) -> None:
    appeal = at_community(city)
    health = login("health-handler")
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    whistle_actions.contest(appeal.pk, health, why="不归我们")
    whistle_actions.judge(appeal.pk, city.commander, unit="bureau-health", agree=False, why="要来")
    pass_time(3, appeal)
    assert whistle_actions.report_in(appeal.pk, health).facts["late"] is True
    assert answering(timezone.now())[0].on_time == 0


def test_report_in_from_far_away_is_marked(city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    event = whistle_actions.report_in(appeal.pk, login("health-handler"), point="120.2,29.4")
    assert event.facts["away"] is True
    near = whistle_actions.report_in(appeal.pk, login("bureau-handler"), point="120.1037,29.3413")
    assert near.facts["away"] is False


def test_volunteer_holding_a_case_cannot_whistle(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.hand(appeal.pk, city.milk, user="volunteer")
    refused("not_allowed", whistle_actions.whistle, appeal, city.volunteer, **call())
    assert not Event.objects.filter(appeal=appeal, verb=WHISTLE.name).exists()
    assert WHISTLE not in verbs.available(appeal, city.volunteer)


def test_whistle_deadline_must_be_in_the_future(city: Cast) -> None:
    appeal = at_community(city)
    past = call(until=timezone.now() - timedelta(minutes=1))
    refused("past", whistle_actions.whistle, appeal, login("community-head"), **past)
    assert waiting(appeal) == set()
