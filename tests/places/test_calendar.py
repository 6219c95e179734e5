"""Working time in the database, checked against a Python implementation."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.places.worktime import add_working, shift, worked, working_minutes
from yinghu.places import calendar
from yinghu.places.models import WorkDay, WorkSpan

pytestmark = pytest.mark.django_db

CHINA = ZoneInfo("Asia/Shanghai")
SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.fixture
def years(db: None) -> None:
    """Default working spans for 2026 and 2027."""
    calendar.lay_out(date(2026, 2, 1))


moments = st.integers(0, 2 * 365 * 24 * 60 - 1).map(
    lambda minute: at("2026-01-01T00:00") + timedelta(minutes=minute)
)
lengths = st.integers(1, 60 * 450)


@SHARED
@given(start=moments, minutes=lengths)
def test_forward_shift_matches_python(years: None, start: datetime, minutes: int) -> None:
    due = shift(start, minutes, working=True)
    assert due == add_working(start, minutes, zone=CHINA)
    assert worked(start, due) == pytest.approx(minutes)
    assert worked(start, due) == pytest.approx(working_minutes(start, due, zone=CHINA))


@SHARED
@given(start=moments, minutes=lengths)
def test_backward_shift_reverses_forward_shift(years: None, start: datetime, minutes: int) -> None:
    due = shift(start, minutes, working=True)
    back = shift(due, -minutes, working=True)
    # Compared in working time: an evening equals the end of its afternoon.
    assert worked(start, back) == pytest.approx(0)
    assert worked(back, due) == pytest.approx(minutes)


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        # Spring Festival 2026: off from Sunday 15 to Monday 23 February; Saturdays 14 and 28 are
        # make-up days.
        ("2026-02-13T17:00", 60, "2026-02-14T09:00"),
        ("2026-02-14T17:00", 60, "2026-02-24T09:00"),
        ("2026-02-24T09:00", -60, "2026-02-14T17:00"),
        ("2026-02-27T17:00", 60, "2026-02-28T09:00"),
        # A year without a table: Monday to Friday.
        ("2027-12-31T17:00", 60, "2028-01-03T09:00"),
    ],
)
def test_holidays_and_make_up_days(years: None, start: str, minutes: int, due: str) -> None:
    assert shift(at(start), minutes, working=True) == at(due)


def test_city_dates_override_holidays_which_can_be_disabled(db: None) -> None:
    WorkDay.objects.create(key="2026-10-01", hours="9:00-11:00")
    WorkDay.objects.create(key="2026-11-24", hours="")
    calendar.lay_out(date(2026, 9, 1))
    assert shift(at("2026-09-30T17:30"), 60, working=True) == at("2026-10-01T10:00")
    assert worked(at("2026-11-24T00:00"), at("2026-11-25T00:00")) == 0
    whys = {
        each.day.day: each.why for each in calendar.reckoned(date(2026, 10, 1), date(2026, 10, 10))
    }
    assert (whys[1], whys[2], whys[8], whys[10]) == ("own", "holiday", "week", "makeup")
    WorkDay.objects.filter(key="1").update(hours="")
    (saturday,) = calendar.reckoned(date(2026, 10, 10), date(2026, 10, 10))
    assert (saturday.hours, saturday.why) == ((), "week")
    WorkDay.objects.filter(key=WorkDay.STATUTORY).update(hours="no")
    calendar.lay_out(date(2026, 9, 1))
    assert worked(at("2026-10-02T00:00"), at("2026-10-03T00:00")) == 450
    assert worked(at("2026-10-10T00:00"), at("2026-10-11T00:00")) == 0


def test_without_working_days_time_runs_round_the_clock(db: None) -> None:
    WorkDay.objects.all().delete()
    assert calendar.lay_out() == 0
    start = at("2026-11-24T23:00")
    assert shift(start, 90, working=True) == start + timedelta(minutes=90)
    assert worked(start, start + timedelta(minutes=90)) == 90


def test_keep_laid_out_creates_spans_once(db: None) -> None:
    WorkSpan.objects.all().delete()
    assert calendar.keep_laid_out()
    spans = list(WorkSpan.objects.order_by("opens").values_list())
    assert spans
    assert not calendar.keep_laid_out()
    calendar.lay_out()
    assert list(WorkSpan.objects.order_by("opens").values_list()) == spans


def test_migrate_creates_working_spans(db: None) -> None:
    from django.core.management import call_command

    WorkSpan.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert WorkSpan.objects.exists()


def test_span_lookup_uses_an_index(years: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE places_workspan")
        cursor.execute(
            "EXPLAIN SELECT * FROM places_workspan WHERE opens <= now() ORDER BY opens DESC LIMIT 1"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("早上", "早上"),
        ("8:30", "8:30"),
        ("12:00-8:30", "12:00-8:30"),
        ("8:30-8:30", "8:30-8:30"),
        ("8:30-25:00", "8:30-25:00"),
        ("8:30-12:00 11:00-13:00", "11:00-13:00"),
        ("8:30-12:60", "8:30-12:60"),
        ("8:30-12:00; DROP TABLE x", "DROP TABLE x"),
    ],
)
def test_invalid_hours_are_refused(text: str, part: str) -> None:
    with pytest.raises(calendar.BadHours) as bad:
        calendar.hours_of(text)
    assert bad.value.args[0] == part


def test_hours_are_parsed_in_common_notations() -> None:
    office = ((510, 720), (810, 1050))
    for text in ("8:30-12:00 13:30-17:30", "08:30至12:00，13:30至17:30", "8:30~12:00;13:30–17:30"):
        assert calendar.hours_of(text) == office
    assert calendar.hours_of("") == ()
    assert calendar.hours_of("0:00-24:00") == ((0, 1440),)
