"""Work that arrives late: what of it counts, and what is not believed."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client

from tests.cast import Cast, cast
from tests.cities import City, in_threads
from tests.errands.errands import (
    Relay,
    begun_relay,
)
from tests.web.conftest import Browse, text_of
from tests.web.field.phones import (
    AT,
    bought,
    phone_with,
    photo,
    record,
    sent,
    suspend,
    user_of,
)
from yinghu.appeals.models import Appeal
from yinghu.errands import late_work, leg_actions
from yinghu.errands.models import Leg


@pytest.fixture
def task(city: Cast) -> Relay:
    return begun_relay(city)


def test_suspended_helpers_invented_work_reaches_no_requester(task: Relay, browse: Browse) -> None:
    phone = phone_with(task.buy, task.a)
    suspend(browse, task.a)
    # Recorded after the leg was lost: the unit decides what it was.
    answer = sent(phone, record(task.buy, "finish", task.a, words="你活该", paid="99999"))
    assert (answer["ok"], answer["kept"]) == (True, True)
    task.buy.refresh_from_db()
    assert (task.buy.state, task.buy.holder_id) == ("open", None)
    assert task.appeal.events.get(verb="claim").why == "你活该"
    assert "你活该" not in text_of(Client().get(f"/t/{task.appeal.token}"))


def test_step_is_kept_by_the_phone_while_somebody_is_at_the_case(own_city: City) -> None:
    task = begun_relay(cast())
    phone, what = phone_with(task.buy, task.a), bought(task)
    held, sent_once = threading.Event(), threading.Event()
    answers: list[int] = []

    def hold() -> None:
        with transaction.atomic():
            Appeal.objects.select_for_update().get(pk=task.appeal.pk)
            held.set()
            sent_once.wait(60)

    def send() -> None:
        held.wait(60)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        answers.append(phone.post(AT, {**what, "photos": [photo()]}).status_code)
        sent_once.set()

    in_threads(hold, send)
    assert answers == [503]
    assert sent(phone, what)["ok"]
    task.buy.refresh_from_db()
    assert task.buy.state == "done"


def test_phone_of_two_helpers_sends_the_work_of_the_suspended_one(
    task: Relay, browse: Browse
) -> None:
    phone, what = phone_with(task.buy, task.a), bought(task)
    phone.force_login(user_of(task.b))
    assert phone.get("/field").status_code == 200
    assert phone.post(AT, {**what, "photos": [photo()]}).status_code == 409
    suspend(browse, task.a)
    found = phone.get(AT).json()
    assert (found["me"], found["also"]) == (task.b.user_id, [task.a.user_id])
    assert sent(phone, what)["kept"]
    task.buy.refresh_from_db()
    assert (task.buy.state, task.buy.holder_id) == ("done", task.a.user_id)


def test_desk_that_opens_a_helpers_page_is_not_told_that_it_left(browse: Browse) -> None:
    client = browse("clerk")
    page = client.get("/field")
    assert page.status_code == 403
    assert "不在队里" not in text_of(page)
    assert not [name for name in client.cookies if name.startswith("yinghu_helper")]


def test_leg_that_was_given_back_at_once_earns_no_hours(
    task: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = phone_with(task.buy, task.a)
    leg_actions.give_back(task.buy.pk, task.a, why="没空")
    buy = Leg.objects.get(pk=task.buy.pk)
    assert late_work.may_claim(task.a, buy)
    monkeypatch.setattr(late_work, "LATEST", timedelta())
    assert not late_work.may_claim(task.a, buy)
    monkeypatch.undo()
    assert phone.post(f"/field/-/leg/{buy.pk}/claim", {"why": "去过"}).status_code == 302
    mine = Leg.objects.get(errand=buy.errand_id, title__startswith="补报")
    assert mine.holder_id == task.a.user_id
    # Each begun minute counts.
    assert mine.minutes <= 1


def test_shared_phone_tells_nobody_of_the_others_suspension(task: Relay, browse: Browse) -> None:
    phone = phone_with(task.buy, task.a)
    phone.force_login(user_of(task.b))
    assert phone.get("/field").status_code == 200
    suspend(browse, task.a)
    del phone.cookies["yinghu_session"]
    assert phone.get("/field").status_code == 302
