"""Parsing of times, phones and column names, and round trips of rows."""

from __future__ import annotations

import csv
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yinghu.appeals.channels import CHANNELS, channel_label
from yinghu.channels.files import mapping
from yinghu.common.tables.table_reader import Broken, Row, Unusable, _named, open_source

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
        ("1551324305", (2019, 2, 28, 11, 25, 5)),
        ("1551324305000", (2019, 2, 28, 11, 25, 5)),
    ],
)
def test_times_are_read_in_the_servers_zone(text: str, expected: tuple[int, ...]) -> None:
    found = mapping.moment(text, SHANGHAI)
    assert tuple(found.timetuple())[:6] == expected
    assert found.utcoffset() == timedelta(hours=8)


def test_a_time_with_its_own_offset_keeps_it() -> None:
    found = mapping.moment("2019-02-28T11:25:05Z", SHANGHAI)
    assert found == datetime(2019, 2, 28, 11, 25, 5, tzinfo=UTC)
    assert mapping.moment("2019-02-28T11:25:05+01:00", SHANGHAI).utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize(
    "text",
    ["昨天", "2019/2/30", "28/2/2019", "2019/13/1", "2019", "2019/2/28 25:00", "0000/1/1", "１２"],
)
def test_invalid_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        mapping.moment(text, SHANGHAI)


def test_columns_of_the_same_name_are_numbered() -> None:
    assert _named(["a", "a(2)", "a", "", "a"]) == ["a", "a(2)", "a(3)", "第4列", "a(4)"]
    assert len(set(_named(["同名"] * 16_384))) == 16_384


def test_meanings_are_guessed_from_column_names() -> None:
    columns = ["序号", "工单编号", "来电人", "联系电话", "诉求内容", "Created_At", "备注", "内容"]
    assert mapping.guess(columns) == {
        "external_id": "工单编号",
        "name": "来电人",
        "phone": "联系电话",
        "body": "诉求内容",
        "said_at": "Created_At",
    }
    assert mapping.guess(["content", "lon"]) == {"body": "content"}
    with pytest.raises(Unusable, match="请用 --map"):
        mapping.guess(["a", "b"])


def test_every_guess_is_a_known_meaning() -> None:
    known = {*mapping.TARGETS, *mapping.REPLAY_TARGETS, "answers.likes", "answers.dislikes"}
    assert set(mapping._GUESSES) <= known


def test_channels_have_labels() -> None:
    assert {"web", "api", "hotline", "feed", "file"} <= set(CHANNELS)
    assert channel_label("feed") == "舆情与留言"
    assert channel_label("gone") == "gone"


# No lone surrogates: they cannot be encoded in a file.
CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TABLE = st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8)


@given(TABLE, st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]), st.sampled_from(",;\t"))
def test_csv_round_trip(table: list[list[str]], encoding: str, delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(
                [["一", "二", "三"], *table]
            )
        source = open_source(path, encoding)
        try:
            rows = list(source)
        finally:
            source.close()
    assert all(isinstance(row, Row) for row in rows)
    found = [list(row.cells.values()) for row in rows if isinstance(row, Row)]
    assert found == [cells for cells in table if any(cells)]


@given(st.binary(max_size=400))
def test_reader_survives_arbitrary_bytes(junk: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes("内容,时间\r\n".encode() + junk)
        source = open_source(path)
        try:
            rows = list(source)
        finally:
            source.close()
    assert all(isinstance(row, Row | Broken) for row in rows)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.none() | st.booleans() | st.integers() | CELL,
            min_size=1,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_json_lines_round_trip(objects: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        path.write_text("\n".join(json.dumps(found) for found in objects), "utf-8")
        source = open_source(path)
        try:
            rows = [row for row in source if isinstance(row, Row)]
        finally:
            source.close()
    assert [row.cells for row in rows] == objects
