"""Migrating an installation in which the app `intake` was called `channels`."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from tests.adoption import go_back, names_of, rows, shape
from tests.cities import City
from yinghu.appeals.filing import Filing
from yinghu.common.migrations import NotMigrated
from yinghu.intake import one_time_codes
from yinghu.intake.receive import Incoming, Unread, keep_unread, receive
from yinghu.people.access import SYSTEM

CHANNELS = Path(__file__).with_name("channels.sql")


def test_migration_keeps_rows_and_matches_a_new_installation(own_city: City) -> None:
    fresh = shape("intake")
    message = Incoming("1", b"raw", Filing(body="停水", channel="feed"))
    first = receive(message, SYSTEM)
    keep_unread("feed", [Unread("2", b"raw", "看不懂")])
    phone = "+8613812345678"
    code = one_time_codes.make_code(phone).code
    before = rows("intake")
    go_back(CHANNELS)
    assert shape("intake") == []
    call_command("migrate", verbosity=0)
    assert shape("intake") == fresh
    assert rows("intake") == before
    assert names_of("channels") == []
    # New rows can be written, and old messages are recognised.
    again = receive(message, SYSTEM)
    assert (again.new, again.appeal_id) == (False, first.appeal_id)
    assert receive(Incoming("3", b"raw", Filing(body="停电", channel="feed")), SYSTEM).new
    assert one_time_codes.check_code(phone, code)


def test_tables_not_at_their_last_migration_are_refused(own_city: City) -> None:
    go_back(CHANNELS)
    before = shape("channels")
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'channels' AND name = '0002_faces'"
        )
    with pytest.raises(NotMigrated, match=r"at its migration 0002_faces.*Start the last release"):
        call_command("migrate", verbosity=0)
    assert shape("channels") == before
