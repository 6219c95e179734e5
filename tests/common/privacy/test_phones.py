"""Normalisation of typed phone numbers."""

from __future__ import annotations

import pytest

from yinghu.common.privacy.phones import normal_phone


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
def test_typed_phone_is_normalised(typed: str, number: str) -> None:
    assert normal_phone(typed) == number
