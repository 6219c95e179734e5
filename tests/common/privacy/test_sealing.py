"""What is sealed stays unreadable without the keys, and is found again with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from yinghu.common.privacy.opening import unseal, unseal_bytes
from yinghu.common.privacy.sealing import Unreadable, blind, seal

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
