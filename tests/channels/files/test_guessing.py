"""Guessing columns: the body by name and length, and ids that look like ids."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from tests.channels.files.test_import import bodies, summary, write_csv
from tests.cities import City
from yinghu.appeals.models import Appeal
from yinghu.channels.files import guessing, mapping
from yinghu.common.tables.table_reader import Row, Unusable
from yinghu.intake.models import Message

LONG = "小区北门的路灯坏了三天，老人晚上不敢出门，请尽快派人来修"


def rows_of(columns: list[str], *rows: list[str]) -> list[Row]:
    return [Row(n, dict(zip(columns, row, strict=True)), b"") for n, row in enumerate(rows, 2)]


def test_meanings_are_guessed_from_column_names() -> None:
    columns = ["序号", "工单编号", "来电人", "联系电话", "诉求内容", "Created_At", "备注", "内容"]
    assert guessing.guess(columns).meanings == {
        "external_id": "工单编号",
        "name": "来电人",
        "phone": "联系电话",
        "body": "诉求内容",
        "said_at": "Created_At",
    }
    assert guessing.guess(["content", "lon"]).meanings == {"body": "content"}
    with pytest.raises(Unusable, match="请用 --map"):
        guessing.guess(["a", "b"])


def test_every_guess_is_a_known_meaning() -> None:
    known = {*mapping.TARGETS, *mapping.REPLAY_TARGETS, "answers.likes", "answers.dislikes"}
    assert set(guessing._NAMES) <= known


@pytest.mark.parametrize("name", ["诉求内容", "投诉件内容", "工单描述", "群众反映问题详情"])
def test_body_is_found_by_its_name(name: str) -> None:
    columns = ["受理单位", "诉求来源", name, "办理情况", "备注"]
    rows = rows_of(columns, ["住建局", "电话", LONG, LONG * 3, LONG * 2])
    assert guessing.guess(columns, rows) == guessing.Guess({"body": name})


def test_long_column_is_the_body_where_the_named_one_holds_a_word() -> None:
    columns = ["内容", "事件描述详情", "答复意见"]
    rows = rows_of(columns, ["停水", LONG, LONG * 2], ["停电", LONG, LONG])
    assert guessing.guess(columns, rows) == guessing.Guess({"body": "事件描述详情"})
    columns = ["甲", "乙", "丙"]
    found = guessing.guess(columns, rows_of(columns, ["停水", LONG, "城关"]))
    assert found == guessing.Guess({"body": "乙"}, unsure=True)


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        (["A1", "A2", "A1"], "“编号”那一列有重复：A1 有两行，文字不同"),
        (["1.23457E+17", "x", "y"], "“编号”那一列写成了 1.23457E+17，后面的数字已经丢了"),
        (["1", "2", "3"], "“编号”那一列像是从 1 数起的序号（最大 3）"),
        (["123456789012345000", "123456789012346000", "123456789012347000"], "超过 15 位"),
        (["A1", "A2", "A3"], ""),
        (["20161231000001", "20161231000002", "20161231000003"], ""),
        (["188006", "188007", "360114"], ""),
        (["001", "002", "003"], ""),
    ],
)
def test_guessed_ids_must_look_like_ids(
    own_city: City, tmp_path: Path, ids: list[str], why: str
) -> None:
    rows = [[own, f"第{n}件：路灯不亮"] for n, own in enumerate(ids)]
    path = write_csv(tmp_path / "m.csv", rows, ["编号", "内容"])
    ran = own_city.run("import", path)
    assert ran.code == 0
    assert ran.out.startswith(summary(3, 3, 0, 0))
    assert len(bodies()) == 3
    stored = sorted(Message.objects.values_list("external_id", flat=True))
    if not why:
        assert (ran.out, stored) == (summary(3, 3, 0, 0), sorted(ids))
        return
    assert "没有用“编号”作编号，按内容辨认每一行：" in ran.out
    assert why in ran.out
    assert "请加 --map 内容=body 编号=external_id" in ran.out
    assert all(each.startswith("row-") for each in stored)


def test_workbook_ids_that_lost_digits_are_none(own_city: City, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("工单编号", "内容"), (1.23456789012345e17, "停水"), (1.23456789012346e17, "停电")):
        sheet.append(row)
    book.save(tmp_path / "m.xlsx")
    ran = own_city.run("import", tmp_path / "m.xlsx")
    assert ran.out.startswith(summary(2, 2, 0, 0))
    assert "数字超过 15 位，后面的表格软件没有留住，例如 12345678901234" in ran.out


def test_second_months_numbers_lose_nothing(own_city: City, tmp_path: Path) -> None:
    header = ["编号", "内容", "时间"]
    june = [["1", "路灯不亮", "2016-06-01"], ["2", "井盖松动", "2016-06-02"]]
    july = [["1", "水管漏水", "2016-07-01"], ["2", "噪音扰民", "2016-07-02"]]
    own_city.run("import", write_csv(tmp_path / "june.csv", june, header))
    ran = own_city.run("import", write_csv(tmp_path / "july.csv", july, header))
    assert ran.out.startswith(summary(2, 2, 0, 0))
    assert bodies() == ["路灯不亮", "井盖松动", "水管漏水", "噪音扰民"]
    # Each file again adds nothing.
    assert own_city.run("import", tmp_path / "june.csv").out.startswith(summary(2, 0, 2, 0))


def test_rows_are_known_whether_or_not_their_ids_were_used(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["1", "停水"], ["2", "停电"]], ["编号", "内容"])
    maps = ("--map", "编号=external_id", "内容=body")
    assert own_city.run("import", path).out.startswith(summary(2, 2, 0, 0))
    # The hint of the summary may be followed without filing everything again.
    assert own_city.run("import", path, *maps).out == summary(2, 0, 2, 0)
    assert own_city.run("import", path, "--channel", "feed", *maps).out == summary(2, 2, 0, 0)
    assert own_city.run("import", path, "--channel", "feed").out.startswith(summary(2, 0, 2, 0))
    assert Appeal.objects.count() == 4
