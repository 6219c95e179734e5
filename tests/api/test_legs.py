"""Leg verbs by API: by the helper, another helper, a late helper and outsiders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast, file_one, requester
from tests.errands.errands import helper, hospital, legs_of, medicine_case, proof, react_to, relay
from yinghu.appeals.models import Appeal, Event
from yinghu.common import rate_limit
from yinghu.errands import leg_actions
from yinghu.errands.models import Leg
from yinghu.people.access import Actor
from yinghu.people.models import User
from yinghu.people.tokens import new_key

pytestmark = pytest.mark.django_db
Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_flood() -> None:
    rate_limit.buckets.clear()


@pytest.fixture
def errand(city: Cast) -> Appeal:
    """A case for medicine whose errand waits for helpers."""
    relay()
    hospital()
    appeal = medicine_case(city)
    react_to(appeal)
    return appeal


def key_of(actor: Actor) -> str:
    return new_key(User.objects.get(pk=actor.user_id or 0), "test")


def call(key: str, path: str, **given: Any) -> tuple[int, dict[str, Any]]:
    """POST with an API key; return the status and the body."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = Client().post(
        f"/api/v1{path}", given, content_type="application/json", headers=headers
    )
    return answer.status_code, answer.json()


def refused(key: str, path: str, **given: Any) -> tuple[int, str]:
    events = Event.objects.count()
    status, body = call(key, path, **given)
    assert Event.objects.count() == events
    return status, body["code"]


def test_helper_takes_and_finishes_a_leg(errand: Appeal) -> None:
    a = helper("阿东")
    key = key_of(a)
    buy = legs_of(errand)[0]
    status, body = call(key, f"/legs/{buy.pk}/take")
    assert (status, body["event"]["verb"], body["appeal"]) == (200, "take", None)
    # No internal details, and nothing about other helpers who were asked.
    assert not {"facts", "why", "user"} & body["event"].keys()
    assert Leg.objects.get(pk=buy.pk).holder_id == a.user_id
    assert refused(key, f"/legs/{buy.pk}/finish", words="买到了") == (422, "no_photo")
    Leg.objects.filter(pk=buy.pk).update(proof="words")
    assert refused(key, f"/legs/{buy.pk}/finish", words="买到了", paid=-1) == (422, "invalid")
    assert refused(key, f"/legs/{buy.pk}/finish", words="好", colour="red") == (422, "invalid")
    status, body = call(key, f"/legs/{buy.pk}/finish", words="买到了", paid=4250)
    assert (status, body["event"]["words"]) == (200, "买到了")
    done = Leg.objects.get(pk=buy.pk)
    assert (done.state, done.paid) == (Leg.State.DONE, 4250)
    assert refused(key, f"/legs/{buy.pk}/finish", words="买到了") == (409, "done")


def test_helper_cannot_change_a_leg_held_by_another(errand: Appeal) -> None:
    a, b = helper("阿东"), helper("小李")
    buy = legs_of(errand)[0]
    leg_actions.take(buy.pk, a)
    key = key_of(b)
    assert refused(key, f"/legs/{buy.pk}/take") == (409, "gone")
    for verb, given in (("finish", {"words": "好"}), ("give_back", {"why": "不去了"})):
        assert refused(key, f"/legs/{buy.pk}/{verb}", **given) == (409, "not_yours")
    assert refused(key, f"/legs/{buy.pk}/hand_over") == (403, "not_yours")
    for verb in ("drop", "repay"):
        assert refused(key, f"/legs/{buy.pk}/{verb}", why="不办了") == (404, "not_found")
    assert Leg.objects.get(pk=buy.pk).holder_id == a.user_id
    status, body = call(key_of(a), f"/legs/{buy.pk}/give_back", why="临时有事", kept="排到 35 号")
    assert (status, body["event"]["verb"]) == (200, "give_back")
    assert Leg.objects.get(pk=buy.pk).kept == "排到 35 号"


def test_outsiders_and_requesters_cannot_act_on_legs(errand: Appeal, city: Cast) -> None:
    helper("阿东")
    buy = legs_of(errand)[0]
    Leg.objects.filter(appeal=errand).update(opened_at=None)
    verbs: dict[str, dict[str, Any]] = {
        "take": {},
        "give_back": {"why": "x"},
        "hand_over": {},
        "finish": {"words": "x"},
        "drop": {"why": "x"},
        "repay": {},
        "claim": {"paid": 3500},
        "collect_goods": {},
    }
    other = file_one()
    for verb, given in verbs.items():
        path = f"/legs/{buy.pk}/{verb}"
        assert refused("", path, **given) == (401, "no_key")
        assert refused(key_of(city.urban), path, **given) == (404, "not_found")
        assert refused(other.token, path, **given) == (404, "not_found")
        for number in (0, -1, 2**63, 10**30):
            status, _code = refused(key_of(city.commander), f"/legs/{number}/{verb}", **given)
            assert status in (404, 422)
    # The case's own requester sees it, but may not act on its legs.
    assert requester(errand).appeal_id == errand.pk
    assert refused(errand.token, f"/legs/{buy.pk}/take") == (404, "not_found")
    assert refused(errand.token, f"/legs/{buy.pk}/drop", why="x") == (403, "not_allowed")
    for verb in ("repay", "collect_goods"):
        assert refused(errand.token, f"/legs/{buy.pk}/{verb}") == (403, "not_allowed")
    assert refused(errand.token, f"/appeals/{errand.number}/say", why="x") == (403, "not_allowed")
    # An actor without a login does not count as the helper of a leg without a holder.
    assert refused(other.token, f"/appeals/{errand.number}/say", why="x") == (404, "not_found")


def test_desk_can_repay_drop_and_say(errand: Appeal, city: Cast) -> None:
    a = helper("阿东")
    buy, carry = legs_of(errand)
    leg_actions.take(buy.pk, a)
    leg_actions.finish(buy.pk, a, photos=proof(), paid=4250)
    key = key_of(city.dispatcher)
    number = errand.number
    status, body = call(key, f"/legs/{buy.pk}/repay", why="现金")
    assert (status, body["event"]["why"], body["appeal"]["number"]) == (200, "现金", number)
    assert refused(key, f"/legs/{buy.pk}/repay") == (409, "repaid")
    assert refused(key, f"/legs/{carry.pk}/drop") == (422, "invalid")
    status, body = call(key, f"/legs/{carry.pk}/drop", why="家里找到了药")
    assert (status, body["event"]["facts"]["titles"]) == (200, [carry.title])
    assert refused(key, f"/legs/{carry.pk}/drop", why="再取消") == (409, "gone")
    status, body = call(key, f"/appeals/{number}/say", why="门口见")
    assert (status, body["event"]["verb"]) == (200, "say")
    assert refused(key_of(city.urban), f"/appeals/{number}/say", why="x") == (404, "not_found")
