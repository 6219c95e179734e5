"""Phones are normalised where that is certain and kept as written where it is not."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yinghu.common.privacy.masking import mask_phone, without_digits, without_numbers
from yinghu.common.privacy.phones import (
    call_for,
    certain_phone,
    is_verified,
    may_be_mistyped,
    normal_phone,
    phone_to_keep,
)

KEPT = [
    # As written, what is kept, who it certainly is, what is dialled in a city of 0571.
    ("13812345678", "+8613812345678", "+8613812345678", "+8613812345678"),
    ("138 1234 5678", "+8613812345678", "+8613812345678", "+8613812345678"),
    ("+86 13812345678", "+8613812345678", "+8613812345678", "+8613812345678"),
    ("(0571)85555555", "+8657185555555", "+8657185555555", "+8657185555555"),
    ("+39 333 1234567", "+393331234567", "+393331234567", "+393331234567"),
    ("无、13812345678", "+8613812345678", "+8613812345678", "+8613812345678"),
    ("call me 13812345678 or", "+8613812345678", "+8613812345678", "+8613812345678"),
    ("84664163", "84664163", "", "+8657184664163"),
    ("8466-4163", "8466-4163", "", "+8657184664163"),
    # As if with the area codes 0837, 0859 and 0555, of other cities.
    ("83795412", "83795412", "", "+8657183795412"),
    ("8599 6863", "8599 6863", "", "+8657185996863"),
    ("0571-88888888转801", "0571-88888888转801", "", "+8657188888888,801"),
    ("0571-88888888-801", "0571-88888888-801", "", "+8657188888888,801"),
    ("0571-88888888 ext 801", "0571-88888888 ext 801", "", "+8657188888888,801"),
    ("84664163转8", "84664163转8", "", "+8657184664163,8"),
    ("086-13812345678", "086-13812345678", "+8613812345678", "+8613812345678"),
    ("13812345678/84664163", "13812345678/84664163", "+8613812345678", "+8613812345678"),
    ("84664163 13812345678", "84664163 13812345678", "+8613812345678", "+8613812345678"),
    ("660123", "660123", "", "660123"),
    ("微信 wx12345678", "微信 wx12345678", "", None),
    ("138****5678", "", "", None),
    ("无", "", "", None),
    ("1.38E+10", "", "", None),
    ("1.39123e10", "", "", None),
    ("2019-02-28", "", "", None),
    ("2019/2/28", "", "", None),
    ("12", "", "", None),
    ("", "", "", None),
    ("1" * 101, "", "", None),
]


def test_phone_is_kept_with_every_digit_and_known_again_only_if_certain() -> None:
    for text, kept, certain, dialled in KEPT:
        assert phone_to_keep(text) == kept, text
        # What is kept says the same as what was written.
        assert certain_phone(text) == certain_phone(kept) == certain, text
        call = call_for(kept, "0571")
        assert (call.uri if call else None) == dialled, text
        assert is_verified(kept) == (not kept or kept == certain), text


def test_what_to_dial_is_said_as_people_write_it() -> None:
    said = {text: str(call_for(text, "0571")) for text in ("84664163", "0571-88888888转801")}
    assert said == {"84664163": "0571 8466 4163", "0571-88888888转801": "0571 8888 8888 转 801"}
    assert str(call_for("+393331234567", "0571")) == "+39 333 123 4567"
    # Without an area code a local number is dialled as it is.
    assert str(call_for("84664163", "")) == "84664163"


def test_number_that_may_be_mistyped_is_told_from_unusual_ones() -> None:
    for text, kept, _certain, dialled in KEPT:
        assert may_be_mistyped(kept) == (dialled is None or not dialled.startswith("+")), text
    for text in ("1381234567", "138123456789", "660123", "微信 wx12345678", "05718888"):
        assert may_be_mistyped(phone_to_keep(text)), text
    for text in ("84664163", "8466-4163", "0571-88888888转801", "086-13812345678"):
        assert not may_be_mistyped(phone_to_keep(text)), text


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_fast_path_for_mobiles_agrees_with_phonenumbers(text: str) -> None:
    number = phonenumbers.parse(text, "CN")
    assert phonenumbers.is_possible_number(number)
    said = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert normal_phone(text, "CN") == phone_to_keep(text) == said


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
        ("0571-88888888 ext 801", ""),
        ("电话", ""),
        ("", ""),
        ("1" * 400, ""),
    ],
)
def test_typed_phone_is_normalised(typed: str, number: str) -> None:
    assert normal_phone(typed) == number


@given(st.text("0123456789+-()/转xX#, 、无*", max_size=30))
def test_text_is_kept_as_written_or_as_a_valid_number(text: str) -> None:
    kept, certain = phone_to_keep(text), certain_phone(text)
    assert kept in ("", text.strip(), normal_phone(kept))
    assert certain in ("", normal_phone(certain))


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("84664163", "****63"),
        ("0571-88888888转801", "057****01"),
        ("086-13812345678", "086****78"),
        ("13812345678/84664163", "138****63"),
        ("微信 wx12345678", "****78"),
        ("８４６６４１６３", "****63"),
    ],
)
def test_phone_kept_as_written_is_masked(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


def test_extensions_in_words_are_masked_with_their_numbers() -> None:
    assert without_numbers("打 0571-88888888转801 找我") == "打 057****01 找我"
    assert without_numbers("84664163 分机 8") == "****38"
    assert without_numbers("88888888ext.801") == "888****01"
    assert without_digits("打 0571-88888888转801 找我").split() == ["打", "找我"]
    # A line that connects two buses is no phone.
    assert without_numbers("坐 8 路转 10 路") == "坐 8 路转 10 路"
