"""Traditional and simplified, full and half width, compared as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yinghu.common.chinese import fold_in_place, fold_text


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("網格員來過，沒有水", "网格员来过,没有水"),
        ("ＡＢＣ１２３", "abc123"),
        ("乾燥 後來 裡面", "干燥 后来 里面"),
        ("Straße ㎡", "straße m2"),
        ("", ""),
    ],
)
def test_texts_are_folded(text: str, folded: str) -> None:
    assert fold_text(text) == folded


def test_spans_stay_in_place() -> None:
    assert fold_in_place("㎡網格") == "㎡网格"


@given(st.text(max_size=60))
def test_folding_keeps_the_length_and_is_stable(text: str) -> None:
    assert len(fold_in_place(text)) == len(text)
    assert fold_text(fold_text(text)) == fold_text(fold_text(fold_text(text)))
