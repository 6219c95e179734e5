"""Migration of installations that still have the tables of the former app `notices`."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from tests.cast import cast, requester, taken_milk
from tests.cities import City
from yinghu.appeals import handling_actions
from yinghu.common.migrations import NotMigrated
from yinghu.notifications import read_state
from yinghu.notifications.models import Delivery, Notification
from yinghu.people.models import User
from yinghu.reactions import react

NOTICES = Path(__file__).with_name("notices.sql")
"""The tables of `notices` after its last migration, dumped from a database of that release, with
some rows.
"""

_SHAPE = """
SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, is_identity)
FROM information_schema.columns WHERE table_name ~ %s
UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename ~ %s
UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid::regclass::text ~ %s AND contype <> 'n'
UNION ALL SELECT relname::text FROM pg_class WHERE relkind = 'S' AND relname ~ %s
"""


def shape() -> list[str]:
    """Columns, indexes, constraints and sequences of the app's tables, by old names or new."""
    with connection.cursor() as cursor:
        cursor.execute(_SHAPE, ["^(notices|notifications)_"] * 4)
        # Django adds a hash of the names to the names of foreign keys.
        return sorted(re.sub(r"_[0-9a-f]{8}_fk", "_fk", row[0]) for row in cursor.fetchall())


def go_back() -> None:
    """Restore the tables as the last release with `notices` left them."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE notifications_delivery, notifications_notification")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'notifications'")
        cursor.execute(
            "UPDATE django_content_type SET app_label = 'notices', "
            "model = replace(model, 'notification', 'notice') WHERE app_label = 'notifications'"
        )
        cursor.execute(NOTICES.read_text("utf-8"))


def test_migration_keeps_rows_and_yields_the_current_schema(own_city: City) -> None:
    fresh = shape()
    go_back()
    assert shape() != fresh
    call_command("migrate", verbosity=0)
    assert shape() == fresh
    rows = Notification.objects.order_by("pk").values_list(
        "pk", "user__username", "recipient_kind", "subject_kind", "event_id", "appeal_id", "reason"
    )
    assert list(rows) == [
        (3, "clerk", "login", "event", 11, 7, "clerk"),
        (4, "milk-handler", "login", "event", 12, 7, "unit"),
        (5, "milk-handler", "login", "digest", None, None, "digest"),
    ]
    weekly = Notification.objects.get(pk=5)
    assert (weekly.week, weekly.counts) == (date(2026, 11, 23), {"mine": 2})
    sent = Delivery.objects.order_by("pk").values_list(
        "pk", "notification", "transport", "state", "attempts", "error"
    )
    assert list(sent) == [
        (8, 4, "email", "failed", 6, "451 come back later"),
        (9, 5, "log", "sent", 1, ""),
    ]
    assert read_state.unread(User.objects.get(username="milk-handler").pk).count == 1
    labels = set(ContentType.objects.values_list("app_label", "model"))
    assert {("notifications", "notification"), ("notifications", "delivery")} <= labels
    assert "notices" not in {label for label, _model in labels}


def test_new_notifications_are_written_after_the_migration(own_city: City) -> None:
    go_back()
    call_command("migrate", verbosity=0)
    appeal = taken_milk(cast())
    event = handling_actions.urge(appeal.pk, requester(appeal))
    react(events=[event.pk])
    assert Notification.objects.get(event=event).pk > 5
    assert Delivery.objects.get(notification__event=event).pk > 9


def test_migration_refuses_tables_of_an_older_release(own_city: City) -> None:
    go_back()
    before = shape()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'notices' AND name > '0004'")
    with pytest.raises(NotMigrated, match=r"at its migration 0005_shared.*Start the last release"):
        call_command("migrate", verbosity=0)
    assert shape() == before
