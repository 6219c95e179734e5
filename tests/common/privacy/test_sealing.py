"""Sealed values can be read and found only with the keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from yinghu.common.privacy.opening import unseal, unseal_bytes
from yinghu.common.privacy.sealing import Unreadable, blind, seal

OLD, NEW = b"o" * 32, b"n" * 32


@given(st.text(min_size=1))
def test_sealed_text_can_be_unsealed_and_differs_each_time(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    if text:
        assert unseal(seal(text)) == text
        assert seal(text) != seal(text)
        assert len(seal(text)) == len(text.encode()) + 33


def test_empty_stays_empty() -> None:
    assert seal("") == b""
    assert unseal(b"") == ""
    assert blind("") is None


def test_changed_byte_is_detected() -> None:
    sealed = bytearray(seal("王小明"))
    sealed[-1] ^= 1
    with pytest.raises(Unreadable, match="changed"):
        unseal_bytes(bytes(sealed))


def test_old_values_stay_readable_after_a_new_key(settings: Settings) -> None:
    settings.DATA_KEYS = (OLD,)
    sealed, index = seal("王小明"), blind("+8613812345678")
    settings.DATA_KEYS = (NEW, OLD)
    assert unseal(sealed) == "王小明"
    assert blind("+8613812345678") == index
    assert seal("x")[:5] != sealed[:5]
    settings.DATA_KEYS = (NEW,)
    with pytest.raises(Unreadable, match="YINGHU_DATA_KEYS"):
        unseal(sealed)
