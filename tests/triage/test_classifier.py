"""The classifier: training, serialisation and the condition for taking over."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yinghu.triage import classifier
from yinghu.triage.classifier import BadModel, Model, NotEnough, Pair, accuracy, better, split
from yinghu.triage.lexicon import default_reader

MATTERS = {
    "milk": ["奶粉没有了", "宝宝的奶粉快吃完", "要两罐奶粉"],
    "urban": ["路灯不亮", "小区停水", "下水道堵了"],
    "labour": ["工资没发", "拖欠工资", "社保断缴"],
}
PEOPLE = ["张三", "李四", "王五", "赵六", "孙七", "周八", "吴九", "郑十"]


def decisions() -> list[Pair]:
    return [
        (f"{who}说{what}，第{n}次", code)
        for code, whats in MATTERS.items()
        for what in whats
        for who in PEOPLE
        for n in range(3)
    ]


@pytest.fixture(scope="module")
def model() -> Model:
    return classifier.train_model(decisions())


def test_model_predicts_categories_with_confidence(model: Model) -> None:
    said = model.predict(["钱二家奶粉没有了", "钱二的工资没发", "zzz"])
    assert [code for code, _sure in said[:2]] == ["milk", "labour"]
    assert said[0][1] > 0.6
    assert said[2][1] < said[0][1]
    assert model.predict([]) == []
    assert np.allclose(model.chances(["工资", "水", ""]).sum(axis=1), 1.0)


def test_two_categories_are_enough() -> None:
    pairs = [pair for pair in decisions() if pair[1] != "labour"]
    two = classifier.train_model(pairs)
    assert accuracy(two, pairs) == 1.0
    assert two.codes == ("milk", "urban")


def test_training_is_deterministic(model: Model) -> None:
    again = classifier.train_model(decisions())
    assert np.array_equal(again.weights, model.weights)


def test_model_survives_serialisation(model: Model) -> None:
    content = model.to_bytes()
    assert len(content) < 3_000_000
    back = Model.from_bytes(content)
    texts = [text for text, _code in decisions()]
    assert back.predict(texts) == model.predict(texts)
    assert back.trained_on == len(decisions())


def test_invalid_model_bytes_are_refused(model: Model) -> None:
    trap = io.BytesIO()
    np.savez(trap, codes=np.array([print], dtype=object), allow_pickle=True)
    wrong = io.BytesIO()
    np.savez(
        wrong,
        codes=np.frombuffer(b'["a"]', dtype=np.uint8),
        weights=np.zeros((2, 3)),
        bias=np.zeros(2),
        trained_on=np.array(1),
    )
    for content in (b"", b"nonsense", model.to_bytes()[:100], trap.getvalue(), wrong.getvalue()):
        with pytest.raises(BadModel):
            Model.from_bytes(content)


def test_training_refuses_too_little_data() -> None:
    with pytest.raises(NotEnough):
        classifier.train_model([("停水", "urban"), ("停电", "urban"), ("断水", "urban")])
    with pytest.raises(NotEnough):
        classifier.train_model([])
    with pytest.raises(NotEnough):
        classifier.train_model([("同一句话", "urban")] * 50 + [("另一句话", "milk")] * 50)


def test_split_is_stable_as_decisions_are_added() -> None:
    pairs = decisions()
    learn, held = split(pairs)
    assert sorted(learn + held) == sorted(pairs)
    assert 0.1 < len(held) / len(pairs) < 0.3
    more_learn, more_held = split([("新的一条", "urban"), *reversed(pairs), *pairs])
    assert set(held) <= set(more_held)
    assert set(learn) <= set(more_learn)


@given(st.lists(st.tuples(st.text(max_size=8), st.sampled_from("abc"))))
def test_split_puts_no_text_on_both_sides(pairs: list[Pair]) -> None:
    learn, held = split(pairs, 0.5)
    texts = [text for text, _code in learn + held]
    assert len(texts) == len(set(texts))
    assert set(texts) == {text for text, _code in pairs if text.strip()}


class Fixed:
    """A reader that always predicts the same category."""

    def __init__(self, code: str) -> None:
        self.code = code

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        return [(self.code, 1.0)] * len(texts)


def test_better_requires_a_clear_advantage_and_enough_texts(model: Model) -> None:
    held = decisions()[:60]
    assert better(model, Fixed("nothing"), held)
    assert not better(model, Fixed("nothing"), held[:20])
    assert not better(model, model, held)
    assert accuracy(default_reader(), held) > 0.9
    assert accuracy(model, []) == 0.0
