"""Concurrent calls: one accept wins, a repeated filing is one appeal, others stay separate."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.api.conftest import Api
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.intake.models import Message
from yinghu.people.models import Post, Role, Unit, User


def at_once(api: Api, calls: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
    """POST each (who, path, body) from a thread of its own."""
    for who, _path, _body in calls:
        api.key(who)

    def call(given: tuple[str, str, dict[str, Any]]) -> httpx.Response:
        who, path, body = given
        return httpx.post(
            f"{api.url}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {api.keys[who]}"},
            timeout=60,
            trust_env=False,
        )

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


def test_one_of_twenty_concurrent_accepts_wins(api: Api) -> None:
    filed = api.reach("assigned")
    milk = Unit.objects.get(code="milk")
    names = [f"helper-{number}" for number in range(20)]
    for name in names:
        user = User.objects.create_user(name)
        Post.objects.create(user=user, unit=milk, role=Role.VOLUNTEER)
    path = f"/appeals/{filed['number']}/accept"
    answers = at_once(api, [(name, path, {}) for name in names])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 19}
    appeal = Appeal.objects.get(pk=filed["id"])
    winner = next(n for n, a in zip(names, answers, strict=True) if a.status_code == 200)
    assert appeal.holder is not None
    assert appeal.holder.username == winner
    assert Event.objects.filter(appeal=appeal, verb="accept").count() == 1


def test_twenty_concurrent_copies_of_a_filing_make_one_appeal(api: Api) -> None:
    body = {"body": "救命，药没有了", "external_id": "same"}
    answers = at_once(api, [("operator", "/appeals", body)] * 20)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Appeal.objects.count() == Message.objects.count() == 1
    assert Event.objects.count() == 1
    assert Clock.objects.count() == 2


def test_concurrent_filings_keep_their_sender_and_body(api: Api) -> None:
    calls = [
        (who, "/appeals", {"body": f"{who} {number}", "external_id": str(number)})
        for who in ("operator", "clerk", "dispatcher", "commander")
        for number in range(8)
    ]
    answers = at_once(api, calls)
    assert {answer.status_code for answer in answers} == {201}
    for (who, _path, body), answer in zip(calls, answers, strict=True):
        appeal = Appeal.objects.get(pk=answer.json()["id"])
        assert appeal.body == body["body"]
        event = appeal.events.get()
        assert event.user is not None
        assert event.user.username == who
