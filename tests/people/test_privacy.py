"""What is private stays unreadable without the keys, and is found again with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from yinghu.appeals.numbers import number_of
from yinghu.people.privacy import (
    Unreadable,
    blind,
    mask_name,
    mask_phone,
    normal_phone,
    seal,
    unseal,
    unseal_bytes,
    without_numbers,
)

OLD, NEW = b"o" * 32, b"n" * 32


@given(st.text(min_size=1))
def test_what_is_sealed_comes_back_and_never_twice_the_same(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    if text:
        assert unseal(seal(text)) == text
        assert seal(text) != seal(text)
        assert len(seal(text)) == len(text.encode()) + 33


def test_empty_stays_empty() -> None:
    assert seal("") == b""
    assert unseal(b"") == ""
    assert blind("") is None


def test_a_changed_byte_is_noticed() -> None:
    sealed = bytearray(seal("王小明"))
    sealed[-1] ^= 1
    with pytest.raises(Unreadable, match="changed"):
        unseal_bytes(bytes(sealed))


def test_a_newer_key_in_front_loses_nothing(settings: Settings) -> None:
    settings.DATA_KEYS = (OLD,)
    sealed, index = seal("王小明"), blind("+8613812345678")
    settings.DATA_KEYS = (NEW, OLD)
    assert unseal(sealed) == "王小明"
    assert blind("+8613812345678") == index
    assert seal("x")[:5] != sealed[:5]
    settings.DATA_KEYS = (NEW,)
    with pytest.raises(Unreadable, match="YINGHU_DATA_KEYS"):
        unseal(sealed)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("138 1234 5678", "+8613812345678"),
        ("+86-138-1234-5678", "+8613812345678"),
        ("０１３８", ""),
        ("0579-85551234", "+8657985551234"),
        ("+971 50 123 4567", "+971501234567"),
        ("123", ""),
        ("138****5678", ""),
        ("138XXXX5678", ""),
        ("电话", ""),
        ("", ""),
        ("1" * 400, ""),
    ],
)
def test_phones_are_understood_however_typed(typed: str, number: str) -> None:
    assert normal_phone(typed) == number


def test_masks_show_too_little_to_call_or_to_name() -> None:
    assert mask_name("王小明") == "王**"
    assert mask_name("") == ""
    assert mask_phone("+8613812345678") == "138****5678"
    assert mask_phone("+8657985551234") == "579****1234"
    assert mask_phone("12345") == "****45"
    assert mask_phone("") == ""


@pytest.mark.parametrize(
    "phone",
    [
        "13812345678",
        "138 1234 5678",
        "138.1234.5678",
        "138，1234，5678",
        "138 - 1234 - 5678",
        "１３８１２３４５６７８",
        "1 3 8 1 2 3 4 5 6 7 8",
        "1,3,8,1,2,3,4,5,6,7,8",
        "138-2012-12-12",
        "(0579)85551234",
        "330782198101011234",
        "8555123",
        "855-5123",
        "855 51 23",
        "1381-2345-6",
    ],
)
def test_phones_in_words_are_hidden_however_written(phone: str) -> None:
    shown = without_numbers(f"请打{phone}找我")
    assert "****" in shown
    assert sum(char.isdigit() for char in shown) <= 5


@pytest.mark.parametrize(
    "words",
    [
        "3号楼501室，两罐",
        "2026年11月22日 14:05",
        "2026-11-22 14:05 起停水",
        "9:00-17:30",
        "3，5，7，9号",
        "邮编 322000",
        f"见 {number_of(123)}, {number_of(77)}；",
    ],
)
def test_ordinary_numbers_stay(words: str) -> None:
    assert without_numbers(words) == words
