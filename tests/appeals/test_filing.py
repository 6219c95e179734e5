"""Filing in batches: each appeal has the same clocks as if filed alone."""

from __future__ import annotations

import pytest
from django.db import connection

from yinghu.appeals.filing import Filing, file_many
from yinghu.appeals.models import NEVER, Appeal, Clock, ClockLimit
from yinghu.people.access import SYSTEM

MATTERS = (
    (1, None),
    (1, "milk"),
    (1, "medicine"),
    (2, "milk"),
    (3, None),
    (1, None),
)
"""(urgency, category) of each filing of the batch."""

COUNTING = """
CREATE SEQUENCE chase_calls;
CREATE OR REPLACE FUNCTION appeals_next_chase(
    clock_kind text, limit_minutes float8, in_working_time boolean, due timestamptz,
    later_than timestamptz
) RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    PERFORM nextval('chase_calls');
    RETURN due;
END $$
"""


def _file(matters: tuple[tuple[int, str | None], ...]) -> list[Appeal]:
    filings = [
        Filing(body="没有奶粉了", channel="web", urgency=urgency, category=category)
        for urgency, category in matters
    ]
    return [Appeal.objects.get(pk=pk) for pk in file_many(filings, SYSTEM)]


def _minutes(appeal: Appeal) -> dict[str, float]:
    return dict(Clock.objects.filter(appeal=appeal).values_list("kind", "minutes"))


@pytest.mark.django_db
def test_each_appeal_of_a_batch_has_its_own_limits() -> None:
    ClockLimit.objects.all().delete()
    for kind, urgency, category, minutes in (
        ("receive", 1, None, 60),
        ("receive", 1, "milk", 7),
        ("solve", 1, None, 600),
        ("solve", 2, None, 500),
    ):
        ClockLimit.objects.create(kind=kind, urgency=urgency, category_id=category, minutes=minutes)
    appeals = _file(MATTERS)
    assert [_minutes(appeal) for appeal in appeals] == [
        {"receive": 60, "solve": 600},
        {"receive": 7, "solve": 600},
        {"receive": 60, "solve": 600},
        {"solve": 500},
        {},
        {"receive": 60, "solve": 600},
    ]
    for appeal, matter in zip(appeals, MATTERS, strict=True):
        assert _minutes(_file((matter,))[0]) == _minutes(appeal)
        due = [clock.due_at for clock in appeal.clocks.all()]
        assert appeal.due_at == min(due, default=NEVER)
        assert all(clock.next_at is not None for clock in appeal.clocks.all())


@pytest.mark.django_db
def test_chase_steps_are_computed_once_per_limit() -> None:
    with connection.cursor() as cursor:
        cursor.execute(COUNTING)
        appeals = _file(((1, None),) * 50)
        cursor.execute("SELECT last_value FROM chase_calls")
        (calls,) = cursor.fetchone()
    assert Clock.objects.filter(appeal__in=appeals).count() == 100
    assert calls == 2
