"""The same matter, and not: by words, place and need, with the caller as one voice among them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.cast import Cast, file_one
from yinghu.appeals.models import Appeal, Event
from yinghu.reactions import react
from yinghu.triage.duplicates import _CANDIDATES_SQL
from yinghu.triage.likeness import VILLAGE
from yinghu.triage.models import Duplicate
from yinghu.triage.signatures import BANDS, bands_of

pytestmark = pytest.mark.django_db

GRID = "330782008001"
WORKER = "+8613600000001"


def pairs(*appeals: Appeal) -> dict[tuple[int, int], str]:
    """Let the worker read all appeals in turn; what it found, with the reasons, by position."""
    for appeal in appeals:
        react(list(Event.objects.filter(appeal=appeal).values_list("pk", flat=True)))
    order = {appeal.pk: n for n, appeal in enumerate(appeals)}
    return {(order[d.appeal_id], order[d.other_id]): d.why for d in Duplicate.objects.all()}


FAMILIES = (
    ("张桂英", "幸福里3幢201"),
    ("王建国", "幸福里5幢402"),
    ("李秀兰", "幸福里8幢101"),
    ("陈大爷", "幸福里11幢602"),
    ("刘小妹", "幸福里12幢303"),
)


@pytest.mark.parametrize("how", ["form", "text", "short"])
def test_one_phone_for_five_families_is_five_matters(city: Cast, how: str) -> None:
    filed = []
    for name, door in FAMILIES:
        given: dict[str, Any] = {"area": GRID, "category": "milk", "phone": WORKER}
        if how == "form":
            text = "家里婴儿没有奶粉了，需要一段两罐"
            given |= {"name": name, "address": door}
        elif how == "text":
            text = f"我是网格员，帮{door}的{name}家报一下，家里婴儿没有奶粉了，需要一段两罐"
            given["name"] = ""
        else:
            text = f"{name}家缺奶粉，住{door}"
            given["name"] = ""
        filed.append(file_one(text, **given))
    assert pairs(*filed) == {}


def test_same_matter_by_different_people_meets(city: Cast) -> None:
    first = file_one("丹溪路与稠州路路口的红绿灯坏了两天，早上特别堵，很危险", category="urban")
    again = file_one(
        "丹溪路和稠州路路口的红绿灯坏了两天，早上特别堵，太危险",
        category="urban",
        phone="+8613900000001",
        name="赵四",
    )
    found = pairs(first, again)
    assert set(found) == {(1, 0)}
    assert "words" in found[1, 0].split()
    assert "caller" not in found[1, 0].split()


def test_same_words_elsewhere_are_another_matter(city: Cast) -> None:
    words = "三号楼停水了，一整天都没有水"
    first = file_one(words, area="330782008001")
    other = file_one(words, area="330782008002", phone="+8613900000001", name="赵四")
    assert pairs(first, other) == {}


def test_forwarded_appeal_for_one_household_meets(city: Cast) -> None:
    words = (
        "求扩散：幸福里3幢201张桂英老人独居，糖尿病，胰岛素只够今天晚上，"
        "儿子在外地回不来，请好心人帮忙"
    )
    first = file_one(words, phone="+8613900000001", name="甲乙")
    again = file_one(f"转发！{words}！！", phone="+8613900000002", name="丙丁")
    assert set(pairs(first, again)) == {(1, 0)}


def test_strangers_with_the_same_short_need_do_not_meet(city: Cast) -> None:
    first = file_one("家里婴儿没有奶粉了，需要一段两罐")
    other = file_one("家里婴儿没有奶粉了，需要一段两罐", phone="+8613900000001", name="赵四")
    assert pairs(first, other) == {}


def test_caller_who_asks_again_in_other_words_meets(city: Cast) -> None:
    first = file_one("家里婴儿没有奶粉了，需要一段两罐", category="milk")
    again = file_one("都两天了，孩子还饿着，什么时候送来？", category="milk")
    other = file_one("楼道的灯坏了，上次也坏过", category="urban")
    found = pairs(first, again, other)
    assert found == {(1, 0): "need caller again"}


@pytest.mark.parametrize(
    "written",
    [
        "丹溪路與稠州路路口的紅綠燈壞了兩天，早上特別堵，很危險",
        "丹溪路与稠州路路口的红绿灯坏了两天，早上特别堵，很危险！！！",
        "丹溪路与稠州路路口的红绿灯坏了两天　早上特别堵　很危险",
    ],
)
def test_traditional_and_wide_forms_are_the_same_matter(city: Cast, written: str) -> None:
    first = file_one("丹溪路与稠州路路口的红绿灯坏了两天，早上特别堵，很危险", category="urban")
    again = file_one(written, category="urban", phone="+8613900000001", name="赵四")
    assert set(pairs(first, again)) == {(1, 0)}
    again.refresh_from_db()
    assert again.body == written


def test_bands_find_texts_with_two_other_letters() -> None:
    text = "丹溪路与稠州路路口的红绿灯坏了两天"
    changed = "丹溪路和稠州路路口的红绿灯坏了三天"
    assert len(bands_of(text)) == BANDS
    assert set(bands_of(text)) & set(bands_of(changed))
    assert not set(bands_of(text)) & set(bands_of("家里婴儿没有奶粉了，需要一段两罐"))
    assert bands_of("停水") == []
    # The same for good: they are stored.
    assert bands_of(text)[:2] == [-2045227892, -1609962229]


def test_candidates_are_found_by_indexes(city: Cast) -> None:
    appeal = file_one("丹溪路与稠州路路口的红绿灯坏了两天")
    given: dict[str, Any] = {"open": ["filed"], "later": [appeal.pk], "village": VILLAGE}
    with connection.cursor() as cursor:
        # An empty table is read as a whole; what counts is that the indexes can serve.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {_CANDIDATES_SQL}", given)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    for index in ("words_bands", "appeal_caller"):
        assert index in plan
    assert "Seq Scan" not in plan
