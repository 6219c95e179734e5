"""Receiving messages: exactly one appeal each, also when repeated or sent concurrently."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DataError, IntegrityError

from tests.cities import City, in_threads
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Appeal
from yinghu.common.privacy.opening import unseal
from yinghu.intake.models import Message
from yinghu.intake.receive import (
    Incoming,
    Unread,
    keep_unread,
    known_messages,
    receive,
    receive_many,
)
from yinghu.people.access import SYSTEM


def message(key: str, body: str = "停水", **given: Any) -> Incoming:
    filing = Filing(body=body, channel="feed", **given)
    return Incoming(key, body.encode(), filing)


@pytest.mark.django_db
def test_repeated_message_makes_one_appeal() -> None:
    first = receive(message("1"), SYSTEM)
    again = receive(message("1", "别的话"), SYSTEM)
    assert (first.new, again.new) == (True, False)
    assert first.appeal_id == again.appeal_id
    assert Appeal.objects.get().body == "停水"
    assert unseal(Message.objects.get().raw) == "停水"


@pytest.mark.django_db
def test_batch_with_repeated_messages_keeps_its_order() -> None:
    receive(message("2"), SYSTEM)
    got = receive_many([message("1", "一"), message("2"), message("1"), message("3", "三")], SYSTEM)
    assert [item.new for item in got] == [True, False, False, True]
    assert got[0].appeal_id == got[2].appeal_id
    bodies = dict(Appeal.objects.values_list("pk", "body"))
    assert [bodies[item.appeal_id] for item in got] == ["一", "停水", "一", "三"]


@pytest.mark.django_db
def test_unread_message_is_kept_until_it_is_read() -> None:
    keep_unread("feed", [Unread("1", b"raw", "看不懂" * 200), Unread("1", b"raw 2", "还是看不懂")])
    kept = Message.objects.get()
    assert (unseal(kept.raw), kept.error, kept.appeal_id) == ("raw 2", "还是看不懂", None)
    assert known_messages("feed", ["1"]) == {}
    got = receive(message("1"), SYSTEM)
    assert got.new
    kept.refresh_from_db()
    assert (unseal(kept.raw), kept.error, kept.appeal_id) == ("停水", "", got.appeal_id)
    keep_unread("feed", [Unread("1", b"later", "看不懂")])
    kept.refresh_from_db()
    assert (unseal(kept.raw), kept.error) == ("停水", "")
    known = known_messages("feed", ["1", "2"])
    assert {key: each.appeal_id for key, each in known.items()} == {"1": got.appeal_id}


def test_bad_message_rolls_back_its_batch(own_city: City) -> None:
    with pytest.raises(IntegrityError):
        receive_many([message("1"), message("2", area="nowhere")], SYSTEM)
    with pytest.raises(DataError):
        receive_many([message("1"), message("2", "\x00")], SYSTEM)
    assert not Message.objects.exists()
    assert not Appeal.objects.exists()


def test_concurrent_copies_of_messages_make_one_appeal_each(own_city: City) -> None:
    def send() -> None:
        for start in range(0, 60, 20):
            receive_many([message(str(n)) for n in range(start, start + 20)], SYSTEM)

    in_threads(*[send] * 6)
    assert Appeal.objects.count() == Message.objects.count() == 60
    assert Message.objects.filter(appeal__isnull=False).values("appeal").distinct().count() == 60
