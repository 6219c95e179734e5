"""How urgent messages are judged: dangers in plain words, near misses, supplies that run out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yinghu import cli
from yinghu.triage.appeal_urgency import judge
from yinghu.triage.urgency import BadUrgencyModel, UrgencyModel, shipped_model
from yinghu.triage.urgency_training import REPORTED, train, written_texts

LISTS = Path(__file__).parent / "urgency"
MESSAGES = Path(__file__).parents[3] / "shared" / "data" / "messages"
MOST_RAISED = 7

DANGERS = (
    "三楼着火了，有人被困没出来",
    "老人摔倒了叫不醒",
    "胸口疼得厉害喘不上气",
    "被高压电打到",
    "高楼上有人要跳下来",
    "路面塌了有车掉进去",
    "井盖没了小孩掉下去了",
    "三十多个学生呕吐",
    "独居老人两天没开门",
    "瓷砖掉落差点砸到人",
    "wife is pregnant, 38 weeks, strong pain, no car",
    "再不解决我就从这楼上跳楼",
    "老板不给钱就同归于尽",
    "楼道里闻到煤气味",
    "電梯困人了快來",
    "监视器看到妈妈躺在浴室地板没动",
    "I will kill myself",
    "孕妇要生了",
)
LETTER = "小区物业收费不合理，已经反映过多次，一直没有结果，希望有关部门管一管。" * 60
NEAR_MISSES = (
    "延期交房",
    "头都要炸了",
    "有偿补课",
    "老伴脑溢血十年了，申请低保",
    "房屋开裂",
    "商场打跳楼价虚假宣传",
    "小区有火灾隐患",
    "为了避免火灾请清理楼道",
    "加强防火宣传",
    "firefly",
    "谨防触电",
    "去年这里淹死过人，请装护栏",
    "救护车一次收多少钱",
    "",
)


@pytest.mark.parametrize("text", DANGERS)
def test_present_danger_is_an_emergency_with_evidence(text: str) -> None:
    judged = judge(text, {})
    assert judged.urgency == 3
    assert judged.confidence >= 0.38
    assert judged.evidence
    assert all(word in text for word in judged.evidence)


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_near_miss_is_no_emergency(text: str) -> None:
    assert judge(text, {}).urgency < 3


def test_without_evidence_there_is_no_percentage() -> None:
    judged = judge("路灯不亮", {})
    assert (judged.urgency, judged.confidence, judged.evidence) == (1, 0.0, ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("降压药只剩两天", "只剩两天"),
        ("孩子奶粉只剩一天的量", "只剩一天的量"),
        ("胰岛素明天就没了", "没了"),
        ("断药了", "断药"),
        ("奶粉今晚就吃完了", "吃完了"),
        ("优甲乐还剩两三天", "还剩两三天"),
        ("爸爸的药，只剩下最后一片", "最后一片"),
        ("只够吃到明天，降压药", "只够吃到明天"),
        ("Only 2 days of insulin left", "Only 2 days"),
        ("He has two tablets left of his medicine", "two tablets left"),
        ("My mother's pills run out tomorrow", "run out"),
        ("We are out of insulin", "out of insulin"),
        ("The formula lasts until tomorrow", "lasts until tomorrow"),
    ],
)
def test_medicine_and_infant_food_running_out_are_urgent(text: str, why: str) -> None:
    judged = judge(text, {})
    assert judged.urgency == 2
    assert judged.confidence >= 0.8
    assert why in judged.evidence


@pytest.mark.parametrize(
    "text",
    [
        "降压药还够吃一个月",
        "降压药只剩两周",
        "药还没吃完",
        "奶粉还剩十二天",
        "附近没有药店",
        "医药费报销还剩三天截止",
        "I have 20 days of insulin left",
    ],
)
def test_lasting_supplies_and_other_goods_are_not_urgent(text: str) -> None:
    assert judge(text, {}).urgency == 1


def _category(code: str, *questions: dict[str, Any]) -> Any:
    return SimpleNamespace(pk=code, questions=list(questions))


def test_chosen_category_tells_what_is_running_out() -> None:
    assert judge("只剩一盒了", {}, _category("urban")).urgency == 1
    assert judge("只剩一天了", {}, _category("medicine")).urgency == 2


def test_answer_that_means_danger_is_an_emergency_whatever_the_words() -> None:
    reason = {"key": "reason", "label": "就医原因", "kind": "choice", "danger": ["急症"]}
    medical = _category("medical", reason)
    judged = judge("要去中心医院", {"reason": "急症"}, medical)
    assert (judged.urgency, judged.evidence) == (3, ("就医原因 急症",))
    assert judge("要去中心医院", {"reason": "透析"}, medical).urgency < 3


def test_supply_for_half_a_day_outranks_a_fear() -> None:
    fear = judge("电线拉得乱，迟早要出事", {}).urgency
    assert judge("奶粉只够今晚喝了", {}).urgency > fear


def test_unseen_list_is_judged_as_well_as_promised(capsys: pytest.CaptureFixture[str]) -> None:
    args = cli.parser().parse_args(["evaluate", "urgency", str(LISTS / "b.csv")])
    assert args.command.run(args) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["recall"] >= 0.95
    assert said["precision"] >= 0.90
    assert said["missed"] + said["false_alarms"] <= len(said["wrong"])


@pytest.mark.parametrize(
    "content",
    ["text,level\n着火,3\n", "text,urgency\n着火,4\n", "text,urgency\n", "text,urgency\n着火\n"],
)
def test_evaluation_refuses_unusable_files(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "texts.csv"
    path.write_text(content, "utf-8")
    args = cli.parser().parse_args(["evaluate", "urgency", str(path)])
    assert args.command.run(args) == 2
    assert str(path) in capsys.readouterr().err


def test_texts_of_the_lists_were_not_trained_on() -> None:
    trained = {each.text for texts in written_texts().values() for each in texts}
    assert len(trained) > 15_000
    for path in (*LISTS.glob("*.csv"), *(LISTS.parent / "everyday").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            assert not trained & {row["text"] for row in csv.DictReader(lines)}


def test_text_longer_than_is_read_at_once_may_tell_of_danger() -> None:
    assert judge("着火了，三楼有人被困没出来！" * 200, {}).urgency == 3


def test_long_letter_does_not_hide_what_is_answered_beside_it() -> None:
    assert judge(LETTER, {"how": "三楼着火了，有人被困没出来"}).urgency == 3
    assert judge(LETTER, {"how": "没有别的"}).urgency == 1


def test_few_real_messages_are_raised() -> None:
    """Messages to a city's mailbox tell of no present danger, or of few.

    One in three, since reading all takes twelve seconds; docs/urgency.md has the figures of all.
    """
    if not MESSAGES.exists():
        pytest.skip("real messages are not beside this clone")
    texts: set[str] = set()
    for name in ("stream_4326.csv", "replied_2816.csv"):
        with (MESSAGES / name).open(encoding="utf-8-sig", newline="") as lines:
            texts |= {f"{row['留言主题']}\n{row['留言详情']}" for row in csv.DictReader(lines)}
    assert len(texts) > 6_500
    raised = [text for text in sorted(texts)[::3] if judge(text, {}).urgency == 3]
    assert len(raised) <= MOST_RAISED, raised


def test_model_survives_being_stored() -> None:
    texts = [each.text for each in written_texts()[REPORTED]]
    again = UrgencyModel.from_bytes(shipped_model().to_bytes())
    assert [again.judge(text) for text in texts] == [shipped_model().judge(text) for text in texts]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"])
def test_bytes_that_are_no_model_are_refused(content: bytes) -> None:
    with pytest.raises(BadUrgencyModel):
        UrgencyModel.from_bytes(content)


def test_training_learns_what_the_texts_say() -> None:
    texts = written_texts()[REPORTED]
    model = train(texts)
    right = [model.judge(each.text).urgency == each.level for each in texts]
    assert sum(right) > 0.9 * len(right)


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    judged = judge(text, {})
    assert judged.urgency in {1, 2, 3}
    assert 0 <= judged.confidence <= 1
    assert bool(judged.evidence) == (judged.confidence > 0)
    assert judge(text, {}) == judged
