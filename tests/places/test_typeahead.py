"""Area typeahead by name, part of a name, code and pinyin initials."""

from __future__ import annotations

import pytest

from tests.cast import Cast
from yinghu.common.pinyin import initials
from yinghu.places.models import Area
from yinghu.places.typeahead import suggest_areas


def names(text: str) -> list[str]:
    return [area.name for area in suggest_areas(text)]


def test_initials_use_the_common_readings() -> None:
    assert initials("福田街道") == "ftjd"
    assert initials("重庆") == "cq"
    assert initials("A 区3号楼") == "aq3hl"


@pytest.mark.django_db
def test_typeahead_finds_areas_widest_first(city: Cast) -> None:
    assert names("ftjd") == ["福田街道"]
    assert names("福田")[0] == "福田街道"
    assert names("FOTANG")[0] == names("ＦＯＴＡＮＧ")[0] == "佛堂镇"
    assert names("佛堂鎮")[0] == "佛堂镇"
    assert names("330782008")[0] == "福田街道"
    assert all(area.pk.startswith("330782008") for area in suggest_areas("330782008"))
    assert names("绣湖社区第一网格")[0] == "绣湖社区第一网格"
    # An alias that is part of no name.
    assert names("小商品城")[0] == "福田街道"
    assert names("没有这样的地方") == names(" ") == []
    assert len(suggest_areas("s")) == 12


@pytest.mark.django_db
def test_new_and_retired_areas_take_effect_at_once(city: Cast) -> None:
    Area.objects.create(code="330782990", name="新设镇", level=2)
    assert names("xsz") == ["新设镇"]
    Area.objects.filter(pk="330782990").update(retired_at="2026-01-01T00:00:00Z", name="新设镇")
    area = Area.objects.get(pk="330782990")
    area.save()
    assert names("xsz") == []
