"""`yinghu import`: each valid row becomes exactly one appeal, and bad rows stop nothing."""

from __future__ import annotations

import csv
import io
import json
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from tests.cities import City
from tests.live import until
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.common.privacy.opening import unseal
from yinghu.common.privacy.sealing import blind
from yinghu.intake.models import Message

HEADER = ["留言编号", "留言主题", "留言详情", "留言时间", "姓名", "电话", "地址", "区域", "点赞数"]
FIRST = [
    "A1",
    "路灯不亮",
    "北门街的路灯坏了三天，\n老人晚上不敢出门。",
    "2019/2/28 11:25:05",
    "王小明",
    "138 1234 5678",
    "北门街12号",
    "福田街道",
    "7",
]
SECOND = ["A2", "", "奶粉没有了", "2020-01-06 9:05:00", "", "", "", "330782100", ""]


def write_csv(
    path: Path,
    rows: Sequence[Sequence[str]],
    header: Sequence[str] = HEADER,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


def rejects_of(path: Path) -> list[list[str]]:
    """Line and reason of each reject, without the heading."""
    with Path(f"{path}.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row[:2] for row in csv.reader(file)][1:]


def summary(read: int, new: int, known: int, rejected: int) -> str:
    return f"读取 {read} 行：新建 {new}，已有 {known}，拒绝 {rejected}\n"


def bodies() -> list[str]:
    return list(Appeal.objects.order_by("pk").values_list("body", flat=True))


def assert_whole(count: int) -> None:
    """There are `count` appeals, each with its first event, its clocks and one message."""
    assert Appeal.objects.count() == count
    assert Event.objects.filter(verb="file", seq=1).count() == count
    assert Clock.objects.count() == 2 * count
    assert Message.objects.filter(appeal__isnull=False).values("appeal").distinct().count() == count


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [
        ("utf-8", ","),
        ("utf-8-sig", ";"),
        ("gb18030", ","),
        ("gb18030", "\t"),
        ("utf-16", "\t"),
        ("utf-8", "|"),
    ],
)
def test_csv_of_common_encodings_and_delimiters(
    own_city: City, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    path = write_csv(tmp_path / "m.csv", [FIRST, SECOND], encoding=encoding, delimiter=delimiter)
    ran = own_city.run("import", path, "--channel", "feed")
    assert (ran.code, ran.out) == (0, summary(2, 2, 0, 0))
    assert_whole(2)
    first, second = Appeal.objects.order_by("pk")
    assert first.body == FIRST[2].replace("\n", "\n")
    assert (first.title, first.channel, first.area_id) == ("路灯不亮", "feed", "330782008")
    assert first.said_at == datetime(2019, 2, 28, 3, 25, 5, tzinfo=UTC)
    assert (unseal(first.name), unseal(first.phone)) == ("王小明", "+8613812345678")
    assert unseal(first.address) == "北门街12号"
    assert bytes(first.caller or b"") == blind("+8613812345678")
    assert first.answers == {"likes": "7"}
    assert (second.body, second.title, second.area_id) == ("奶粉没有了", "", "330782100")
    assert (second.caller, second.answers) == (None, {})
    message = Message.objects.get(external_id="A1")
    assert json.loads(unseal(message.raw)) == dict(zip(HEADER, FIRST, strict=True))


def test_second_run_files_only_new_rows(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [FIRST, SECOND])
    own_city.run("import", path, "--channel", "feed")
    ran = own_city.run("import", path, "--channel", "feed")
    assert (ran.code, ran.out) == (0, summary(2, 0, 2, 0))
    write_csv(path, [FIRST, ["A3", "", "又一件", "", "", "", "", "", ""], SECOND])
    assert own_city.run("import", path, "--channel", "feed").out == summary(3, 1, 2, 0)
    assert bodies() == [FIRST[2], "奶粉没有了", "又一件"]
    # The same ids in another channel are other messages.
    assert own_city.run("import", path, "--channel", "hotline").out == summary(3, 3, 0, 0)


def test_rows_without_ids_are_identified_by_content_and_count(
    own_city: City, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "m.csv", [["停水了"], ["停水了"], ["停电了"]], ["内容"])
    ran = own_city.run("import", path)
    assert (ran.code, ran.out) == (0, summary(3, 3, 0, 0))
    assert "按内容辨认每一行" in ran.err
    assert own_city.run("import", path).out == summary(3, 0, 3, 0)
    write_csv(path, [["停水了"], ["停电了"], ["停水了"], ["停水了"]], ["内容"])
    assert own_city.run("import", path).out == summary(4, 1, 3, 0)
    assert sorted(bodies()) == ["停水了"] * 3 + ["停电了"]
    assert not Message.objects.filter(external_id__contains="停").exists()


def test_invisible_characters_are_removed_on_import(own_city: City, tmp_path: Path) -> None:
    row = ["A1", "路\u202e灯", "灯\u200b坏了", "", "\u2067小\u200d王", "\u202d13812345678\u202c"]
    nothing = ["A2", "", "\u200b\u202e", "", "", ""]
    rows = [[*each, "3\u200f号楼", "", ""] for each in (row, nothing)]
    path = write_csv(tmp_path / "m.csv", rows)
    ran = own_city.run("import", path, "--channel", "feed")
    assert ran.out.startswith(summary(2, 1, 0, 1))
    appeal = Appeal.objects.get()
    assert (appeal.title, appeal.body) == ("路灯", "灯坏了")
    assert [unseal(sealed) for sealed in (appeal.name, appeal.phone, appeal.address)] == [
        "小王",
        "+8613812345678",
        "3号楼",
    ]
    assert rejects_of(path) == [["3", "没有诉求正文"]]


def test_map_option_accepts_any_column_names(own_city: City, tmp_path: Path) -> None:
    header = ["a=b", "谁", "类", "x", "y", "罐数"]
    row = ["要奶粉", "u1", "奶粉", "120.0785", "29.3061", "2"]
    path = write_csv(tmp_path / "m.csv", [row], header)
    maps = ["a=b=body", "谁=caller", "类=category", "x=lon", "y=lat", "罐数=answers.count"]
    ran = own_city.run("import", path, "--channel", "volunteers", "--map", *maps)
    assert (ran.code, ran.out) == (0, summary(1, 1, 0, 0))
    appeal = Appeal.objects.get()
    assert (appeal.category_id, appeal.answers) == ("milk", {"count": "2"})
    assert (appeal.lon, appeal.lat) == (120.0785, 29.3061)
    assert (appeal.area_id or "").startswith("330782")
    # The same user id in another channel is another caller.
    assert bytes(appeal.caller or b"") == blind("volunteers:u1")


def test_gcj02_option_converts_points_to_wgs84(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["这里", "120.08", "29.31"]], ["内容", "经度", "纬度"])
    own_city.run("import", path, "--gcj02")
    appeal = Appeal.objects.get()
    assert appeal.lon == pytest.approx(120.0754, abs=0.0005)
    assert appeal.lat == pytest.approx(29.3126, abs=0.0005)


@pytest.mark.parametrize(
    ("maps", "complaints"),
    [
        (["留言详情=bodi"], ["没有“bodi”这个含义", "answers.*"]),
        (["留言=body"], ["没有“留言”这一列", "是不是“留言详情”", "文件里的列：留言编号"]),
        (["留言主题=title"], ["没有指明哪一列是诉求正文"]),
        (["留言详情=body", "留言主题=body"], ["“body”已经是“留言详情”了"]),
        (["留言详情"], ["要写成 列名=含义"]),
        (["留言详情=body", "点赞数=lon"], ["经度和纬度要一起指明"]),
        (["留言详情=body", "点赞数=answers."], ["没有“answers.”这个含义"]),
        (["留言详情=body", "点赞数=answer"], ["没有“answer”这个含义"]),
    ],
)
def test_wrong_map_is_refused_with_a_hint(
    own_city: City, tmp_path: Path, maps: list[str], complaints: list[str]
) -> None:
    path = write_csv(tmp_path / "m.csv", [FIRST])
    ran = own_city.run("import", path, "--map", *maps)
    assert (ran.code, ran.out) == (2, "")
    for complaint in complaints:
        assert complaint in ran.err
    assert not Message.objects.exists()


def test_bad_rows_are_reported_and_kept_without_stopping(own_city: City, tmp_path: Path) -> None:
    header = ["编号", "内容", "时间", "类别"]
    rows = [
        ["1", "好的", "2020/1/1", "milk"],
        ["2", "", "2020/1/1", ""],
        ["3", "日子不对", "2020/2/30", ""],
        ["4", "类别不对", "", "不存在"],
        ["5", "长" * 20_001, "", ""],
        ["6", "多一格", "", "", "多"],
        ["7", "少一格"],
        ["1", "同号不同文", "", ""],
        ["", "没有编号也收", "", "食品"],
        ["8", "空的多余格没关系", "", "", "", ""],
    ]
    path = write_csv(tmp_path / "m.csv", rows, header)
    maps = ["编号=external_id", "内容=body", "时间=said_at", "类别=category"]
    ran = own_city.run("import", path, "--map", *maps)
    assert ran.code == 1
    clash = "其中 1 行的编号已经是另一件诉求的，文字不同：没有收，两边的文字都写在原因里\n"
    assert ran.out == summary(10, 3, 0, 7) + clash + f"拒绝的行在 {path}.rejects.csv\n"
    number = Appeal.objects.order_by("pk")[0].number
    expected = [
        ["3", "没有诉求正文"],
        ["4", "看不懂的时间：2020/2/30"],
        ["5", "类别：没有这个类别：不存在"],
        ["6", "内容：有 20001 个字，最多 20000 个字"],
        ["7", "有 5 格，而表头有 4 列"],
        ["8", "有 2 格，而表头有 4 列"],
        ["9", f"编号 1 已经是另一件（诉求 {number}“好的”），这一行是“同号不同文”"],
    ]
    assert rejects_of(path) == expected
    assert bodies() == ["好的", "没有编号也收", "空的多余格没关系"]
    kept = Message.objects.filter(appeal=None).order_by("pk")
    assert [message.error for message in kept] == [why for _line, why in expected]
    assert json.loads(unseal(kept[2].raw))["内容"] == "类别不对"
    assert unseal(kept[4].raw) == "6,多一格,,,多\r\n"
    # A second run rejects the same rows and keeps nothing twice.
    again = own_city.run("import", path, "--map", *maps)
    assert again.out.startswith(summary(10, 0, 3, 7))
    assert Message.objects.count() == 10


def test_rejected_rows_are_filed_once_map_or_row_is_fixed(own_city: City, tmp_path: Path) -> None:
    rows = [["A1", "一", "类", "2020/1/1"], ["A2", "二", "别", "2020/13/1"]]
    path = write_csv(tmp_path / "m.csv", rows, ["编号", "内容", "归类", "时间"])
    own_city.run("import", path, "--map", "编号=external_id", "内容=body", "归类=category")
    assert not Appeal.objects.exists()
    ran = own_city.run("import", path)
    assert ran.out.startswith(summary(2, 1, 0, 1))
    write_csv(path, [rows[0], [*rows[1][:3], "2020/12/1"]], ["编号", "内容", "归类", "时间"])
    ran = own_city.run("import", path)
    assert (ran.code, ran.out) == (0, summary(2, 1, 1, 0))
    assert not Path(f"{path}.rejects.csv").exists()
    assert not Message.objects.exclude(error="").exists()
    assert_whole(2)


def test_rejects_file_can_be_corrected_and_imported(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["一", "2020/1/1"], ["二", "某天"]], ["内容", "时间"])
    own_city.run("import", path)
    rejects = Path(f"{path}.rejects.csv")
    rejects.write_text(rejects.read_text("utf-8-sig").replace("某天", "2020/1/2"), "utf-8-sig")
    assert own_city.run("import", rejects).out == summary(1, 1, 0, 0)
    assert bodies() == ["一", "二"]


def test_unreadable_phone_point_or_area_does_not_reject_a_row(
    own_city: City, tmp_path: Path
) -> None:
    header = ["内容", "电话", "经度", "纬度", "区域", "地址"]
    rows = [
        ["一", "138****5678", "", "", "", ""],
        ["二", "无", "200", "30", "海角", "天涯路1号"],
        ["三", "13812345678/13900001111", "", "30", "", ""],
    ]
    path = write_csv(tmp_path / "m.csv", rows, header)
    ran = own_city.run("import", path)
    assert ran.code == 0
    assert ran.out == (
        summary(3, 3, 0, 0)
        + "其中 2 行电话看不懂，其余照收\n其中 2 行坐标看不懂，其余照收\n"
        + "其中 1 行区域找不到，写进了地址，其余照收\n"
    )
    one, two, three = Appeal.objects.order_by("pk")
    assert [bytes(one.phone), bytes(two.phone)] == [b"", b""]
    assert unseal(three.phone) == "13812345678/13900001111"
    assert (two.lon, two.area_id, unseal(two.address)) == (None, None, "海角 天涯路1号")
    assert "138****5678" in unseal(Message.objects.get(appeal=one).raw)


def test_excel_workbook_is_imported(own_city: City, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["B2"], sheet["C2"], sheet["D2"], sheet["E2"] = "编号", "诉求内容", "时间", "电话"
    for row in (
        (70007, "停水", datetime(2020, 1, 2, 3, 4, 5), 13812345678),
        (None, None, None, None),
        (80008.5, "停电_x000D_\n三小时", "2020/1/3", "无"),
        (90009, None, None, None),
    ):
        sheet.append((None, *row))
    book.create_sheet("另一张").append(["内容"])
    path = tmp_path / "m.xlsx"
    book.save(path)
    ran = own_city.run("import", path, "--channel", "hotline")
    assert (ran.code, ran.out.splitlines()[0] + "\n") == (1, summary(3, 2, 0, 1))
    assert rejects_of(path) == [["6", "没有诉求正文"]]
    first, second = Appeal.objects.order_by("pk")
    assert second.body.split() == ["停电", "三小时"]
    assert first.said_at == datetime(2020, 1, 1, 19, 4, 5, tzinfo=UTC)
    assert (first.body, unseal(first.phone)) == ("停水", "+8613812345678")
    assert list(Message.objects.order_by("pk").values_list("external_id", flat=True)) == [
        "70007",
        "80008.5",
        "90009",
    ]
    assert own_city.run("import", path, "--channel", "hotline").out.startswith(summary(3, 0, 2, 1))
    assert own_city.run("import", path, "--sheet", "另一张").out == summary(0, 0, 0, 0)
    assert "有：Sheet、另一张" in own_city.run("import", path, "--sheet", "没有").err


def test_broken_json_lines_are_rejected_and_others_filed(own_city: City, tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(
        '{"id": 1, "content": "停水", "user": {"name": "王小明", "phone": "13812345678"}, "n": 3}\n'
        "\n"
        '{"id": 2, "content": "断了\n'
        "[1, 2]\n"
        '{"id": 3, "content": "停电", "n": {"deep": true}, "more": [1]}\n'
        '{"id": 4, "content": NaN}\n'
        '{"id": 5, "content": "半个\\ud800字"}\n'
        '{"id": 6}',
        "utf-8",
    )
    maps = ["id=external_id", "content=body", "user.name=name", "user.phone=phone", "n=answers.n"]
    ran = own_city.run("import", path, "--map", *maps)
    assert (ran.code, ran.out.splitlines()[0] + "\n") == (1, summary(7, 2, 0, 5))
    lines = [line for line, _why in rejects_of(path)]
    assert lines == ["3", "4", "6", "7", "8"]
    first, second = Appeal.objects.order_by("pk")
    assert (unseal(first.name), first.answers, second.answers) == ("王小明", {"n": 3}, {})
    assert own_city.run("import", path, "--map", *maps).out.startswith(summary(7, 0, 2, 5))


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("empty.csv", b"", "是空的"),
        ("blank.csv", b"\xef\xbb\xbf\r\n \r\n", "是空的"),
        ("header.csv", "内容,时间\r\n".encode(), ""),
        ("none.csv", "停水了,2020/1/1\r\n停电了,2020/1/2\r\n".encode(), "看不出哪一列是诉求正文"),
        ("not.xlsx", b"PK\x03\x04 but no workbook", "不是能打开的 Excel 文件"),
        ("not2.xlsx", "内容\r\n停水\r\n".encode(), "不是能打开的 Excel 文件"),
        ("array.json", b'[{"content": "x"}]', "没有一行是 JSON 对象"),
        ("big5.csv", b"\x80\xff\xff\xff\r\n\x80\xff\xfe\r\n", "--encoding"),
        ("folder", None, "读不了"),
        ("missing.csv", None, "读不了"),
    ],
)
def test_unusable_files_are_refused_with_a_reason(
    own_city: City, tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    ran = own_city.run("import", path)
    assert ran.code == (2 if complaint else 0)
    assert complaint in ran.err
    assert not Message.objects.exists()


def test_damaged_csv_rows_are_rejected_and_others_filed(own_city: City, tmp_path: Path) -> None:
    giant = "大" * (10 * 2**20)
    text = io.BytesIO()
    text.write("编号,内容\r\n1,前\r\n".encode())
    text.write(b"2,\xff\xfe\x80 bytes\r\n")
    text.write("3,有\x00空字\x07符\r\n".encode())
    text.write(f"4,{giant}\r\n".encode())
    text.write('5,"引号没有合上\r\n6,中\r\n7,后\r\n'.encode())
    path = tmp_path / "m.csv"
    path.write_bytes(text.getvalue())
    ran = own_city.run("import", path)
    assert (ran.code, ran.out.splitlines()[0] + "\n") == (1, summary(7, 4, 0, 3))
    assert rejects_of(path) == [
        ["3", "有不能识别的字节，请检查文件的编码"],
        ["5", f"内容：有 {len(giant)} 个字，最多 20000 个字"],
        ["6", "引号没有合上"],
    ]
    assert bodies() == ["前", "有空字符", "中", "后"]
    kept = Message.objects.filter(appeal=None).order_by("pk")
    assert unseal(kept[2].raw) == '5,"引号没有合上\r\n'
    assert json.loads(unseal(kept[1].raw))["内容"] == giant


def test_unusable_channel_or_rejects_path_is_refused(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [FIRST])
    ran = own_city.run("import", path, "--channel", "web")
    assert ran.code == 2
    assert "没有可导入的渠道“web”" in ran.err
    ran = own_city.run("import", path, "--rejects", tmp_path / "no" / "where.csv")
    assert ran.code == 2
    assert "写不了" in ran.err


def many(path: Path, count: int) -> Path:
    rows = [[str(n), f"第{n}件：路灯不亮", "", "", "", "", "", "", ""] for n in range(count)]
    return write_csv(path, [[f"A{row[0]}", "", *row[1:2], *row[2:8]] for row in rows])


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_import_continues_on_the_next_run(
    own_city: City, tmp_path: Path, ending: signal.Signals
) -> None:
    path = many(tmp_path / "m.csv", 12_000)
    process = own_city.start("import", path, "--channel", "feed")
    until(Appeal.objects.exists, "the first batch")
    process.send_signal(ending)
    out, err = process.communicate(timeout=60)
    done = Appeal.objects.count()
    assert 0 < done < 12_000
    if ending is signal.SIGINT:
        assert process.returncode == 130, err
        assert out == summary(done, done, 0, 0)
        assert "再执行一次会接着做" in err
    ran = own_city.run("import", path, "--channel", "feed")
    assert (ran.code, ran.out) == (0, summary(12_000, 12_000 - done, done, 0))
    assert_whole(12_000)


def test_concurrent_imports_of_one_file_file_each_row_once(own_city: City, tmp_path: Path) -> None:
    path = many(tmp_path / "m.csv", 6_000)
    first = own_city.start("import", path, "--channel", "feed")
    second = own_city.start("import", path, "--channel", "feed")
    for process in (first, second):
        _out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert_whole(6_000)
