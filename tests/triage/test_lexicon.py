"""The shipped lexicon on appeals as people write them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import yinghu
from yinghu.triage.classifier import accuracy, distinct, split
from yinghu.triage.evaluation import bands, main
from yinghu.triage.lexicon import DEFAULT, BadLexicon, Reader, default_reader
from yinghu.triage.shortages import BadRunningOut, RunningOut

LABELLED = Path(__file__).parents[3] / "shared" / "data" / "messages" / "labelled_raw.csv"
CATEGORIES = Path(yinghu.__file__).parent / "demo" / "categories.csv"


def codes() -> dict[str, str]:
    with CATEGORIES.open(encoding="utf-8", newline="") as lines:
        return {row["name"]: row["code"] for row in csv.DictReader(lines)}


@pytest.mark.parametrize(
    ("text", "category", "klass"),
    [
        ("宝宝奶粉快没了，求助", "milk", "need"),
        ("我爸高血压药吃完了，要去中心医院配药", "medicine", "need"),
        ("家里没菜了，能不能送点蔬菜", "food", "need"),
        ("尿不湿用完了", "daily", "need"),
        ("透析病人要去医院，没有车", "medical", "need"),
        ("人在外地回不了家，需要通行证", "travel", "need"),
        ("独居老人没人照顾", "care", "need"),
        ("A小区物业乱收物业费\n投诉业主委员会不作为", "urban", "opinion"),
        ("化工厂夜里偷排废气，气味刺鼻", "environment", "opinion"),
        ("出租车不打表还拒载", "transport", "opinion"),
        ("学校周末补课收费", "education", "opinion"),
        ("公司拖欠工资半年了", "labour", "opinion"),
        ("咨询生育津贴怎么申请，需要什么材料", "labour", "policy"),
        ("举报传销组织，虚假宣传", "commerce", "opinion"),
        ("请问独生子女费什么时候发，什么条件可以领，想咨询", "health", "policy"),
        ("寶寶奶粉快沒了，求助", "milk", "need"),
        ("公司拖欠工資半年了", "labour", "opinion"),
        ("Ｍｙ　ｂａｂｙ　ｈａｓ　ｎｏ　ｍｉｌｋ　ｐｏｗｄｅｒ", "milk", "need"),
        ("My baby has no milk powder", "milk", "need"),
        ("My baby needs milk powder", "milk", "need"),
        ("My father needs insulin", "medicine", "need"),
        ("你好", "other", "opinion"),
        ("", "other", "opinion"),
    ],
)
def test_readings(text: str, category: str, klass: str) -> None:
    reading = default_reader().read(text)
    assert (reading.category, reading.klass) == (category, klass)


@pytest.mark.parametrize(
    "row",
    ["supply,药,medicine,", "out,没了,,3", "soon,明天,,", "left,|,,", "unit,天,,x", "unit"],
)
def test_bad_line_in_the_running_out_file_is_reported(tmp_path: Path, row: str) -> None:
    path = tmp_path / "running_out.csv"
    path.write_text(f"role,words,category,hours\nunit,天,,24\n{row}\n", "utf-8")
    with pytest.raises(BadRunningOut, match="line 3"):
        RunningOut.load(path)


def test_reasons_quote_the_matched_words() -> None:
    reading = default_reader().read("奶粉快没了，求助")
    assert reading.why[0] == "奶粉快没"
    assert "求助" in reading.why


def test_answers_count_toward_the_category() -> None:
    reading = default_reader().read("需要帮助", {"medicine": "布洛芬", "count": 2, "bool": True})
    assert reading.category == "medicine"


def test_lexicon_categories_exist_in_the_demo() -> None:
    with DEFAULT.open(encoding="utf-8", newline="") as lines:
        named = {row["category"] for row in csv.DictReader(lines)} - {""}
    assert named <= set(codes().values())


@given(st.text(max_size=300))
def test_any_text_has_a_reading(text: str) -> None:
    reading = default_reader().read(text)
    assert reading.klass in {"policy", "opinion", "need"}
    assert all(0 <= sure <= 1 for sure in reading.confidences.values())
    assert default_reader().read(text) == reading


@pytest.mark.parametrize(
    "row",
    ["奶粉,milk,want,1", "奶,milk,need,1", "奶粉,milk,need,x", "奶粉"],
)
def test_bad_rule_is_reported_by_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "lexicon.csv"
    path.write_text(f"words,category,klass,weight\n米饭,food,need,1\n{row}\n", "utf-8")
    with pytest.raises(BadLexicon, match="line 3"):
        Reader.load(path)


def test_accuracy_and_calibration_on_real_messages(capsys: pytest.CaptureFixture[str]) -> None:
    if not LABELLED.exists():
        pytest.skip(f"labelled messages are not beside this clone ({LABELLED.name})")
    names = codes()
    with LABELLED.open(encoding="utf-8-sig", newline="") as lines:
        pairs = distinct(
            (f"{row['留言主题']}\n{row['留言详情']}", names[row["一级分类"]])
            for row in csv.DictReader(lines)
        )
    _half, held = split(pairs, 0.5)
    assert accuracy(default_reader(), held) >= 0.82
    for _band, number, sure, right in bands(default_reader(), held):
        assert number < 30 or abs(sure - right) < 0.2
    assert main([str(LABELLED)]) == 0
    assert "held back" in capsys.readouterr().out
