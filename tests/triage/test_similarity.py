"""Similarity of texts, and search by pairs of characters in PostgreSQL."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yinghu.triage.similarity import alike, grams, holds, lexemes, search_query


def found(text: str, query: str) -> bool:
    """Whether `query` finds `text`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_to_tsvector(string_to_array(%s, ' ')) @@ %s::tsquery",
            [" ".join(lexemes(text)), search_query(query)],
        )
        row = cursor.fetchone()
    assert row is not None
    return bool(row[0])


def test_grams() -> None:
    assert grams("A市，停水！") == {"a市", "市停", "停水"}
    assert grams("Ａ市 停水") == grams("a市停水")
    assert grams("水") == {"水"}
    assert grams("，。") == frozenset()


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        ("小区停水三天了没人管", "小区停水三天了，没人管！", 1.0, 1.0),
        ("小区停水三天了没人管", "小区停水四天了还是没人管", 0.4, 0.9),
        ("小区停水三天了没人管", "出租车拒载乱收费", 0.0, 0.05),
        ("停水了", "我们这里昨天晚上开始停水了，一直到今天早上都没有来水，小孩没法洗澡", 0.0, 0.2),
        ("", "停水", 0.0, 0.0),
    ],
)
def test_alike(a: str, b: str, low: float, high: float) -> None:
    assert low <= alike(a, b) <= high


def test_longer_version_of_a_text_is_alike() -> None:
    first = "花园小区三栋二单元从上周开始停水，物业说是水泵坏了，一直没有人来修，老人小孩都没水喝"
    assert (
        alike(first, first + "。今天又打了电话，说还要再等三天，请领导帮忙催一催，谢谢" * 2) > 0.7
    )


@given(st.text(max_size=80), st.text(max_size=80))
def test_alike_is_symmetric_and_bounded(a: str, b: str) -> None:
    assert alike(a, b) == alike(b, a)
    assert 0 <= alike(a, b) <= 1
    assert alike(a, a) == (1 if grams(a) else 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "hit"),
    [
        ("消防栓", True),
        ("消防", True),
        ("栓", True),  # one character that begins no pair
        ("防", True),
        ("Ａ3区 漏水", True),  # full-width letters, two words
        ("a3", True),
        ("13800000000", True),
        ("水漏", False),
        ("消火栓", False),
        ("a", False),
        ("消防 停电", False),
    ],
)
def test_search(query: str, hit: bool) -> None:
    text = "A3区新村消防栓，漏水！电话13800000000"
    assert found(text, query) is holds(text, query) is hit


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=60), st.text(max_size=30))
def test_any_query_is_safe_and_finds_a_text_containing_it(text: str, other: str) -> None:
    for query in (text, other, f"'{other}' & !({text}:*", "\x00\\'"):
        asked = search_query(query)
        if asked:
            assert found(f"{text} {query}", query)
            assert holds(f"{text} {query}", query)
            assert holds(text, query) is found(text, query)
    assert all(" " not in word and "'" not in word and "\x00" not in word for word in lexemes(text))


@pytest.mark.django_db
def test_long_texts_fit_in_a_tsvector() -> None:
    text = "长" + "a" * 5000 + "".join(chr(0x4E00 + n % 20000) for n in range(60_000))
    assert found(text, "长") is True
    assert search_query("，。!&|") == ""
    assert not holds(text, "，。!&|")
    assert search_query("龘" * 5000) == "'龘龘'"
