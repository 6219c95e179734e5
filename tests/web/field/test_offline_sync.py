"""Steps recorded offline: carried out once, or refused with a message for the phone to show."""

from __future__ import annotations

import os
import threading
import time
import uuid
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from tests.cast import Cast, cast
from tests.cities import City, in_threads
from tests.errands.errands import (
    Relay,
    begun_relay,
    helper,
    legs_of,
)
from tests.web.conftest import Browse
from yinghu.appeals.models import Attachment
from yinghu.errands import leg_actions
from yinghu.errands.actions import SAY
from yinghu.errands.leg_actions import FINISH, HAND_OVER
from yinghu.errands.models import FieldRecord, Leg
from yinghu.people.access import Actor
from yinghu.people.models import User
from yinghu.web.field import offline_sync

AT = "/field/-/records"
HOME = "330782001004001"


@pytest.fixture
def task(city: Cast) -> Relay:
    return begun_relay(city)


def phone_of(actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.user_id or 0))
    return client


def photo() -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, "JPEG")
    return SimpleUploadedFile("收据.jpg", out.getvalue(), "image/jpeg")


def record(leg: Leg, verb: str, actor: Actor, **more: Any) -> dict[str, Any]:
    now = int(time.time() * 1000)
    ours = {"key": str(uuid.uuid4()), "leg": leg.pk, "verb": verb, "at": now, "now": now}
    return {**ours, "me": actor.user_id, **more}


def sent(client: Client, what: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Post a record with new photos each time, because a file that was read is at its end."""
    files = {"photos": [photo() for _each in range(what["photos"])]} if "photos" in what else {}
    page = client.post(AT, {**what, **files})
    answer: dict[str, Any] = page.json()
    return page.status_code, answer


def files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_records_require_a_login_and_csrf_token(task: Relay, browse: Browse) -> None:
    assert browse().get(AT).status_code == 401
    found = phone_of(task.a).get(AT)
    assert found.json()["me"] == task.a.user_id
    guarded = Client(enforce_csrf_checks=True)
    guarded.force_login(User.objects.get(pk=task.a.user_id or 0))
    what = record(task.buy, "touch", task.a)
    assert guarded.post(AT, what).status_code == 403
    token = guarded.get(AT).json()["token"]
    answer = guarded.post(AT, what, headers={"X-CSRFToken": token})
    assert answer.json() == {"ok": True, "said": "好的，知道您在办"}


def test_repeated_records_are_carried_out_once(task: Relay) -> None:
    a, b = phone_of(task.a), phone_of(task.b)
    steps = [
        (a, record(task.buy, "say", task.a, words="排到 35 号了")),
        (a, record(task.buy, "finish", task.a, words="买好了", paid="42.5", photos=2)),
        (a, record(task.gate, "hand_over", task.a)),
        (b, record(task.gate, "hand_over", task.b)),
        (b, record(task.carry, "finish", task.b, photos=1)),
    ]
    for client, what in steps:
        answers = [sent(client, what) for _time in range(3)]
        assert answers[0][0] == 200
        assert answers[0][1]["ok"] is True
        assert answers[1] == answers[2] == answers[0]
    for verb, many in ((SAY, 1), (FINISH, 2), (HAND_OVER, 2)):
        assert task.appeal.events.filter(verb=verb.name).count() == many
    assert Attachment.objects.filter(appeal=task.appeal).count() == len(files()) == 3
    assert {leg.state for leg in legs_of(task.appeal)} == {"done"}
    task.buy.refresh_from_db()
    assert task.buy.paid == 4250
    assert FieldRecord.objects.count() == len(steps)


def test_concurrent_copies_of_a_record_are_carried_out_once(own_city: City) -> None:
    task = begun_relay(cast())
    what = record(task.buy, "finish", task.a, words="买好了", photos=1)
    clients = [phone_of(task.a) for _each in range(5)]
    together = threading.Barrier(len(clients))
    answers: list[tuple[int, dict[str, Any]]] = []

    def press(client: Client) -> None:
        together.wait()
        answers.append(sent(client, what))

    in_threads(*(lambda client=client: press(client) for client in clients))
    assert answers == [(200, {"ok": True, "said": "这一程办完了，辛苦了"})] * len(clients)
    assert task.appeal.events.filter(verb=FINISH.name).count() == 1
    assert Attachment.objects.filter(appeal=task.appeal).count() == len(files()) == 1
    assert FieldRecord.objects.count() == 1


def test_early_hand_over_can_be_retried(task: Relay) -> None:
    a, b = phone_of(task.a), phone_of(task.b)
    early = record(task.gate, "hand_over", task.b)
    status, answer = sent(b, early)
    assert (status, answer["ok"], answer["code"], answer["again"]) == (
        200,
        False,
        "too_early",
        True,
    )
    assert not FieldRecord.objects.exists()
    sent(a, record(task.buy, "finish", task.a, photos=1))
    assert sent(b, early)[1]["ok"] is True


def test_repeated_hand_over_succeeds_without_a_second_event(task: Relay) -> None:
    a = phone_of(task.a)
    sent(a, record(task.buy, "finish", task.a, photos=1))
    assert sent(a, record(task.gate, "hand_over", task.a))[1]["ok"] is True
    assert sent(a, record(task.gate, "hand_over", task.a))[1]["ok"] is True
    assert task.appeal.events.filter(verb=HAND_OVER.name).count() == 1


def test_final_refusal_is_repeated_for_the_same_record(task: Relay) -> None:
    a = phone_of(task.a)
    bare = record(task.buy, "finish", task.a, words="忘了拍照")
    first = sent(a, bare)
    assert (first[0], first[1]["ok"], first[1]["code"]) == (200, False, "no_photo")
    # The same record gets the same answer, even if it would succeed now.
    assert sent(a, {**bare, "photos": 1}) == first
    assert files() == []
    assert Leg.objects.get(pk=task.buy.pk).state == "taken"
    broken = record(task.buy, "finish", task.a)
    page = a.post(AT, {**broken, "photos": SimpleUploadedFile("x.jpg", b"no photo")})
    assert page.json()["code"] == "bad_photo"
    assert sent(a, record(task.buy, "finish", task.a, photos=7))[1]["code"] == "too_many_photos"
    assert sent(a, record(task.buy, "finish", task.a, paid="四十"))[1]["code"] == "bad_money"
    assert sent(a, record(task.buy, "say", task.a, words=" "))[1]["code"] == "missing"
    assert files() == []
    assert sent(a, record(task.buy, "finish", task.a, photos=1))[1]["ok"] is True


def test_record_for_a_leg_that_another_helper_has_is_kept(task: Relay) -> None:
    a = phone_of(task.a)
    buy = Leg.objects.get(pk=task.buy.pk)
    leg_actions.release_leg(buy, buy.active_at, why="太久没有动静")
    said = sent(a, record(task.buy, "say", task.a, words="排到 35 号了"))[1]
    assert (said["code"], said["said"]) == ("not_yours", "这件事现在不归您办了，留言没有发出")
    other = helper("阿强")
    leg_actions.take(task.buy.pk, other)
    bare = sent(a, record(task.buy, "finish", task.a))[1]
    assert (bare["ok"], bare["code"]) == (False, "missing")
    assert files() == []
    what = record(task.buy, "finish", task.a, words="买到了", photos=1)
    status, answer = sent(a, what)
    assert (status, answer["ok"], answer["kept"]) == (200, True, True)
    assert "已经不在您手上" in answer["said"]
    assert sent(a, what) == (status, answer)
    assert len(files()) == 1
    # Once: a second report is refused, as nothing but its words is new.
    assert sent(a, record(task.buy, "finish", task.a, words="又来"))[1]["code"] == "not_yours"
    assert Leg.objects.get(pk=task.buy.pk).holder_id == other.user_id


def test_records_from_non_holders_are_refused(task: Relay, city: Cast) -> None:
    stranger = helper("路人", squad="care", areas=["330799"])
    away = phone_of(stranger)
    missing = sent(away, record(task.buy, "finish", stranger, photos=1) | {"leg": 10**17})
    assert missing == (404, {"ok": False, "code": "not_found", "said": "没有这一程"})
    assert sent(away, record(task.gate, "hand_over", stranger))[1] == missing[1]
    # A helper who can see the leg cannot act for its holder.
    near = helper("邻居")
    answer = sent(phone_of(near), record(task.gate, "hand_over", near))[1]
    assert (answer["ok"], answer["code"]) in {(False, "not_yours"), (False, "not_found")}
    assert sent(phone_of(near), record(task.buy, "finish", near, photos=1))[1]["ok"] is False
    assert not task.appeal.events.filter(verb__in=(FINISH.name, HAND_OVER.name)).exists()
    assert files() == []


def test_record_is_refused_for_another_login_or_none(task: Relay, browse: Browse) -> None:
    what = record(task.buy, "finish", task.a, photos=1)
    status, answer = sent(phone_of(task.b), what)
    assert (status, answer["code"]) == (409, "other")
    status, answer = sent(browse(), what)
    assert (status, answer["code"]) == (401, "login")
    assert not FieldRecord.objects.exists()
    assert sent(phone_of(task.a), what)[1]["ok"] is True


@pytest.mark.parametrize("wrong", [timedelta(days=400), timedelta(days=-400)])
def test_wrong_phone_clock_is_corrected(task: Relay, wrong: timedelta) -> None:
    long_ago = timezone.now() - timedelta(hours=3)
    Leg.objects.filter(pk=task.buy.pk).update(taken_at=long_ago, ready_at=long_ago)
    clock = int((time.time() + wrong.total_seconds()) * 1000)
    hour = 3600 * 1000
    what = record(task.buy, "finish", task.a, photos=1, at=clock - hour, now=clock)
    assert sent(phone_of(task.a), what)[1]["ok"] is True
    done = Leg.objects.get(pk=task.buy.pk).done_at
    assert done is not None
    assert abs(timezone.now() - timedelta(hours=1) - done) < timedelta(minutes=1)


@pytest.mark.parametrize("drift", [400, -400])
def test_phone_clock_reset_after_recording_keeps_done_at_plausible(task: Relay, drift: int) -> None:
    taken = Leg.objects.get(pk=task.buy.pk).taken_at
    now = int(time.time() * 1000)
    at = now + drift * 86_400_000
    what = record(task.buy, "finish", task.a, photos=1, at=at, now=now)
    assert sent(phone_of(task.a), what)[1]["ok"] is True
    leg = Leg.objects.get(pk=task.buy.pk)
    assert taken is not None
    assert leg.done_at is not None
    assert taken <= leg.done_at <= timezone.now()
    assert leg.minutes == 1


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"key": "1"}, 400, "bad_key"),
        ({"key": ""}, 400, "bad_key"),
        ({"key": "x" * 36}, 400, "bad_key"),
        ({"leg": ""}, 404, "not_found"),
        ({"leg": "-1"}, 404, "not_found"),
        ({"leg": "9" * 30}, 404, "not_found"),
        ({"leg": "١٢"}, 404, "not_found"),
        ({"verb": "take"}, 400, "bad_verb"),
        ({"verb": "drop"}, 400, "bad_verb"),
        ({"verb": ""}, 400, "bad_verb"),
        ({"at": ""}, 400, "bad_time"),
        ({"at": "gestern"}, 400, "bad_time"),
        ({"now": "1e9"}, 400, "bad_time"),
        ({"at": "9" * 40}, 400, "bad_time"),
        ({"words": "a\x00b"}, 422, "bad_text"),
        ({"kept": "\x00"}, 422, "bad_text"),
    ],
)
def test_malformed_records_are_rejected(
    task: Relay, more: dict[str, str], status: int, code: str
) -> None:
    got, answer = sent(phone_of(task.a), record(task.buy, "finish", task.a) | more)
    assert (got, answer["code"]) == (status, code)
    assert answer["said"]
    assert not FieldRecord.objects.exists()


def test_empty_records_and_other_methods_are_rejected(task: Relay) -> None:
    a = phone_of(task.a)
    assert a.post(AT).status_code == 409
    assert a.post(AT, {"me": task.a.user_id}).status_code == 400
    assert a.put(AT).status_code == 405


def test_record_can_be_resent_after_full_disk(task: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    what = record(task.buy, "finish", task.a, photos=1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert sent(phone_of(task.a), what)[0] == 503
    assert sent(phone_of(task.a), what)[1]["ok"] is True


def test_recorded_give_back_keeps_the_note(task: Relay) -> None:
    what = record(task.buy, "give_back", task.a, why="孩子发烧了", kept="排到 35 号")
    assert sent(phone_of(task.a), what)[1] == {"ok": True, "said": "已交回，别人可以接"}
    leg = Leg.objects.get(pk=task.buy.pk)
    assert (leg.state, leg.kept) == ("open", "排到 35 号")


@pytest.mark.parametrize(
    ("yuan", "found"), [("", None), (" 42.5 ", 4250), ("0", 0), ("0.29", 29), ("1234.56", 123456)]
)
def test_amounts_in_yuan_are_parsed_to_cents(yuan: str, found: int | None) -> None:
    assert offline_sync.cents(yuan) == found
