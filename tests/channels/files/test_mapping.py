"""Parsing of phones and column names, and round trips of rows."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from yinghu.appeals.channels import CHANNELS, channel_label
from yinghu.common.tables.table_reader import Broken, Row, _named, open_source


def test_columns_of_the_same_name_are_numbered() -> None:
    assert _named(["a", "a(2)", "a", "", "a"]) == ["a", "a(2)", "a(3)", "第4列", "a(4)"]
    assert len(set(_named(["同名"] * 16_384))) == 16_384


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
