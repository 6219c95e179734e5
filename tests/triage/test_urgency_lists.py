"""The lists for judging urgency: present dangers and near misses, by two writers."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

LISTS = sorted((Path(__file__).parent / "urgency").glob("*.csv"))
"""Columns: text; urgency, 3 for a present danger, 2 if today is late enough, 1 else; kind; writer.
All texts were made up for this purpose. Rules may be made from `a.csv`; `b.csv` only measures
them."""


def test_lists_have_150_dangers_and_150_near_misses_of_12_kinds_each() -> None:
    texts: Counter[str] = Counter()
    for path in LISTS:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["writer"] for row in rows} == {path.stem}
        for near_miss in (False, True):
            half = [row for row in rows if (row["urgency"] in "12") == near_miss]
            assert len(half) == 150
            kinds = Counter(row["kind"] for row in half)
            assert len(kinds) == 12
            assert set(kinds.values()) == {12, 13}
        texts.update(row["text"] for row in rows)
    assert len(LISTS) == 2
    assert texts.most_common(1)[0][1] == 1
