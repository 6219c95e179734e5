"""Times as other systems write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.utils import timezone

from tests.channels.files.test_import import rejects_of, summary, write_csv
from tests.cities import City
from yinghu.appeals.models import Appeal
from yinghu.channels.files.times import DateOrder, DateOrders, UndecidedOrder, moment

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019/2/28 11:25:05", (2019, 2, 28, 11, 25, 5)),
        ("2019-02-28 11:25", (2019, 2, 28, 11, 25, 0)),
        ("2019-02-28T11:25:05", (2019, 2, 28, 11, 25, 5)),
        ("2019.2.28", (2019, 2, 28, 0, 0, 0)),
        ("2019年2月28日", (2019, 2, 28, 0, 0, 0)),
        ("2019年2月28日11时25分05秒", (2019, 2, 28, 11, 25, 5)),
        ("2019/2/28 下午 3:05", (2019, 2, 28, 15, 5, 0)),
        ("2019/2/28 上午9：05", (2019, 2, 28, 9, 5, 0)),
        ("2019/2/28 PM 12:05:00", (2019, 2, 28, 12, 5, 0)),
        ("2019/2/28 上午12:05", (2019, 2, 28, 0, 5, 0)),
        ("20190228", (2019, 2, 28, 0, 0, 0)),
        ("20190228 112505", (2019, 2, 28, 11, 25, 5)),
        ("20190228112505", (2019, 2, 28, 11, 25, 5)),
        ("2019-02-28 11:25:05.123", (2019, 2, 28, 11, 25, 5)),
        ("31/12/2016", (2016, 12, 31, 0, 0, 0)),
        ("31.12.2016 08:05", (2016, 12, 31, 8, 5, 0)),
        ("12/31/2016 3:05:09 PM", (2016, 12, 31, 15, 5, 9)),
        ("5/5/2016", (2016, 5, 5, 0, 0, 0)),
        ("2016.12.31", (2016, 12, 31, 0, 0, 0)),
        ("2016年12月31日 9点30分", (2016, 12, 31, 9, 30, 0)),
        ("31 Dec 2016 23:59", (2016, 12, 31, 23, 59, 0)),
        ("31-Dec-2016", (2016, 12, 31, 0, 0, 0)),
        ("December 31, 2016", (2016, 12, 31, 0, 0, 0)),
        ("42735", (2016, 12, 31, 0, 0, 0)),
        ("42735.75", (2016, 12, 31, 18, 0, 0)),
        ("1551324305", (2019, 2, 28, 11, 25, 5)),
        ("1551324305000", (2019, 2, 28, 11, 25, 5)),
    ],
)
def test_times_are_read_in_the_servers_zone(text: str, expected: tuple[int, ...]) -> None:
    found = moment(text, SHANGHAI)
    assert tuple(found.timetuple())[:6] == expected
    assert found.utcoffset() == timedelta(hours=8)


def test_a_time_with_its_own_offset_keeps_it() -> None:
    found = moment("2019-02-28T11:25:05Z", SHANGHAI)
    assert found == datetime(2019, 2, 28, 11, 25, 5, tzinfo=UTC)
    assert moment("2019-02-28T11:25:05+01:00", SHANGHAI).utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize(
    "text",
    [
        "2019/2/28 25:00",
        "昨天",
        "2019/2/30",
        "32/2/2019",
        "31/4/2016",
        "13/13/2016",
        "99999",
        "1234",
        "2019/13/1",
        "2019",
        "0000/1/1",
        "１２",
    ],
)
def test_invalid_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(text, SHANGHAI)


def test_undecided_order_is_not_guessed() -> None:
    with pytest.raises(UndecidedOrder, match="01/02/2016"):
        moment("01/02/2016", SHANGHAI)
    given = DateOrders(DateOrder.MONTH_FIRST)
    assert moment("01/02/2016", SHANGHAI, given).date() == date(2016, 1, 2)
    # A date that leaves no doubt is what it is.
    assert moment("31/12/2016", SHANGHAI, given).date() == date(2016, 12, 31)


def days() -> list[date]:
    found = Appeal.objects.order_by("pk").values_list("said_at", flat=True)
    return [timezone.localtime(at).date() for at in found if at]


def dated(path: Path, *times: str) -> Path:
    rows = [[f"第{n}件：路灯不亮", each] for n, each in enumerate(times)]
    return write_csv(path, rows, ["内容", "时间"])


@pytest.mark.parametrize(
    ("clear", "expected", "said"),
    [
        ("31/12/2016", date(2016, 2, 1), "时间像“31/12/2016”的，日在前、月在后：1 行看得出来"),
        ("12/31/2016", date(2016, 1, 2), "时间像“12/31/2016”的，月在前、日在后：1 行看得出来"),
    ],
)
def test_order_is_learned_from_clear_rows_and_said(
    own_city: City, tmp_path: Path, clear: str, expected: date, said: str
) -> None:
    ran = own_city.run("import", dated(tmp_path / "m.csv", "01/02/2016", clear, "3/3/2016"))
    assert (ran.code, ran.out) == (0, summary(3, 3, 0, 0) + said + "\n")
    assert days() == [expected, date(2016, 12, 31), date(2016, 3, 3)]


def test_order_is_required_where_nothing_decides(own_city: City, tmp_path: Path) -> None:
    path = dated(tmp_path / "m.csv", "01/02/2016", "2016/3/4")
    ran = own_city.run("import", path)
    assert (ran.code, ran.out) == (2, "")
    assert "时间“01/02/2016”分不清哪个是日、哪个是月" in ran.err
    assert "--dates day-first" in ran.err
    assert not Appeal.objects.exists()
    assert own_city.run("import", path, "--dates", "month-first").out == summary(2, 2, 0, 0)
    assert days() == [date(2016, 1, 2), date(2016, 3, 4)]


def test_contradicting_rows_decide_nothing(own_city: City, tmp_path: Path) -> None:
    path = dated(tmp_path / "m.csv", "31/12/2016", "12/31/2016", "01/02/2016")
    ran = own_city.run("import", path)
    assert ran.code == 2
    assert "既有“31/12/2016”又有“12/31/2016”" in ran.err
    own_city.run("import", path, "--dates", "day-first")
    assert days() == [date(2016, 12, 31), date(2016, 12, 31), date(2016, 2, 1)]


def test_each_sign_has_its_own_order_and_forms_may_mix(own_city: City, tmp_path: Path) -> None:
    times = ("01.02.2016", "31.12.2016", "01/02/2016", "12/31/2016", "42735", "2016年12月31日")
    ran = own_city.run("import", dated(tmp_path / "m.csv", *times))
    assert ran.code == 0
    assert days() == [
        date(2016, 2, 1),
        date(2016, 12, 31),
        date(2016, 1, 2),
        *[date(2016, 12, 31)] * 3,
    ]
    assert "时间像“31.12.2016”的，日在前" in ran.out
    assert "时间像“12/31/2016”的，月在前" in ran.out
    assert "时间像“42735”的，是表格软件数的天数" in ran.out


def test_dates_far_down_are_learned_or_rejected(own_city: City, tmp_path: Path) -> None:
    many = ["2016-03-04"] * 600
    ran = own_city.run("import", dated(tmp_path / "a.csv", *many, "01/02/2016", "13/2/2016"))
    assert ran.out.startswith(summary(602, 602, 0, 0))
    assert "时间像“13/2/2016”的，日在前" in ran.out
    assert days()[-2:] == [date(2016, 2, 1), date(2016, 2, 13)]
    path = dated(tmp_path / "b.csv", *many, "01/02/2016")
    ran = own_city.run("import", path, "--channel", "feed")
    assert ran.out.startswith(summary(601, 600, 0, 1))
    ((line, why),) = rejects_of(path)
    assert line == "602"
    assert why.startswith("日和月分不清：01/02/2016；请用 --dates day-first")
    ran = own_city.run("import", path, "--channel", "feed", "--dates", "day-first")
    assert ran.out == summary(601, 1, 600, 0)


def test_workbook_may_hold_days_as_numbers(own_city: City, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("内容", "受理时间"), ("停水", 42735.5), ("停电", datetime(2016, 12, 31, 9))):
        sheet.append(row)
    book.save(tmp_path / "m.xlsx")
    assert own_city.run("import", tmp_path / "m.xlsx").code == 0
    assert list(Appeal.objects.order_by("pk").values_list("said_at", flat=True)) == [
        datetime(2016, 12, 31, 4, tzinfo=UTC),
        datetime(2016, 12, 31, 1, tzinfo=UTC),
    ]
