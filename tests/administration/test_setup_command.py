"""Setup tables loaded by command: the same checks and history as on the pages."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from tests.cast import Cast
from yinghu import demo
from yinghu.administration.registry import TYPES
from yinghu.commands import setup as command
from yinghu.people.models import Change, Unit
from yinghu.places.models import Area

pytestmark = pytest.mark.django_db


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(text, "utf-8-sig")
    return path


def test_valid_rows_are_saved_with_history_and_bad_rows_rejected(
    city: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write(
        tmp_path,
        "code,name,kind,parent,active\n"
        "water,水务组,group,,1\n"
        "pump,泵站,group,water,0\n"
        "milk,奶粉组,group,,1\n"
        "food,食品大组,group,,1\n"
        "bad code,甲,group,,1\n"
        "x1,水务组,group,,1\n",
    )
    rejects = tmp_path / "rejects.csv"
    assert run("unit", table, "--rejects", rejects) == 1
    said = capsys.readouterr()
    assert said.out == "新增 2，更新 1，未变 1，停用 0，拒绝 2\n"
    assert "第 6 行：代码：代码只用字母" in said.err
    assert "第 7 行：名称：“水务组”已经有了（water）" in said.err
    assert len(rejects.read_text("utf-8-sig").splitlines()) == 3
    pump = Unit.objects.select_related("parent").get(code="pump")
    assert (pump.parent and pump.parent.code, pump.active) == ("water", False)
    changes = Change.objects.filter(kind="unit", key__in=("water", "pump", "food")).order_by("id")
    assert [(each.key, each.user, each.after.get("active")) for each in changes][-4:] == [
        ("water", None, True),
        ("pump", None, True),
        ("pump", None, False),
        ("food", None, None),
    ]


def test_refused_row_changes_nothing(
    city: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Change.objects.count()
    table = write(tmp_path, "user,unit,role,area,active\nadmin,platform,admin,,0\n")
    assert run("post", table) == 1
    assert "最后一位管理员" in capsys.readouterr().err
    assert Change.objects.count() == before


def test_unknown_type_header_or_file_is_refused(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("street", write(tmp_path, "code,name\n")) == 2
    assert "area, unit, user" in capsys.readouterr().err
    assert run("unit", write(tmp_path, "a,b\n1,2\n")) == 2
    assert "表头应有 code" in capsys.readouterr().err
    assert run("unit", tmp_path / "none.csv") == 2


def test_demo_city_is_recorded_in_the_history(db: None) -> None:
    made = Change.objects.filter(user=None, before={})
    assert made.filter(kind="area").count() == Area.objects.count() == 624
    kinds = set(made.values_list("kind", flat=True))
    assert kinds == TYPES.keys() - {"workday", "chase", "policy", "text"}
    before = Change.objects.count()
    demo.load_city()
    demo.load_people()
    assert Change.objects.count() == before
