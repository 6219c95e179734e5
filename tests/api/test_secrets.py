"""Attempts to obtain a requester's phone number through the API fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast, file_one
from yinghu.api import auth
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.common.rate_limit import buckets
from yinghu.people.models import Post, User
from yinghu.people.tokens import new_key
from yinghu.triage import search

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    buckets.clear()
    yield
    buckets.clear()


@pytest.fixture
def ask(city: Cast) -> Ask:
    """`ask(key, path, body)`: GET, or POST if there is a body; returns (status, JSON)."""

    def call(key: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {key}"}
        client = Client(headers=headers)
        address = f"/api/v1{path}"
        if body is None:
            answer = client.get(address)
        else:
            answer = client.post(address, body, content_type="application/json")
        return answer.status_code, answer.json()

    return call


def key_of(username: str) -> str:
    return new_key(User.objects.get(username=username), "test")


def free_milk(city: Cast, body: str, **given: object) -> Appeal:
    appeal = file_one(body, **given)
    actions.sort(appeal.pk, city.clerk, category="milk", why="内部：疑似同一人")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    return appeal


def test_volunteer_sees_no_requester_reasons_or_numbers(ask: Ask, city: Cast) -> None:
    appeal = free_milk(city, "长" * 54 + "13812345678", answers={"tel": 13812345678, "cans": 2})
    handling_actions.note(appeal.pk, city.clerk, why="回拨13812345678")
    actions.accept(appeal.pk, city.milk)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到，联系138，1234，5678")
    Appeal.objects.filter(pk=appeal.pk).update(lon=120.07, lat=29.3)
    path = f"/appeals/{appeal.number}"
    status, seen = ask(key_of("volunteer"), path)
    assert status == 200
    assert "requester" not in seen
    assert seen["answers"] == {"tel": "138****78", "cans": 2}
    assert seen["result"] == "已送到，联系138****78"
    assert all("why" not in event for event in seen["events"])
    assert "note" not in [event["verb"] for event in seen["events"]]
    for secret in ("13812", "1234", "王**", "疑似同一人"):
        assert secret not in str(seen)
    _status, listed = ask(key_of("volunteer"), "/appeals")
    assert "13812" not in str(listed)
    for inside in ("milk-handler", "clerk", "volunteer"):
        _status, seen = ask(key_of(inside), path)
        assert not {"lon", "lat"} & set(seen)
    _status, seen = ask(key_of("clerk"), path)
    assert seen["requester"]["phone"] == "138****5678"
    assert "内部：疑似同一人" in [event["why"] for event in seen["events"]]


def test_digit_search_is_for_desks_only_and_rate_limited(
    ask: Ask, city: Cast, settings: Settings
) -> None:
    appeal = free_milk(city, "没有奶粉了，打13812345678给我")
    search.index([appeal])
    for who in ("volunteer", "milk-handler", "town-head"):
        key = key_of(who)
        assert ask(key, "/appeals?phone=13812345678")[0] == 403
        assert ask(key, "/appeals?q=13812345678")[1]["items"] == []
        assert ask(key, "/appeals?q=1381234567")[1]["items"] == []
    settings.RATE_LIMITS = {"phone": (2, 60.0)}
    key = key_of("commander")
    answers = [ask(key, "/appeals?phone=13812345678") for _turn in range(3)]
    assert [status for status, _said in answers] == [200, 200, 429]
    assert answers[0][1]["items"][0]["number"] == appeal.number
    assert answers[-1][1]["code"] == "flood"
    assert len(ask(key_of("clerk"), "/appeals?q=13812345678")[1]["items"]) == 1


def test_word_search_is_rate_limited_per_login(ask: Ask, city: Cast, settings: Settings) -> None:
    settings.RATE_LIMITS = {"words": (2, 60.0)}
    mine, other = key_of("volunteer"), key_of("clerk")
    assert [ask(mine, "/appeals?q=奶粉")[0] for _turn in range(3)] == [200, 200, 429]
    assert ask(mine, "/appeals")[0] == 200
    assert ask(other, "/appeals?q=奶粉")[0] == 200


def test_key_is_invalid_without_an_active_post(ask: Ask, city: Cast) -> None:
    key = key_of("operator")
    assert ask(key, "/appeals")[0] == 200
    Post.objects.filter(user__username="operator").update(active=False)
    # At once, although the key was cached.
    status, said = ask(key, "/appeals")
    assert (status, said["code"]) == (401, "bad_key")
    assert auth.look_up(key) is None


def test_actions_by_tracking_token_are_rate_limited(
    ask: Ask, city: Cast, settings: Settings
) -> None:
    settings.RATE_LIMITS = {"act": (3, 60.0)}
    one, other = file_one(), file_one()
    path = f"/appeals/{one.number}/supply"
    answers = [ask(one.token, path, {"words": f"补充{turn}"}) for turn in range(4)]
    assert [status for status, _said in answers] == [200, 200, 200, 429]
    assert answers[-1][1]["code"] == "flood"
    # From another address the appeal's limit applies; from this one also that of the address.
    far = Client(headers={"Authorization": f"Bearer {one.token}"}, REMOTE_ADDR="203.0.113.77")
    body = {"words": "再补充"}
    answer = far.post(f"/api/v1{path}", body, content_type="application/json")
    assert answer.status_code == 429
    assert ask(other.token, f"/appeals/{other.number}/supply", body)[0] == 429
    assert one.events.count() == 4
