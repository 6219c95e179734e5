"""Masked text neither names a person nor contains a number that can be called."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yinghu.appeals.numbers import number_of
from yinghu.common.privacy.masking import (
    has_digits,
    mask_name,
    mask_phone,
    without_digits,
    without_numbers,
)

CHINESE = {
    drawn: str(digit)
    for digit, same in enumerate(["〇零", "一幺", "二两", *"三四五六七八九"])
    for drawn in same
}


def test_masks_of_names_and_phones() -> None:
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
        "138~2746~9153",
        "138*2746*9153",
        "138、2746、9153",
        "138：2746：9153",
        "138|2746|9153",
        "138+2746+9153",
        '138"2746"9153',
        "138\u200e2746\u00ad9153",
        "①③⑧②⑦④⑥⑨①⑤④",
        "❶❸❽❷❼❹❻❾❶❺❹",
        "⑴⑶⑻⑵⑺⑷⑹⑼⑴⑸⑷",
        "¹³⁸²⁷⁴⁶⁹¹⁵⁴",
        "⑬⑧㉗④⑥⑨⑮④",
        "1️⃣3️⃣8️⃣2️⃣7️⃣4️⃣6️⃣9️⃣1️⃣5️⃣4️⃣",
        "一三八二七四六九一五三",
        "幺三八，两七四六，九幺五三",
        "壹叁捌贰柒肆陆玖壹伍叁",
        "〇五七九 八五五五一二三四",
        "138二七四六9153",
        "138 2012-12-12",
        "12:34:56:78",
        "1;3;0;0:00;0;0;0;0;〇",
        "一,3,8,2,7,4,6,9,1,5,四",
    ],
)
def test_phone_in_text_is_masked_in_any_notation(phone: str) -> None:
    shown = without_numbers(f"请打{phone}找我")
    assert "****" in shown
    # At most three leading and two trailing digits, or one more that may be part of a word.
    assert len(digits_of(shown)) <= 6


@pytest.mark.parametrize(
    "words",
    [
        "3号楼501室，两罐",
        "2026年11月22日 14:05",
        "2026-11-22 14:05 起停水",
        "9:00-17:30",
        "每天8:30-12:00，13:30-17:00，3号楼",
        "11/22 14:05-16:00",
        "2026-11-22～2026-11-25 停水",
        "2026-11-22 14:05，3号楼502室",
        "12 号楼 3 单元 502",
        "89㎡，1203室，3500.00元",
        "第一、二、三、四、五、六、七单元",
        "1、2、3、5、6、8号楼",
        "3，5，7，9号",
        "邮编 322000",
        f"见 {number_of(123)}, {number_of(77)}；",
    ],
)
def test_ordinary_numbers_are_not_masked(words: str) -> None:
    assert without_numbers(words) == words


def digits_of(text: str) -> str:
    """Every digit that a reader recognises, in order."""
    found = ""
    for char in unicodedata.normalize("NFKC", text):
        value = unicodedata.digit(char, None)
        found += CHINESE.get(char, "") if value is None else str(value)
    return found


ALPHABETS = (
    "0123456789",
    "０１２３４５６７８９",
    "⓪①②③④⑤⑥⑦⑧⑨",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "⓿❶❷❸❹❺❻❼❽❾",
    "٠١٢٣٤٥٦٧٨٩",
    "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡",
    "〇一二三四五六七八九",
    "零幺两三四五六七八九",
)
MARKS = "~*、：|+\"-—.,，。·_/()（）#=！？；%&@'“”【】 \t\n\u3000"
UNSEEN = "\u200e\u00ad\u200b\u2060\ufeff\ufe0f\u20e3"
BETWEEN = st.text(
    st.sampled_from(MARKS + UNSEEN) | st.characters(categories=["Cf", "P", "Z"]), max_size=3
)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A mobile number, and a notation in which it may be written."""
    phone = "1" + draw(st.text("3456789", min_size=1, max_size=1))
    phone += draw(st.text("0123456789", min_size=9, max_size=9))
    drawn = "".join(draw(st.sampled_from(ALPHABETS))[int(digit)] for digit in phone)
    if draw(st.booleans()):
        drawn = "".join(draw(st.sampled_from([ALPHABETS[0], ALPHABETS[7]]))[int(d)] for d in phone)
    same = draw(BETWEEN)
    gaps = [draw(BETWEEN) if draw(st.booleans()) else same for _digit in phone[1:]]
    if draw(st.booleans()):
        cuts = draw(st.sets(st.integers(0, 9)))
        gaps = [gap if place in cuts else "" for place, gap in enumerate(gaps)]
    return phone, drawn[0] + "".join(a + b for a, b in zip(gaps, drawn[1:], strict=True))


# The first example loads all of Unicode.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(written(), st.sampled_from(["", "请打", "+86 ", "3号楼", "2026-11-22 14:05 ", "我一 "]))
def test_random_notations_of_phones_are_masked(number: tuple[str, str], before: str) -> None:
    phone, text = number
    left = list(map(digits_of, without_numbers(f"{before}{text}一直打不通").split("****")))
    assert not any(phone[at : at + 7] in part for at in range(5) for part in left), (text, left)


def test_text_beside_a_phone_is_kept() -> None:
    assert without_numbers("2026-11-22 13827469153一直打不通") == "2026-11-22 138****53一直打不通"
    assert without_numbers("见 1381-2345-6") == "见 ****56"


@pytest.mark.parametrize(
    "part",
    [
        *("1", "1 ", "1***", "1****", "一", "①", "1一", "⑩٠", "*", "1,", "3号楼，"),
        *("11-", "13 ", "86 ", "20", "20-", "9:0", "9:00-17:30 ", "0000-0123-4 "),
        *("2026-11-22 ", "138 2012-12-12 "),
    ],
)
def test_masking_does_not_take_quadratic_time(part: str) -> None:
    def seconds(length: int) -> float:
        text = (part * length)[:length]
        took = []
        for _turn in range(3):
            began = time.process_time()
            without_numbers(text)
            took.append(time.process_time() - began)
        return min(took)

    # About 10 ms; quadratic time would be minutes.
    assert seconds(100_000) < 2


def test_parts_of_phones_are_removed_from_a_search() -> None:
    for part in ("13827", "1-3-8-2-7", "①③⑧②⑦", "¹³⁸²⁷", "一三八二七", "１３８２７"):
        assert without_digits(f"奶粉 {part} 婴儿").split() == ["奶粉", "婴儿"]
    assert without_digits("A3区 502 三楼") == "A3区 502 三楼"
    assert [has_digits(text) for text in ("奶粉", "3", "①", "三楼", "㎡")] == [False] + [True] * 4
