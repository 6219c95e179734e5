"""The API, like the pages, does not show internal steps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.api.test_secrets import Ask, ask, key_of  # noqa: F401  # a fixture
from tests.cast import Cast, taken_milk
from tests.oversight.test_rulings import login
from tests.oversight.test_whistles import at_community, call, elements
from tests.web.conftest import Browse, browse, text_of  # noqa: F401  # a fixture
from yinghu.appeals import closing_actions
from yinghu.appeals.models import Appeal
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import whistle_actions
from yinghu.oversight.models import Summons

pytestmark = pytest.mark.django_db


def test_requester_sees_no_internal_events(
    ask: Ask,  # noqa: F811  # the fixture
    city: Cast,
) -> None:
    appeal = at_community(city)
    community, health = login("community-head"), login("health-handler")
    until = timezone.now() + timedelta(days=1)
    oversight_actions.supervise(appeal.pk, city.commander, until=until, why="盯紧他")
    oversight_actions.account(appeal.pk, community, why="已经在办")
    oversight_actions.invite(appeal.pk, community, unit="bureau-urban", until=until, why="看违建")
    oversight_actions.reply(appeal.pk, city.urban, why="不是违建")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    whistle_actions.contest(appeal.pk, health, why="不归我们")
    whistle_actions.report_in(appeal.pk, health)
    whistle_actions.measures(appeal.pk, health, **elements())
    whistle_actions.grade(appeal.pk, community, unit="bureau-health", satisfaction="no")
    oversight_actions.lift(appeal.pk, city.commander, why="办得差不多了")
    status, seen = ask(appeal.token, f"/appeals/{appeal.number}")
    assert status == 200
    assert [event["verb"] for event in seen["events"]] == [
        "file",
        "sort",
        "assign",
        "accept",
        "invite",
        "whistle",
        "report_in",
    ]


def test_volunteer_does_not_see_spoken_to(
    ask: Ask,  # noqa: F811  # the fixture
    browse: Browse,  # noqa: F811  # the fixture
    city: Cast,
) -> None:
    appeal = taken_milk(city)
    Appeal.objects.filter(pk=appeal.pk).update(area="330782008001003")
    whistle_actions.whistle(appeal.pk, city.milk, **call(units=["bureau-health"]))
    health = login("health-handler")
    whistle_actions.report_in(appeal.pk, health)
    whistle_actions.measures(appeal.pk, health, **elements(spoken_to="老王13812345678"))
    _status, seen = ask(key_of("volunteer"), f"/appeals/{appeal.number}")
    assert "老王" not in str(seen)
    assert "老王" not in text_of(browse("volunteer").get(f"/desk/case/{appeal.number}"))
    assert "老王" in text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))


def test_text_of_a_result_is_cleaned(ask: Ask, city: Cast) -> None:  # noqa: F811  # the fixture
    appeal = taken_milk(city)
    turned = "已送到\u202e楼下\u200b"
    status, seen = ask(
        key_of("milk-handler"), f"/appeals/{appeal.number}/resolve", {"words": turned}
    )
    assert status == 200
    assert seen["appeal"]["result"] == seen["event"]["words"] == "已送到楼下"
    closing_actions.reopen(appeal.pk, city.clerk, words="没有收到")


def test_text_of_measures_is_cleaned(city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    whistle_actions.report_in(appeal.pk, login("health-handler"))
    whistle_actions.measures(appeal.pk, login("health-handler"), **elements(why="要求\u202e加装"))
    assert Summons.objects.get().measures == "要求加装"
