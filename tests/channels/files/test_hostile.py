"""Hostile files and ids: forged ids, spreadsheet formulas, symlinks, memory exhaustion."""

from __future__ import annotations

import csv
import os
import stat
import zipfile
from pathlib import Path

import openpyxl
import pytest

from tests.channels.files.test_import import bodies, rejects_of, summary, write_csv
from tests.cities import City
from yinghu.appeals.models import Appeal
from yinghu.common.tables import workbooks
from yinghu.common.tables.csv_writer import guarded, plain_again
from yinghu.intake.models import Message


def rejected_table(path: Path) -> list[list[str]]:
    with Path(f"{path}.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_id_with_the_prefix_of_api_senders_is_rejected(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["u1:E9", "一"], ["u:1", "二"]], ["编号", "内容"])
    ran = own_city.run("import", path, "--channel", "hotline")
    assert (ran.code, ran.out.splitlines()[0] + "\n") == (1, summary(2, 1, 0, 1))
    assert rejects_of(path) == [["2", "编号不能以“u数字:”开头：u1:E9"]]
    assert not Message.objects.filter(external_id__startswith="u1:").exists()


@pytest.mark.parametrize(
    "cell", ["=1", "+1", "-1", "@a", "\ta", "\ra", "'=1", "''@x", "'a", "", "a=1"]
)
def test_formula_cells_are_guarded_and_restored(cell: str) -> None:
    assert guarded(cell)[:1] not in {*"=+-@\t\r"} or not cell
    assert plain_again(guarded(cell)) == cell


def test_rejects_file_is_private_guarded_and_importable(own_city: City, tmp_path: Path) -> None:
    rows = [["=1+1", "某天", "@x"], ["'=2", "某天", "-3"], ["少"]]
    path = write_csv(tmp_path / "m.csv", rows, ["内容", "时间", "+备注"])
    rejects = Path(f"{path}.rejects.csv")
    rejects.write_text("open to all", "utf-8")
    rejects.chmod(0o644)
    own_city.run("import", path)
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    table = rejected_table(path)
    assert table[0] == ["行号", "原因", "内容", "时间", "'+备注", "原文"]
    assert [row[2:] for row in table[1:]] == [
        ["'=1+1", "某天", "'@x", ""],
        ["''=2", "某天", "'-3", ""],
        ["", "", "", "少"],
    ]
    # Unchanged, it is rejected for the same reasons, and no columns are added again.
    assert own_city.run("import", rejects).code == 1
    again = rejected_table(rejects)
    assert again[0] == table[0]
    assert [row[1:] for row in again[1:]] == [row[1:] for row in table[1:]]
    rejects.write_text(rejects.read_text("utf-8-sig").replace("某天", "2020/1/2"), "utf-8-sig")
    ran = own_city.run("import", rejects)
    assert ran.out.startswith(summary(3, 2, 0, 1))
    assert bodies() == ["=1+1", "'=2"]


def test_symlink_as_rejects_file_is_not_followed(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["", "x"]], ["内容", "姓名"])
    target = tmp_path / "precious"
    target.write_text("mine", "utf-8")
    Path(f"{path}.rejects.csv").symlink_to(target)
    ran = own_city.run("import", path)
    assert ran.code == 2
    assert "写不了" in ran.err
    assert own_city.run("import", path, "--rejects", path).code == 2
    assert target.read_text("utf-8") == "mine"


def test_rejected_json_line_is_kept_whole_in_rejects_file(own_city: City, tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    lines = ['{"content": "", "n": 1}', '{"content": "好"}', '{"content"']
    path.write_text("\n".join(lines), "utf-8")
    assert own_city.run("import", path).code == 1
    table = rejected_table(path)
    assert table[0] == ["行号", "原因", "原文"]
    assert [row[2] for row in table[1:]] == [lines[0], lines[2]]


def test_rejects_go_to_current_folder_if_the_files_is_read_only(
    own_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, here = tmp_path / "closed", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    path = write_csv(folder / "m.csv", [["", "x"]], ["内容", "姓名"])
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("root may write anywhere")
    monkeypatch.chdir(here)
    ran = own_city.run("import", path)
    assert ran.out.endswith(f"拒绝的行在 {here / 'm.csv.rejects.csv'}\n")
    assert (here / "m.csv.rejects.csv").exists()


def sheet_with(path: Path, rows: str) -> Path:
    """A workbook whose one sheet has exactly these rows, as XML."""
    book = openpyxl.Workbook()
    plain = path.with_name("plain.xlsx")
    book.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
                content = (
                    f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'.encode()
                )
            new.writestr(part, content)
    return path


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (
            '<row r="1"><c r="A1"><v>1</v></c></row>'
            '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
            "有 1048576 行 × 16384 列",
        ),
        ("<row><c t=\"n\"\n r = 'XFD99999'><v>1</v></c></row>", "有 99999 行 × 16384 列"),
        ('<row r="1048577"><c r="A1048577"><v>1</v></c></row>', "有 1048577 行"),
        ("<row><c><v>{301 MB}</v></c></row>", "展开后超过 300 MB"),
    ],
    ids=["corners", "odd spelling", "row beyond", "large"],
)
def test_oversized_sheet_is_refused(
    own_city: City, tmp_path: Path, rows: str, complaint: str
) -> None:
    # As a parameter, this text would stay in the memory of each pytest worker.
    rows = rows.replace("{301 MB}", "1" * (301 * 2**20))
    path = sheet_with(tmp_path / "m.xlsx", rows)
    ran = own_city.run("import", path)
    assert ran.code == 2
    assert complaint in ran.err


def test_cell_references_are_found_across_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    path = sheet_with(tmp_path / "m.xlsx", rows)
    for size in range(1, 60, 7):
        monkeypatch.setattr(workbooks, "_CHUNK", size)
        assert "1048576 行 × 16384 列" in workbooks.fault(path)


def test_repeated_ods_cells_are_counted(tmp_path: Path) -> None:
    def ods(cell: str) -> Path:
        path = tmp_path / "m.ods"
        with zipfile.ZipFile(path, "w") as book:
            book.writestr(
                "content.xml",
                '<table:table table:name="a"><table:table-row table:number-rows-repeated="1048576">'
                f"{cell}</table:table-row></table:table>",
            )
        return path

    assert not workbooks.fault(ods('<table:table-cell table:number-columns-repeated="16384"/>'))
    cell = '<table:table-cell office:value-type="float" table:number-columns-repeated="16384"/>'
    assert "1048576 行 × 16384 列" in workbooks.fault(ods(cell))


def test_unused_columns_are_named_and_guessed_category_never_rejects(
    own_city: City, tmp_path: Path
) -> None:
    rows = [
        ["一", "奶粉", "x"],
        ["二", "milk Powder", ""],
        ["三", "MILK", ""],
        ["四", "海角", ""],
    ]
    path = write_csv(tmp_path / "m.csv", rows, ["内容", "诉求类别", "密级"])
    ran = own_city.run("import", path)
    assert (ran.code, ran.out.splitlines()[0] + "\n") == (0, summary(4, 4, 0, 0))
    assert "没有用到的列：密级\n" in ran.err
    assert "其中 1 行类别不认识，留空了，其余照收" in ran.out
    categories = list(Appeal.objects.order_by("pk").values_list("category_id", flat=True))
    assert categories == ["milk", "milk", "milk", None]
    ran = own_city.run(
        "import", path, "--channel", "feed", "--map", "内容=body", "诉求类别=category"
    )
    assert "没有用到的列：密级\n" in ran.err
    assert rejects_of(path) == [["5", "诉求类别：没有这个类别：海角"]]
