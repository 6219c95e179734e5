"""Races between set-up changes and work on cases."""

from __future__ import annotations

import threading

from django.db import connection, transaction
from django.test import Client

from tests.cast import Cast, taken_milk
from tests.cities import in_threads
from tests.live import Live, until
from yinghu.appeals import handling_actions
from yinghu.appeals.models import Appeal
from yinghu.people.models import User


def somebody_waits() -> bool:
    """Is a connection to this database waiting for another's row lock?"""
    with connection.cursor() as cursor:
        # Not pg_stat_activity, whose snapshot does not change within a transaction.
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        return cursor.fetchone() is not None


def test_case_resolved_while_holder_is_retired_stays_resolved(live: Live, live_city: Cast) -> None:
    resolved, left = taken_milk(live_city), taken_milk(live_city)
    admin = Client()
    admin.force_login(User.objects.get(username="admin"))
    written = threading.Event()
    told: list[int] = []

    def resolve() -> None:
        with transaction.atomic():
            handling_actions.resolve(resolved.pk, live_city.milk, words="送到了")
            written.set()
            until(somebody_waits, "the retirement to come to the case")

    def retire() -> None:
        written.wait()
        told.append(admin.post("/setup/user/milk-handler/retire").status_code)

    in_threads(resolve, retire)
    assert told == [302]
    assert not User.objects.get(username="milk-handler").is_active
    # A job releases what the login held.
    until(lambda: Appeal.objects.get(pk=left.pk).holder_id is None, "the other case to be free")
    assert Appeal.objects.get(pk=left.pk).status == "assigned"
    assert Appeal.objects.get(pk=resolved.pk).status == "resolved"
