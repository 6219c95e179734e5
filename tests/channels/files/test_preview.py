"""The preview: how a file is understood, before anything is stored."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests import databases
from tests.channels.files.test_import import summary, write_csv
from tests.cities import City
from yinghu.appeals.models import Appeal
from yinghu.intake.models import Message

HEADER = ["工单编号", "投诉件内容", "受理时间", "密级"]
ROWS = [["A1", "北门街路灯坏了", "31/12/2016 08:30", "内部"], ["A2", "", "", ""]]


def test_preview_shows_columns_and_rows_and_stores_nothing(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["热线台账"], HEADER, *ROWS], ["2016年"])
    ran = own_city.run("import", path, "--preview")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "标题，不当作一行：2016年",
        "标题，不当作一行：热线台账",
        "各列这样理解（要改请用 --map）：",
        "  投诉件内容=body  诉求正文（必须有）",
        "  工单编号=external_id  对方的编号",
        "  受理时间=said_at  何时说的",
        "没有用到的列：密级",
        "前几行会成为：",
        "  第 4 行：A1  2016-12-31 08:30  北门街路灯坏了",
        "  第 5 行：拒绝，没有诉求正文",
    ]
    assert not Message.objects.exists()
    assert not Path(f"{path}.rejects.csv").exists()


def test_body_found_by_length_alone_needs_a_look(own_city: City, tmp_path: Path) -> None:
    long = "小区北门的路灯坏了三天，老人晚上不敢出门"
    path = write_csv(tmp_path / "m.csv", [["城关", long]], ["甲", "乙"])
    ran = own_city.run("import", path)
    assert (ran.code, ran.out) == (2, "")
    assert f"  第 2 行：{long}" in ran.err
    assert "正文那一列只是按长短猜的" in ran.err
    assert not Message.objects.exists()
    assert own_city.run("import", path, "--yes").out == summary(1, 1, 0, 0)


@pytest.mark.process
@pytest.mark.parametrize(("answer", "code", "filed"), [("y\n", 0, 1), ("\n", 2, 0)])
def test_terminal_is_asked_before_anything_is_stored(
    own_city: City, tmp_path: Path, answer: str, code: int, filed: int
) -> None:
    path = write_csv(tmp_path / "m.csv", ROWS[:1], HEADER)
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "DATABASE_URL": databases.database_url(own_city.name),
        "YINGHU_HOME": str(settings.HOME),
        "DJANGO_SETTINGS_MODULE": "yinghu.config.settings",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "yinghu", "import", str(path)],
        env=environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    try:
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        assert not Appeal.objects.exists()
        os.write(ours, answer.encode())
        # The progress bar is drawn on the terminal too; reading fails once the process has ended.
        with contextlib.suppress(OSError):
            while os.read(ours, 4096):
                pass
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert "北门街路灯坏了" in said.decode()
    assert (process.returncode, Appeal.objects.count()) == (code, filed)
