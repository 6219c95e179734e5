"""Everyday needs and bare answers, which name things and people and tell of no danger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yinghu import cli
from yinghu.triage.appeal_urgency import judge

LISTS = Path(__file__).parent / "everyday"
"""200 texts each, by writers whose texts were not trained on; columns as in `urgency/`."""

BARE = (
    "六口人",
    "三楼",
    "一个人住",
    "高血压药两盒",
    "盐，酱油，面条",
    "vegetables and rice",
    "blood pressure pills, 2 boxes",
    "rice and water",
)


@pytest.mark.parametrize("text", BARE)
def test_bare_answer_is_no_danger(text: str) -> None:
    assert judge(text, {}).urgency < 3
    assert judge("请帮忙", {"what": text}).urgency < 3


def test_need_of_many_people_is_no_danger() -> None:
    """The demo's own case, which led its desks as an alarm."""
    said = "We are six people in the dormitory near the market, no vegetables and rice since"
    judged = judge(f"{said} yesterday. Please help.", {"what": "vegetables and rice", "people": 6})
    assert judged.urgency < 3


@pytest.mark.parametrize(("name", "precision"), [("english.csv", 0.85), ("short.csv", 0.90)])
def test_unseen_everyday_texts_are_told_from_dangers(
    name: str, precision: float, capsys: pytest.CaptureFixture[str]
) -> None:
    args = cli.parser().parse_args(["evaluate", "urgency", str(LISTS / name)])
    assert args.command.run(args) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["recall"] >= 0.95
    assert said["precision"] >= precision
