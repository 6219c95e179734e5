"""Phones in groups."""

from __future__ import annotations

import re

import pytest

from yinghu.common.privacy.masking import mask_phone
from yinghu.ui.phones import draw_phone, phone_groups


@pytest.mark.parametrize(
    ("phone", "groups"),
    [
        ("+8613800010003", "138 0001 0003"),
        ("+8657188888888", "0571 8888 8888"),
        ("+861088888888", "010 8888 8888"),
        ("+864008001234", "400 800 1234"),
        ("+447400123456", "+44 7400 123456"),
        ("138****0003", "138 **** 0003"),
        ("****12", "**** 12"),
        # What is no valid number stays as it was written.
        ("84664163", "84664163"),
        ("0571-88888888-801", "0571-88888888-801"),
        ("+8612345", "+8612345"),
        ("", ""),
    ],
)
def test_phone_is_read_in_groups(phone: str, groups: str) -> None:
    assert " ".join(phone_groups(phone)) == groups


def test_copied_phone_can_be_dialled() -> None:
    for phone in ("+8613800010003", "+8657188888888", "+447400123456"):
        copied = re.sub(r"<[^>]*>", "", draw_phone(phone))
        assert re.fullmatch(r"\+?[0-9]+", copied)
        assert copied.removeprefix("0") in phone
    assert re.sub(r"<[^>]*>", "", draw_phone(mask_phone("+8613800010003"))) == "138****0003"
