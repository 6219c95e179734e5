"""Table download and upload, including hostile cells and files."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from yinghu.common.tables.table_reader import BadFile
from yinghu.common.tables.workbook_writer import WorkbookWriter
from yinghu.ui.csv_download import MAX_BYTES, download, read_upload


def upload(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("table.csv", data)


def test_downloaded_table_uploads_unchanged() -> None:
    rows = [
        {"code": "a", "name": "甲, 乙\n丙", "n": "-3", "on": "1"},
        {"code": "b", "name": '=HYPERLINK("http://x")', "n": "", "on": "0"},
        {"code": "c", "name": "@sum", "n": "1.5", "on": ""},
        {"code": "d", "name": "＝1+1", "n": "＋86", "on": "＠"},
    ]
    shown = download("units", {name: name for name in ("code", "name", "n", "on")}, rows).content
    # A spreadsheet must not take any cell for a formula.
    assert b"'=HYPERLINK" in shown
    assert b"'@sum" in shown
    assert "'＝1+1,'＋86,'＠".encode() in shown
    assert b",-3," in shown
    back = [cells for _line, cells in read_upload(upload(shown)).rows]
    assert back == rows


def test_upload_reads_csv_as_spreadsheets_save_it() -> None:
    said = "code,name,,\r\n1,甲\r\n\r\n2, 乙 ,,\r\n"
    for data in (said.encode("utf-8-sig"), said.encode("gb18030")):
        table = read_upload(upload(data))
        assert table.columns == ["code", "name"]
        assert table.rows == [
            (2, {"code": "1", "name": "甲"}),
            (4, {"code": "2", "name": "乙"}),
        ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"code,code\n1,2\n", "有两列都叫“code”"),
        (b"code,name\n1,a,b\n", "第 2 行有 3 格，表头有 2 格"),
        (b"code,name\n1,a\n\n2\n", "第 4 行有 1 格，表头有 2 格"),
        (b"code\n\x00\n", "不是 CSV"),
        (b"PK\x03\x04\xff\xfe\xfa\x80\x80", "table.csv 不是能打开的 Excel 文件"),
        (b"code\n" + b"1\n" * 20_001, "行数太多"),
        (b"code\n" + b"x" * MAX_BYTES, "文件太大"),
    ],
)
def test_invalid_tables_are_refused_with_a_reason(data: bytes, why: str) -> None:
    with translation.override("zh-hans"), pytest.raises(BadFile, match=why):
        read_upload(upload(data))


def test_workbooks_and_json_lines_are_read_as_tables() -> None:
    book = WorkbookWriter()
    sheet = book.sheet("甲")
    sheet.row(["code", "name", "n"], bold=True)
    sheet.row(["1", "=甲", 3])
    lines = '{"code": "1", "name": "=甲", "n": 3}\n'.encode()
    for name, data in (("table.xlsx", book.content()), ("table.jsonl", lines)):
        table = read_upload(SimpleUploadedFile(name, data))
        assert table.columns == ["code", "name", "n"]
        assert [cells for _line, cells in table.rows] == [{"code": "1", "name": "=甲", "n": "3"}]
