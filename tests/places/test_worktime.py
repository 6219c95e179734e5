"""Working time with China's holidays and make-up workdays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.places.worktime import (
    OFFICE_HOURS,
    ROUND_THE_CLOCK,
    add_working,
    is_workday,
    is_working,
    working_minutes,
)

CHINA = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("moment", "working"),
    [
        ("2026-09-21 08:29", False),
        ("2026-09-21 08:30", True),
        ("2026-09-21 12:00", False),
        ("2026-09-21 13:30", True),
        ("2026-09-21 17:30", False),
        ("2026-09-20 10:00", True),  # a Sunday, make-up day for National Day
        ("2026-10-01 10:00", False),  # National Day, a Thursday
        ("2026-10-10 10:00", True),  # a Saturday, make-up day for National Day
        ("2026-09-19 10:00", False),  # an ordinary Saturday
        ("2035-10-01 10:00", True),  # no table for that year: a Monday
    ],
)
def test_is_working(moment: str, working: bool) -> None:
    assert is_working(at(moment), zone=CHINA) is working
    assert is_working(at(moment).astimezone(UTC), zone=CHINA) is working


def test_add_working_skips_lunch_nights_and_holidays() -> None:
    start = at("2026-09-30 16:30")
    assert add_working(start, 60, zone=CHINA) == at("2026-09-30 17:30")
    assert add_working(start, 61, zone=CHINA) == at("2026-10-08 08:31")
    assert add_working(at("2026-09-21 11:30"), 60, zone=CHINA) == at("2026-09-21 14:00")
    assert add_working(at("2026-09-19 03:00"), 450, zone=CHINA) == at("2026-09-20 17:30")
    assert add_working(at("2026-09-19 03:00"), 0, zone=CHINA) == at("2026-09-19 03:00")


def test_result_keeps_the_time_zone_of_the_input() -> None:
    answer = add_working(datetime(2026, 9, 21, 0, 0, tzinfo=UTC), 60, zone=CHINA)
    assert answer == at("2026-09-21 09:30")
    assert answer.tzinfo is UTC


def test_round_the_clock_hours_across_a_dst_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 28, 12, 0, tzinfo=berlin)
    done = add_working(
        start, 24 * 60, hours=ROUND_THE_CLOCK, workday=lambda _day: True, zone=berlin
    )
    assert done.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=24)


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        add_working(at("2026-09-21 10:00"), -1)
    with pytest.raises(ValueError, match="time zone"):
        is_working(datetime(2026, 9, 21, 10))
    with pytest.raises(ValueError, match="ten years"):
        add_working(at("2026-09-21 10:00"), 1, workday=lambda _day: False)


moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=CHINA)
)


@given(moments, st.integers(0, 5000), st.integers(0, 5000))
def test_adding_in_two_steps_equals_adding_at_once(start: datetime, a: int, b: int) -> None:
    once = add_working(start, a + b, zone=CHINA)
    assert add_working(add_working(start, a, zone=CHINA), b, zone=CHINA) == once
    assert working_minutes(start, once, zone=CHINA) == pytest.approx(a + b)


@given(st.dates(date(2004, 1, 1), date(2040, 1, 1)))
def test_is_workday_accepts_any_date(day: date) -> None:
    assert is_workday(day) in {True, False}
    assert sum(end - start for start, end in OFFICE_HOURS) == 450
