"""Automatic processing of appeals: suggestion, search, duplicates, routing and learning."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cast import Cast, file_one, requester
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Appeal, Event
from yinghu.intake.receive import Incoming, receive_many
from yinghu.oversight import actions as oversight_actions
from yinghu.people.access import SYSTEM, Actor, words_to_search
from yinghu.places.models import Place
from yinghu.reactions import react
from yinghu.triage.lexicon import default_reader
from yinghu.triage.models import Duplicate, Suggestion, TrainedModel
from yinghu.triage.search import search
from yinghu.triage.training import decisions, learn, predict

pytestmark = pytest.mark.django_db
MESSAGES = Path(__file__).parents[3] / "shared" / "data" / "messages" / "labelled_raw.csv"


def react_to_all() -> None:
    """Run the queued reaction for every event so far, twice: a second run must change nothing."""
    for _time in range(2):
        react(events=list(Event.objects.values_list("pk", flat=True)))


def test_filing_gets_a_suggestion_with_confidence_and_reasons(city: Cast) -> None:
    appeal = file_one("孩子没有奶粉了，福田街道福田社区，急")
    react_to_all()
    made = Suggestion.objects.get(appeal=appeal)
    assert (made.category_id, made.klass, made.source) == ("milk", "need", "lexicon")
    assert made.area_id == "330782008001"
    assert any("奶粉" in word for word in made.why)
    assert 0.5 < made.category_confidence <= 1
    appeal.refresh_from_db()
    assert (appeal.status, appeal.category_id) == ("filed", None)


def test_requesters_choice_overrides_the_lexicon(city: Cast) -> None:
    place = Place.objects.select_related("area").first()
    assert place is not None
    appeal = file_one("路灯坏了", category="milk", place=place.pk, area=place.area_id)
    react_to_all()
    made = Suggestion.objects.get(appeal=appeal)
    assert (made.category_id, made.source, made.area_id) == ("milk", "requester", place.area_id)
    assert made.area_confidence == 1


@pytest.mark.parametrize(
    ("category", "left", "urgency"),
    [
        ("milk", 1, 2),
        ("medicine", 3, 2),
        ("medicine", "2", 2),
        ("medicine", 4, 1),
        ("medicine", "不知道", 1),
        ("food", 2, 1),
        ("food", 0.5, 2),
    ],
)
def test_low_stock_answer_is_urgent(
    city: Cast, category: str, left: float | str, urgency: int
) -> None:
    appeal = file_one("请帮忙", category=category, answers={"left": left, "count": 1})
    react_to_all()
    made = Suggestion.objects.get(appeal=appeal)
    assert made.urgency == urgency
    asked = [why for why in made.why if str(left) in why]
    assert bool(asked) == (urgency == 2)


def test_threat_of_suicide_is_an_emergency(city: Cast) -> None:
    appeal = file_one("再拖欠工资我就从楼上跳下去，不想活了")
    react_to_all()
    assert Suggestion.objects.get(appeal=appeal).urgency == 3


def test_search_finds_chinese_words_within_the_scope(city: Cast) -> None:
    lamp, milk = file_one("幸福路口的路灯坏了三天"), file_one("需要 Aptamil 奶粉")
    react_to_all()
    everything = Appeal.objects.all()

    def found(query: str) -> list[Appeal]:
        return list(search(everything, words_to_search(SYSTEM, query)))

    assert found("路灯坏了") == [lamp]
    assert found("aptamil") == [milk]
    # As written in Hong Kong, and by a wide keyboard.
    assert found("路燈壞了") == [lamp]
    assert found("ａｐｔａｍｉｌ") == [milk]
    theirs = file_one("社區裡沒有嬰兒奶粉")
    react_to_all()
    assert found("社区里没有婴儿") == [theirs]
    theirs.refresh_from_db()
    assert theirs.body == "社區裡沒有嬰兒奶粉"
    assert found("灯路") == []
    everything = Appeal.objects.filter(pk=milk.pk)
    assert found("路灯") == []
    for hostile in ("", "'", "';--", "&|!():*", "\x00", "％", "' | '"):
        assert found(hostile) == []


def test_similar_words_of_the_same_caller_are_a_duplicate(city: Cast) -> None:
    first = file_one("家里婴儿没有奶粉了，需要一段两罐")
    again = file_one("婴儿没有奶粉了！需要一段奶粉两罐，请快点")
    other = file_one("小区门口的垃圾三天没人清运")
    stranger = file_one("家里婴儿没有奶粉了，需要一段两罐", phone="+8613900000000")
    react_to_all()
    assert [(d.appeal_id, d.other_id, d.why) for d in Duplicate.objects.all()] == [
        (again.pk, first.pk, "words need caller")
    ]
    assert Appeal.objects.filter(pk__in=[other.pk, stranger.pk]).count() == 2


def test_similar_words_at_the_same_place_are_a_duplicate(city: Cast) -> None:
    words = "三号楼停水了，一整天都没有水"
    first = file_one(words, area="330782008001")
    again = file_one("三号楼停水了，整天没有水", area="330782008001", phone="+8613900000000")
    file_one(words, area="330782008002", phone="+8613900000001")
    react_to_all()
    found = Duplicate.objects.get()
    assert (found.appeal_id, found.other_id, found.why) == (again.pk, first.pk, "words place need")


def test_same_caller_and_category_are_a_duplicate(city: Cast) -> None:
    first = file_one("家里婴儿没有奶粉了，需要一段两罐", category="milk")
    again = file_one("都两天了，孩子还饿着，什么时候送来？", category="milk")
    other = file_one("小区路灯坏了，晚上看不见", category="urban")
    closing_actions.withdraw(first.pk, requester(first))
    later = file_one("孩子还是没吃的", category="milk")
    react_to_all()
    found = {(d.appeal_id, d.other_id): d.score for d in Duplicate.objects.all()}
    # The withdrawn case is no candidate.
    assert found == {(later.pk, again.pk): 0.5}
    assert other.pk not in {pk for pair in found for pk in pair}


def test_question_texts_do_not_make_duplicates(city: Cast) -> None:
    place = {"area": "330782008001", "category": "medicine"}
    file_one("药品：药名和规格 络活喜；几盒 2；药还够几天 2", **place)
    file_one(
        "药品：药名和规格 优甲乐 50微克；几盒 1；药还够几天 9", phone="+8613900000000", **place
    )
    react_to_all()
    assert not Duplicate.objects.exists()


def test_same_place_and_category_in_other_words_are_a_duplicate(city: Cast) -> None:
    place = {"area": "330782008001", "category": "urban"}
    first = file_one("我们楼停水了，一整天都没有水", **place)
    again = file_one("三号楼没有水，停水了老人没法做饭", phone="+8613900000000", **place)
    file_one("三号楼没有水，停水了老人没法做饭", phone="+8613900000001", area=place["area"])
    react_to_all()
    assert (again.pk, first.pk) in {(d.appeal_id, d.other_id) for d in Duplicate.objects.all()}


@pytest.mark.parametrize(
    ("category", "answers", "unit"),
    [
        ("milk", {}, "milk"),
        ("medicine", {"hospital": "中心医院"}, "medicine-central"),
        ("medicine", {"hospital": "中医医院"}, "medicine-tcm"),
        ("medicine", {"hospital": "妇幼保健院"}, "medicine-maternal"),
        ("medicine", {"hospital": "别的医院"}, "medicine"),
        ("food", {}, "food"),
        ("daily", {}, "daily"),
    ],
)
def test_first_matching_rule_assigns_the_unit(
    category: str, answers: dict[str, object], unit: str, city: Cast
) -> None:
    appeal = file_one(answers=answers)
    actions.sort(appeal.pk, city.clerk, category=category)
    react_to_all()
    appeal.refresh_from_db()
    assert appeal.unit is not None
    assert (appeal.status, appeal.unit.code) == ("assigned", unit)
    assert appeal.events.filter(verb="assign").count() == 1


def test_unmatched_case_stays_with_the_dispatcher(city: Cast) -> None:
    appeal = file_one()
    actions.sort(appeal.pk, city.clerk, category="other")
    react_to_all()
    appeal.refresh_from_db()
    assert (appeal.status, appeal.unit) == ("sorted", None)


def test_returned_case_is_not_routed_again(city: Cast) -> None:
    appeal = file_one()
    actions.sort(appeal.pk, city.clerk, category="milk")
    react_to_all()
    actions.return_(appeal.pk, city.milk, why="不是奶粉")
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="确实不是")
    react_to_all()
    appeal.refresh_from_db()
    assert (appeal.status, appeal.unit) == ("sorted", None)


def test_note_after_sorting_does_not_prevent_routing(city: Cast) -> None:
    appeal = file_one()
    actions.sort(appeal.pk, city.clerk, category="milk")
    handling_actions.note(appeal.pk, city.clerk, why="已电话核实")
    react_to_all()
    appeal.refresh_from_db()
    assert appeal.status == "assigned"


@pytest.mark.parametrize("verb", ["withdraw", "decline"])
def test_merged_case_reopens_when_its_master_ends_unresolved(verb: str, city: Cast) -> None:
    first, middle, master = file_one(), file_one(), file_one()
    closing_actions.merge(first.pk, city.clerk, master=middle.pk)
    closing_actions.merge(middle.pk, city.clerk, master=master.pk)
    if verb == "withdraw":
        closing_actions.withdraw(master.pk, requester(master))
    else:
        closing_actions.decline(master.pk, city.clerk, words="不属于受理范围")
    react_to_all()
    first.refresh_from_db()
    middle.refresh_from_db()
    assert (middle.status, middle.master) == ("filed", None)
    assert (first.status, first.master_id) == ("merged", middle.pk)


def test_unsolved_rating_reopens_the_case_with_the_words(city: Cast) -> None:
    appeal = file_one()
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    actions.accept(appeal.pk, city.milk)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    closing_actions.rate(
        appeal.pk, requester(appeal), solved=False, satisfaction="no", words="送错了段位"
    )
    handling_actions.note(appeal.pk, city.operator, why="诉求人来电")
    react_to_all()
    appeal.refresh_from_db()
    assert (appeal.status, appeal.holder_id) == ("handling", city.milk.user_id)
    assert appeal.events.filter(verb="reopen", words="送错了段位").count() == 1


@pytest.mark.skipif(
    not MESSAGES.exists(), reason="the shared message files are not on this machine"
)
def test_learning_uses_the_corrected_decision(city: Cast) -> None:
    appeal = file_one("路灯坏了三天")
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.correct(appeal.pk, city.clerk, category="urban", why="看错了")
    assert decisions() == [("路灯坏了三天", "urban")]


def test_classifier_takes_over_only_when_it_beats_the_lexicon(city: Cast) -> None:
    """These clerks sort building matters as `other`, which the shipped lexicon cannot know."""
    code = {
        "城乡建设": "other",
        "环境保护": "environment",
        "交通运输": "transport",
        "教育文体": "education",
        "劳动和社会保障": "labour",
        "商贸旅游": "commerce",
        "卫生计生": "health",
    }
    with MESSAGES.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))[:260]
    items = [
        Incoming(str(n), b"{}", Filing(body=row["留言详情"], title=row["留言主题"], channel="feed"))
        for n, row in enumerate(rows)
    ]
    received = receive_many(items, Actor("requester"))
    assert learn() is None
    for row, item in zip(rows, received, strict=True):
        actions.sort(item.appeal_id, city.clerk, category=code[row["一级分类"]])
    made = learn()
    assert made is not None
    assert made.decisions == len({(row["留言主题"], row["留言详情"]) for row in rows})
    assert made.accuracy > made.baseline_accuracy
    assert made.in_use
    (guess,) = predict(["公司拖欠农民工工资，请劳动部门处理"]) or []
    assert guess.category == "labour"
    assert guess.source == f"classifier {made.pk}"
    appeal = file_one("公司拖欠农民工工资，请劳动部门处理")
    react(events=[appeal.events.get().pk])
    assert Suggestion.objects.get(appeal=appeal).source == guess.source
    # When the clerks decide as the lexicon does, the classifier is no better and stays unused.
    TrainedModel.objects.all().delete()
    for row, item in zip(rows, received, strict=True):
        read = default_reader().read(f"{row['留言主题']}\n{row['留言详情']}").category
        if read != code[row["一级分类"]]:
            actions.sort(item.appeal_id, city.clerk, category=read)
    not_better = learn()
    assert not_better is not None
    assert not_better.baseline_accuracy == 1
    assert not not_better.in_use
    assert predict(["公司拖欠工资"]) is None
