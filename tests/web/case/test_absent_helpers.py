"""Forms ask only about units and helpers that have a part in the case."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, file_one, taken_milk
from tests.web.conftest import Browse, text_of
from tests.web.oversight.test_whistle_forms import form
from yinghu.appeals import actions
from yinghu.oversight import actions as oversight_actions

pytestmark = pytest.mark.django_db


def page(client: Client, address: str) -> str:
    return text_of(client.get(address))


def test_resolving_asks_about_helpers_only_where_some_were_asked(
    browse: Browse, city: Cast
) -> None:
    appeal = taken_milk(city)
    desk, client = f"/desk/case/{appeal.number}", browse("milk-handler")
    assert 'name="words"' in form(page(client, desk), "resolve")
    assert 'name="why"' not in form(page(client, desk), "resolve")
    chosen = {"pick": appeal.number, "verb": "resolve"}
    assert "协办" not in text_of(client.post("/desk/batch", chosen))
    until = timezone.now() + timedelta(days=1)
    oversight_actions.invite(appeal.pk, city.milk, unit="food", until=until, why="送一趟")
    assert "食品组还没有回复协办，不等的理由（内部）" in form(page(client, desk), "resolve")
    assert "协办还没有回复，为什么不等" in text_of(client.post("/desk/batch", chosen))


def test_rating_asks_about_a_unit_only_where_there_was_one(browse: Browse, city: Cast) -> None:
    answered = file_one("居家健康监测期间可以下楼吗")
    actions.answer(answered.pk, city.clerk, words="不可以，三餐由社区安排。")
    clerk = browse("clerk")
    rating = form(page(clerk, f"/desk/case/{answered.number}"), "rate")
    assert 'name="satisfaction"' in rating
    assert "单位联系过诉求人吗" not in rating
    assert "单位没有联系过我" not in page(browse(), f"/t/{answered.token}")
    given = {"solved": "yes", "satisfaction": "yes"}
    assert clerk.post(f"/desk/case/{answered.number}/rate", given).status_code == 302


def test_nobody_is_asked_to_talk_to_helpers_before_there_is_an_errand(
    browse: Browse, city: Cast
) -> None:
    appeal = taken_milk(city)
    client, address = browse("milk-handler"), f"/desk/case/{appeal.number}/errands"
    assert "和帮手说话" not in page(client, address)
    plan = {"template": "one", "title": "上门看看", "kind": "visit"}
    assert client.post(f"{address}/plan", plan).status_code == 302
    assert "和帮手说话" in page(client, address)
