"""Migrating an installation in which errands and routing were the app `dispatch`."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from tests.adoption import go_back, names_of, rows, shape
from tests.cast import cast
from tests.cities import City
from tests.errands.errands import helper, hospital, legs_of, medicine_case, react_to, relay
from yinghu.appeals.models import Appeal
from yinghu.common.migrations import NotMigrated
from yinghu.errands import leg_actions
from yinghu.errands.models import FieldRecord, Leg
from yinghu.people.access import Actor
from yinghu.routing.models import RoutingRule

DISPATCH = Path(__file__).with_name("dispatch.sql")
APPS = ("errands", "routing")


def medicine_on_its_way() -> tuple[Appeal, Actor]:
    """A case with legs, an offer and a field record; and the helper asked for the first leg."""
    relay()
    hospital()
    someone = helper("阿东")
    appeal = medicine_case(cast())
    react_to(appeal)
    FieldRecord.objects.create(
        user_id=someone.user_id or 0,
        key=uuid.uuid4(),
        leg=legs_of(appeal)[0],
        verb="take",
        said_at=timezone.now(),
    )
    return appeal, someone


def test_migration_keeps_rows_and_matches_a_new_installation(own_city: City) -> None:
    fresh = shape(*APPS)
    appeal, someone = medicine_on_its_way()
    before = rows(*APPS)
    assert all(before.values()), "a row of every model"
    go_back(DISPATCH)
    assert shape(*APPS) == []
    call_command("migrate", verbosity=0)
    assert shape(*APPS) == fresh
    assert rows(*APPS) == before
    assert names_of("dispatch") == []
    # New rows can be written.
    first = legs_of(appeal)[0]
    leg_actions.take(first.pk, someone)
    first.refresh_from_db()
    assert (first.state, first.holder_id) == (Leg.State.TAKEN, someone.user_id)
    unit = RoutingRule.objects.order_by("pk")[0].unit
    rule = RoutingRule.objects.create(order=9_999, unit=unit)
    assert rule.pk > max(row["id"] for row in before["RoutingRule"])


@pytest.mark.parametrize("missing", ["0002_initial", "0003_errands"])
def test_tables_not_at_their_last_migration_are_refused(own_city: City, missing: str) -> None:
    go_back(DISPATCH)
    before = shape("dispatch")
    with connection.cursor() as cursor:
        later = "DELETE FROM django_migrations WHERE app = 'dispatch' AND name >= %s"
        cursor.execute(later, [missing])
    with pytest.raises(NotMigrated, match=r"at its migration 0003_errands.*Start the last release"):
        call_command("migrate", verbosity=0)
    assert shape("dispatch") == before
    assert shape(*APPS) == []
