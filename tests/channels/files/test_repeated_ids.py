"""One id with two texts: the second row is rejected, and both texts are shown."""

from __future__ import annotations

import json
from pathlib import Path

from tests.channels.files.test_import import bodies, rejects_of, summary, write_csv
from tests.cities import City
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.common.privacy.opening import unseal
from yinghu.intake.models import Message

HEADER = ["编号", "标题", "内容", "姓名"]
MAPS = ("--map", "编号=external_id", "标题=title", "内容=body", "姓名=name")
CLASH = "其中 {} 行的编号已经是另一件诉求的，文字不同：没有收，两边的文字都写在原因里"


def test_id_of_another_text_is_rejected_with_both_texts(own_city: City, tmp_path: Path) -> None:
    rows = [["7", "路灯", "北门街路灯坏了", "王小明"], ["7", "", "东门街停水了", "李小红"]]
    path = write_csv(tmp_path / "m.csv", rows, HEADER)
    ran = own_city.run("import", path, *MAPS)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        summary(2, 1, 0, 1).strip(),
        CLASH.format(1),
        f"拒绝的行在 {path}.rejects.csv",
    ]
    number = Appeal.objects.get().number
    why = f"编号 7 已经是另一件（诉求 {number}“路灯 北门街路灯坏了”），这一行是“东门街停水了”"
    assert rejects_of(path) == [["3", why]]
    kept = Message.objects.get(appeal=None)
    assert (kept.error, json.loads(unseal(kept.raw))["内容"]) == (why, "东门街停水了")


def test_stored_id_of_another_text_is_rejected_and_the_same_text_known(
    own_city: City, tmp_path: Path
) -> None:
    june = write_csv(tmp_path / "june.csv", [["1", "", "路灯不亮", ""]], HEADER)
    own_city.run("import", june, *MAPS)
    july = write_csv(
        tmp_path / "july.csv",
        [["1", "", "水管漏水", ""], ["1", "", "路灯不亮", "王小明"], ["2", "", "停电", ""]],
        HEADER,
    )
    for _time in range(2):
        ran = own_city.run("import", july, *MAPS)
        assert ran.code == 1
        number = Appeal.objects.order_by("pk")[0].number
        assert [why for _line, why in rejects_of(july)] == [
            f"编号 1 已经是另一件（诉求 {number}“路灯不亮”），这一行是“水管漏水”",
            f"编号 1 已经有了（诉求 {number}“路灯不亮”），文字相同，别的列不同",
        ]
    assert bodies() == ["路灯不亮", "停电"]
    # Another name, or blanks, do not make another message.
    again = write_csv(tmp_path / "again.csv", [["1", "", "路灯 不亮 ", "王小明"]], HEADER)
    assert own_city.run("import", again, *MAPS).out == summary(1, 0, 1, 0)
    # Another title does.
    titled = write_csv(tmp_path / "titled.csv", [["3", "南门", "停电", ""]], HEADER)
    own_city.run("import", titled, *MAPS)
    other = write_csv(tmp_path / "other.csv", [["3", "北门", "停电", ""]], HEADER)
    assert own_city.run("import", other, *MAPS).out.startswith(summary(1, 0, 0, 1))


def test_corrected_id_is_filed(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["A", "", "一", ""], ["A", "", "二", ""]], HEADER)
    own_city.run("import", path, *MAPS)
    rejects = Path(f"{path}.rejects.csv")
    text = rejects.read_text("utf-8-sig")
    rejects.write_text(text.replace(",A,,二", ",B,,二"), "utf-8-sig")
    assert own_city.run("import", rejects, *MAPS).out == summary(1, 1, 0, 0)
    assert bodies() == ["一", "二"]


def test_replay_carries_no_other_case_by_its_id(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["1", "路灯不亮"]], ["编号", "内容"])
    own_city.run("import", path, "--map", "编号=external_id", "内容=body")
    rows = [["1", "水管漏水", "水管修好了"]]
    path = write_csv(tmp_path / "r.csv", rows, ["编号", "内容", "答复"])
    maps = ("--map", "编号=external_id", "内容=body", "答复=answer")
    ran = own_city.run("replay", path, *maps, "--unit", "squad-24h")
    assert ran.code == 1
    assert Appeal.objects.get().status == Status.FILED
