"""Locating areas by point, code and words, in the demo city."""

from __future__ import annotations

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from yinghu.common.chinese import fold_in_place
from yinghu.places import locate
from yinghu.places.models import Area, AreaAlias
from yinghu.places.words import Finder

pytestmark = pytest.mark.django_db


def best(text: str, within: str = "") -> tuple[str, float] | None:
    matches = locate.by_words(text, within)
    return (matches[0].area.code, round(matches[0].confidence, 2)) if matches else None


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (120.0727, 29.3078, "330782001004001002"),  # on a cell's centre
        (120.0745, 29.3065, "330782001004003"),  # no cell within 150 m, a grid within 500 m
        (120.0885, 29.3090, "330782001010"),  # a community within 1,500 m
        (120.105, 29.362, "330782008"),  # a town within 8 km
        (119.95, 29.10, "330782"),  # in the county's outline, far from every centre
        (121.47, 31.23, None),  # another city
        (120.35, 29.31, None),  # just over the border, though a town's centre is not far
    ],
)
def test_by_point(lon: float, lat: float, code: str | None) -> None:
    found = locate.by_point(lon, lat)
    assert (found.code if found else None) == code


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 999.0])
def test_invalid_point_has_no_area(bad: float) -> None:
    assert locate.by_point(bad, 29.3) is None
    assert locate.by_point(120.1, bad) is None


def test_distance_from_the_city_is_from_its_outlines_or_else_its_centres() -> None:
    assert locate.metres_outside(119.95, 29.10) == 0
    # Ten minutes of arc, 18.5 km, north of a square county.
    ring = [[120, 29], [120.3, 29], [120.3, 29.4], [120, 29.4], [120, 29]]
    square = {"type": "Polygon", "coordinates": [ring]}
    Area.objects.filter(pk="330782").update(outline=square, updated_at=timezone.now())
    locate.refresh_areas()
    assert locate.metres_outside(120.1, 29.4 + 1 / 6) == pytest.approx(18_550, rel=0.01)
    assert locate.metres_outside(120.3 + 1 / 6, 29.2) == pytest.approx(16_200, rel=0.01)
    assert locate.metres_outside(0, 0) == pytest.approx(1.2e7, rel=0.2)
    # Half a set-up tells nothing of the other half of the city.
    Area.objects.filter(pk="330782").update(outline=None)
    town = Area.objects.filter(pk="330782100")
    inside = Area.objects.filter(pk__startswith="330782100")
    kept = list(inside.values_list("pk", "lon", "lat"))
    inside.update(lon=None, lat=None, updated_at=timezone.now())
    locate.refresh_areas()
    assert locate.metres_outside(0, 0) is None
    for pk, lon, lat in kept:
        Area.objects.filter(pk=pk).update(lon=lon, lat=lat)
    assert town.exists()
    # Without an outline, a county reaches 30 km around its centre, and each town 8 km.
    Area.objects.update(outline=None, updated_at=timezone.now())
    Area.objects.exclude(pk="330782").update(retired_at=timezone.now())
    Area.objects.filter(pk="330782").update(lon=120.0, lat=29.0)
    locate.refresh_areas()
    assert locate.metres_outside(120.0, 29.2) == 0
    assert locate.metres_outside(120.0, 29.5) == pytest.approx(55_600 - 30_000, rel=0.01)
    Area.objects.update(lon=None, lat=None, updated_at=timezone.now())
    locate.refresh_areas()
    assert locate.metres_outside(0, 0) is None


def test_town_outline_decides_over_nearby_centres() -> None:
    west, south, east, north = 120.07, 29.30, 120.08, 29.31
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    Area.objects.filter(code="330782001").update(
        outline={"type": "Polygon", "coordinates": [ring]}, updated_at=timezone.now()
    )
    locate.refresh_areas()
    inside, outside = locate.by_point(120.0795, 29.3005), locate.by_point(120.0862, 29.3166)
    assert inside is not None
    assert inside.code.startswith("330782001")
    # Near a community of that town, but outside the town's outline.
    assert outside is not None
    assert not outside.code.startswith("330782001")


def test_by_code_falls_back_to_the_longest_known_prefix() -> None:
    codes = ["330782004", "330782004011999", "330782999", "11", ""]
    found = [locate.by_code(code) for code in codes]
    assert [area.code if area else None for area in found] == [
        "330782004",
        "330782004011",
        "330782",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "code", "at_least"),
    [
        ("北苑街道四季社区停水三天了", "330782004011", 0.95),
        ("佛堂镇田心村路灯坏了", "330782100306", 0.95),
        ("佛堂鎮田心村路燈壞了", "330782100306", 0.95),
        ("佛堂田心那边路灯坏了", "330782100306", 0.85),  # short, settled by the town
        ("国际商贸城一区门口堵死了", "330782008", 0.85),  # an alias
        ("廿三里何宅村有人卖假货", "330782007205", 0.9),
        ("孝子祠门口垃圾没人清", "330782001009", 0.55),  # short, three characters
        ("福田的公交站", "330782008", 0.8),  # the street rather than the community in it
        ("稠城车站社区", "330782001008", 0.95),
        ("毛店桥头的路", "330782006206", 0.55),  # the longest name, not 毛店
        ("near futian subdistrict office", "330782008", 0.9),
        ("义乌市的垃圾分类", "330782", 0.9),
    ],
)
def test_by_words(text: str, code: str, at_least: float) -> None:
    found = best(text)
    assert found is not None
    assert found[0] == code
    assert found[1] >= at_least


@pytest.mark.parametrize(
    "text",
    [
        "城市建设搞得好",
        "幸福生活",
        "",
        "A市A3区大道西行便道",
        "😀\x00\n",
        "市场上周停电",
        "xiuhuabc",
    ],
)
def test_everyday_words_match_no_area(text: str) -> None:
    assert locate.by_words(text) == []


def test_ambiguous_names_share_confidence_until_a_town_is_named() -> None:
    Area.objects.create(code="330782100999", name="五一村委会", level=3)
    locate.refresh_areas()
    both = locate.by_words("五一村停电")
    assert {match.area.code for match in both} == {"330782006200", "330782100999"}
    assert all(match.confidence < 0.5 for match in both)
    assert best("佛堂镇五一村停电") == ("330782100999", 0.98)
    assert best("五一村停电", within="330782006") == ("330782006200", 0.95)


def test_road_named_like_a_village_scores_lower() -> None:
    road, village = best("江滨路口"), best("江滨社区")
    assert road is not None
    assert village is not None
    assert road[1] < 0.3 < 0.9 < village[1]


def test_two_places_in_a_message_lower_the_confidence() -> None:
    matches = locate.by_words("从佛堂镇到苏溪镇的公交车")
    assert [match.area.code for match in matches] == ["330782100", "330782105"]
    assert matches[0].confidence < 0.8
    assert matches[1].confidence < matches[0].confidence


def test_within_restricts_the_matches() -> None:
    assert best("佛堂镇田心村", within="330782001") is None
    assert best("田心", within="330782100") == ("330782100306", 0.9)


def test_spans_refer_to_the_original_text() -> None:
    text = "ＡＢＣ在佛堂镇田心村"
    match = locate.by_words(text)[0]
    assert text[slice(*match.span)] == match.words == "田心村"


def test_refresh_drops_retired_areas_and_adds_aliases() -> None:
    Area.objects.filter(code="330782100306").update(
        retired_at=timezone.now(), updated_at=timezone.now()
    )
    AreaAlias.objects.create(area_id="330782101", name="丹溪文化园")
    locate.refresh_areas()
    assert best("佛堂镇田心村") == ("330782100", 0.95)
    assert best("丹溪文化园") == ("330782101", 0.9)
    found = locate.by_code("330782100306")
    assert found is not None
    assert found.code == "330782100"


def test_lookups_use_the_cache_until_refreshed(
    django_assert_num_queries: DjangoAssertNumQueries, settings: Settings
) -> None:
    settings.AREAS_POLL_SECONDS = 60
    locate.refresh_areas()
    locate.by_words("佛堂镇")
    with django_assert_num_queries(0):
        locate.by_words("佛堂镇田心村")
        locate.by_point(120.1, 29.3)
        locate.by_code("330782")
    locate.refresh_areas()
    with django_assert_num_queries(2):
        locate.by_words("佛堂镇田心村")


@given(
    st.text(max_size=60),
    st.sets(st.text(st.sampled_from("甲乙丙ab1"), min_size=2, max_size=4), max_size=8),
)
def test_finder_agrees_with_a_plain_search(text: str, words: set[str]) -> None:
    text += "甲乙丙甲 ab1 甲乙"
    folded = fold_in_place(text)
    assert len(folded) == len(text)
    found = Finder(words).find(text)
    for item in found:
        assert folded[item.start : item.end] == item.word
    cjk = {word for word in words if not word.isascii() and word[0] > "z" and word[-1] > "z"}
    for word in cjk:
        start = folded.find(word)
        if start >= 0:
            assert any(f.start <= start and f.end >= start + len(word) for f in found)
