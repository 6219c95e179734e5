"""Invisible characters: which are removed, and which are kept."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yinghu.common import text_cleaning


@pytest.mark.parametrize(
    "text",
    [
        "王小明",
        "欧阳·娜娜 3号楼（东）501室",
        "Zoë O’Brien-Łukasz",
        "葛󠄀飾区",  # with a variation selector
        "❤️ 1️⃣ 🇨🇳 🧑🏽‍🚒".replace("\u200d", ""),
        "مرحبا بالعالم",
        "नमस्ते",
        "",
    ],
)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert text_cleaning.clean_line(text) == text_cleaning.clean_words(text) == text


@pytest.mark.parametrize(
    "text",
    ["👩‍👩‍👧‍👦", "🏳️‍🌈", "می‌خواهم", "क्‍ष", "ශ්‍රී", "ᠮᠣᠩᠭᠣᠯ᠎ᠠ", "第一行\n第二行\t三"],
)
def test_joiners_are_kept_in_words_that_need_them(text: str) -> None:
    assert text_cleaning.clean_words(text) == text


def test_superfluous_joiners_are_removed() -> None:
    assert text_cleaning.clean_words("奶\u200d粉 a\u200cb\u200d👶 \u200d") == "奶粉 ab👶"
    assert text_cleaning.clean_line("می\u200cخواهم") == "میخواهم"


def test_invisible_format_characters_are_removed() -> None:
    """Unicode's Bidi_Control, and the other format characters without a visible form."""
    shown = {chr(code) for code in (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2)}
    shown |= {"\U000110bd", "\U000110cd"}
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) == "Cf" and char not in shown and code < 0x13430:
            assert text_cleaning.clean_line(f"王{char}明") == "王明", hex(code)
            assert text_cleaning.clean_words(f"王{char}明") == "王明", hex(code)
            assert text_cleaning.clean_words(char) == "", hex(code)


@given(st.text())
def test_cleaning_is_idempotent_and_keeps_visible_characters(text: str) -> None:
    for clean in (text_cleaning.clean_line, text_cleaning.clean_words):
        once = clean(text)
        assert clean(once) == once
        letters = [c for c in text if unicodedata.category(c) in {"Lu", "Ll", "Nd", "Po"}]
        assert [c for c in once if unicodedata.category(c) in {"Lu", "Ll", "Nd", "Po"}] == letters
