"""Titles above the column names, and a first line `sep=;`."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from tests.channels.files.test_import import bodies, rejects_of, summary, write_csv
from tests.cities import City
from yinghu.common.tables.header import header_index
from yinghu.common.tables.table_reader import Row, open_source

TABLE = "工单编号;诉求内容;时间\r\nA1;停水了;2016-12-31\r\nA2;停电了;\r\n"


@pytest.mark.parametrize(
    "above",
    [
        "",
        "sep=;\r\n",
        '"sep=;"\r\n',
        "2016年12月热线台账\r\n",
        "2016年12月热线台账;;\r\n",
        "热线台账\r\n\r\n填报单位：城管局;日期：2016-12-31\r\n",
        "sep=;\r\n热线台账;;\r\n",
    ],
)
def test_csv_header_is_found_below_titles(own_city: City, tmp_path: Path, above: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(above + TABLE + "A3;;\r\n", "utf-8", newline="")
    ran = own_city.run("import", path)
    assert (ran.code, ran.out.splitlines()[0] + "\n") == (1, summary(3, 2, 0, 1))
    assert bodies() == ["停水了", "停电了"]
    assert rejects_of(path) == [[str(4 + above.count("\n")), "没有诉求正文"]]
    assert ("标题，不当作一行：" in ran.err) == ("台账" in above)


def test_tab_may_be_declared(own_city: City, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("sep=\t\n编号\t内容\nA1\t停水，停电, 停气\n", "utf-8")
    assert own_city.run("import", path).code == 0
    assert bodies() == ["停水，停电, 停气"]


def test_workbook_header_is_found_below_titles(own_city: City, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = "2016年12月热线台账"
    sheet.merge_cells("A1:C1")
    sheet["A3"], sheet["C3"] = "填报单位：城管局", "日期：2016-12-31"
    for row in (("工单编号", "诉求内容", "时间"), ("A1", "停水了", "2016-12-31"), ("A2", "", "")):
        sheet.append(row)
    book.save(tmp_path / "m.xlsx")
    ran = own_city.run("import", tmp_path / "m.xlsx")
    assert ran.out.startswith(summary(2, 1, 0, 1))
    assert rejects_of(tmp_path / "m.xlsx") == [["6", "没有诉求正文"]]
    assert "标题，不当作一行：2016年12月热线台账\n" in ran.err


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["内容"], ["停水了", "停电了"], ["停气"], ["停暖"]], 0),
        ([["a", "b"], ["1", "2", "3", "4"], ["x", "y"]], 0),
        ([["内容", "时间"], ["停水", ""], ["停电", ""]], 0),
        ([["台账"], ["内容", "时间"], ["停水", "2016-1-1"]], 1),
        ([["台账"], ["编号", "内容", "时间", "姓名"], ["1", "停水", "", ""], ["2", "", "", ""]], 1),
        ([["台账"]], 0),
    ],
)
def test_only_titles_are_skipped(rows: list[list[str]], expected: int) -> None:
    assert header_index(rows) == expected


def test_body_with_delimiters_in_one_column_is_whole(tmp_path: Path) -> None:
    texts = ["停水；停电;停气|停暖", "停水;停电;停气", "停水|停电"]
    path = write_csv(tmp_path / "m.csv", [[text] for text in texts], ["内容"])
    source = open_source(path)
    try:
        rows = list(source)
    finally:
        source.close()
    assert [row.cells for row in rows if isinstance(row, Row)] == [{"内容": each} for each in texts]
