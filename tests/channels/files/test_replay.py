"""`yinghu replay`: answered appeals go through the whole loop, each from its current status."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from tests.cast import cast
from tests.cities import City
from tests.live import Live
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal, Event
from yinghu.intake.models import Message
from yinghu.people.models import Post, User

HEADER = ["编号", "内容", "时间", "答复意见", "答复时间", "承办单位"]
MILK = [
    "R1",
    "家里婴儿没有奶粉了，需要两罐",
    "2022/8/1",
    "已送到，请查收。",
    "2022/8/2 9:30:00",
    "",
]
POLICY = ["R2", "请问公积金贷款政策怎么咨询", "2022/8/1", "请带身份证到窗口办理。", "", ""]
UNIT = ["R3", "路灯不亮了很久", "2022/8/1", "已经修好。", "2022/8/3", "交通运输局"]
WAITING = ["R4", "还没有答复", "2022/8/1", "", "", ""]


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def of(key: str) -> Appeal:
    found = Message.objects.get(channel="feed", external_id=key).appeal
    assert found is not None
    return found


def verbs(appeal: Appeal) -> list[str]:
    return list(appeal.events.order_by("seq").values_list("verb", flat=True))


def tally(closed: int, before: int, unanswered: int, unable: int) -> str:
    return f"办到销号 {closed}，早已结束 {before}，没有答复 {unanswered}，办不了 {unable}"


def test_replay_performs_each_step_as_the_responsible_actor(own_city: City, tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", [MILK, UNIT, WAITING])
    ran = own_city.run("replay", path, "--channel", "feed")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        ["读取 3 行：新建 3，已有 0，拒绝 0", tally(2, 0, 1, 0)],
    )
    milk = of("R1")
    assert (milk.status, milk.result, milk.solved) == ("closed", "已送到，请查收。", True)
    assert (milk.satisfaction, milk.unit and milk.unit.code) == ("yes", "milk")
    assert verbs(milk) == ["file", "sort", "assign", "accept", "resolve", "rate", "close"]
    who = [
        (event.actor_kind, event.user.username if event.user else "")
        for event in milk.events.order_by("seq").select_related("user")
    ]
    assert who == [
        ("system", ""),
        ("system", ""),
        ("system", ""),
        ("user", "milk-handler"),
        ("user", "milk-handler"),
        ("requester", ""),
        ("user", "clerk"),
    ]
    assert Event.objects.get(appeal=milk, verb="close").why == "回放：原答复于 2022-08-02 09:30:00"
    other = of("R3")
    assert other.unit is not None
    assert other.unit.name == "交通运输局"
    assigned = Event.objects.get(appeal=other, verb="assign")
    assert assigned.user == User.objects.get(username="dispatcher")
    assert of("R4").status == "filed"
    # A second run skips ended cases and replays answers added since.
    write(path, [MILK, UNIT, [*WAITING[:3], "现在有了", "2022/8/9", "food"]])
    ran = own_city.run("replay", path, "--channel", "feed")
    assert ran.out.splitlines()[1] == tally(1, 2, 0, 0)
    assert Event.objects.count() == 21


def test_policy_question_is_answered_at_the_desk(own_city: City, tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", [POLICY])
    own_city.run("import", path, "--channel", "feed")
    actions.sort(of("R2").pk, cast().clerk, category="policy")
    assert own_city.run("replay", path, "--channel", "feed").code == 0
    assert verbs(of("R2")) == ["file", "sort", "answer", "rate", "close"]


def test_replay_continues_from_each_status(own_city: City, tmp_path: Path) -> None:
    people = cast()
    rows = [[f"R{n}", *MILK[1:]] for n in range(1, 10)]
    path = write(tmp_path / "r.csv", rows)
    own_city.run("import", path, "--channel", "feed")
    cases = [of(row[0]).pk for row in rows]
    for case in cases[1:8]:
        actions.sort(case, people.clerk, category="milk")
    for case in cases[2:8]:
        actions.assign(case, people.dispatcher, unit="milk")
    for case in cases[3:8]:
        actions.accept(case, people.milk)
    for case in cases[4:7]:
        handling_actions.resolve(case, people.milk, words="好了")
    from yinghu.people.access import requester_of

    for case in cases[5:7]:
        closing_actions.rate(case, requester_of(case), solved=True, satisfaction="fairly")
    closing_actions.close(cases[6], people.clerk)
    handling_actions.ask(cases[7], people.milk, words="哪个牌子？")
    closing_actions.decline(cases[8], people.clerk, words="不归我们管")
    ran = own_city.run("replay", path, "--channel", "feed")
    assert ran.code == 1
    assert ran.out.splitlines()[1] == tally(6, 2, 0, 1)
    statuses = [Appeal.objects.get(pk=case).status for case in cases]
    assert statuses == ["closed"] * 7 + ["waiting", "declined"]
    assert Appeal.objects.get(pk=cases[5]).satisfaction == "fairly"
    rejects = Path(f"{path}.rejects.csv").read_text("utf-8-sig").splitlines()
    assert rejects[1].startswith("9,正在等诉求人补充,R8,")


def test_missing_actors_and_bad_rows_do_not_stop_replay(own_city: City, tmp_path: Path) -> None:
    Post.objects.filter(unit__code="milk").delete()
    path = write(
        tmp_path / "r.csv",
        [
            MILK,
            UNIT,
            ["R5", "没有规则的事", "", "好", "", "没有这个局"],
            ["R6", "x", "", "好", "某天", ""],
            ["R7", "x", "", "长" * 10_001, "", ""],
            ["R8", "", "", "好", "", ""],
        ],
    )
    ran = own_city.run("replay", path, "--channel", "feed")
    assert ran.code == 1
    assert ran.out.splitlines()[:2] == ["读取 6 行：新建 5，已有 0，拒绝 1", tally(1, 0, 0, 4)]
    with Path(f"{path}.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        told = [row[:2] for row in csv.reader(file)][1:]
    assert told == [
        ["7", "没有诉求正文"],
        ["5", "看不懂的时间：某天"],
        ["6", "答复有 10001 字，太长"],
        ["2", "没有人能“接单”：奶粉组没有经办人、单位负责人、网格员"],
        ["4", "没有这个单位：没有这个局"],
    ]
    assert of("R1").status == "assigned"
    assert of("R5").status == "sorted"


def test_unit_option_applies_without_a_routing_rule(own_city: City, tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", [["R1", "一件说不清的事", "", "好了", "", ""]])
    ran = own_city.run("replay", path, "--channel", "feed")
    assert ran.code == 1
    assert "没有路由规则" in Path(f"{path}.rejects.csv").read_text("utf-8-sig")
    ran = own_city.run(
        "replay", path, "--channel", "feed", "--unit", "food", "--satisfaction", "fairly"
    )
    assert ran.code == 0
    assert not Path(f"{path}.rejects.csv").exists()
    appeal = of("R1")
    assert (appeal.status, appeal.category_id, appeal.satisfaction) == ("closed", "other", "fairly")


def test_file_without_an_answer_column_is_refused(own_city: City, tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", [MILK])
    ran = own_city.run("replay", path, "--channel", "feed", "--map", "内容=body")
    assert (ran.code, ran.out) == (2, "")
    assert "没有指明哪一列是答复" in ran.err


def test_replay_completes_while_a_worker_reacts(live: Live, tmp_path: Path, capsys: object) -> None:
    rows = [[str(n), *(MILK if n % 2 else UNIT)[1:5], ""] for n in range(24)]
    path = write(tmp_path / "r.csv", rows)
    from yinghu import cli

    args = cli.parser().parse_args(["replay", str(path), "--channel", "feed", "--unit", "food"])
    assert args.command.run(args) == 0
    live.drain()
    assert set(Appeal.objects.values_list("status", flat=True)) == {"closed"}
    assert Appeal.objects.count() == 24
