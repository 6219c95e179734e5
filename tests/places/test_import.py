"""Importing areas, outlines, aliases and places, through the functions and `yinghu areas`."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from tests.places.conftest import DEMO
from yinghu.administration import files, tables
from yinghu.administration.registry import TYPES
from yinghu.commands import areas as command
from yinghu.common.tables.table_reader import BadFile
from yinghu.people.models import Change
from yinghu.places import importing
from yinghu.places.models import Area, AreaAlias, Place, level_of, parent_code_in

SHARED = Path(__file__).parents[3] / "shared" / "data" / "areas" / "330782_villages.csv"


def write(tmp_path: Path, text: str, name: str = "areas.csv", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.mark.usefixtures("yiwu")
def test_demo_city_has_its_towns_villages_grids_and_cells() -> None:
    counts = [Area.objects.filter(level=level).count() for level in range(1, 6)]
    assert counts == [1, 14, 537, 24, 48]
    assert Area.objects.get(code="330782004").name == "北苑街道"
    assert Area.objects.get(code="330782004").name_en == "Beiyuan Subdistrict"
    outline = Area.objects.get(level=1).outline
    assert outline is not None
    assert outline["type"] == "MultiPolygon"
    assert not Area.objects.exclude(level=1).filter(outline__isnull=False).exists()
    assert AreaAlias.objects.filter(name="国际商贸城", area_id="330782008").exists()
    assert Place.objects.count() == 16
    place = Place.objects.select_related("area").get(code="futian")
    assert (place.area.level, place.area_id[:9]) == (4, "330782008")


@pytest.mark.usefixtures("yiwu")
def test_demo_city_equals_the_published_list() -> None:
    if not SHARED.exists():
        pytest.skip(f"the published list is not beside this clone ({SHARED.name})")
    with SHARED.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    villages = dict(Area.objects.filter(level=3).values_list("code", "name"))
    towns = dict(Area.objects.filter(level=2).values_list("code", "name"))
    assert villages == {row["village_code"]: row["village_name"] for row in rows}
    assert towns == {row["town_code"]: row["town_name"] for row in rows}
    report = files.import_areas(SHARED)
    assert (report.created, report.changed, report.unchanged) == (0, 0, 552)


@pytest.mark.usefixtures("yiwu")
def test_a_second_import_changes_nothing() -> None:
    before = list(Area.objects.values_list("code", "updated_at"))
    report = files.import_areas(DEMO / "areas.csv")
    assert (report.created, report.changed, report.unchanged) == (0, 0, 624)
    assert importing.import_outlines(DEMO / "outlines.geojson").unchanged == 1
    assert files.import_places(DEMO / "places.csv").unchanged == 16
    assert list(Area.objects.values_list("code", "updated_at")) == before


@pytest.mark.usefixtures("no_areas")
def test_village_columns_make_three_levels(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "village_code,village_name,town_code,town_name,county_code,county_name\n"
        "370983001001,刘庄居委会,370983001,新城街道,370983,肥城市\n"
        "370983001002,河西社区居委会,370983001,新城街道,370983,肥城市\n",
        encoding="gb18030",
    )
    report = files.import_areas(path)
    assert (report.created, report.rejects) == (4, [])
    assert list(Area.objects.values_list("code", "name", "level")) == [
        ("370983", "肥城市", 1),
        ("370983001", "新城街道", 2),
        ("370983001001", "刘庄居委会", 3),
        ("370983001002", "河西社区居委会", 3),
    ]


@pytest.mark.usefixtures("no_areas")
def test_bad_rows_are_rejected_by_line_and_the_rest_imported(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "code,name,lon,lat,level\n"
        "110101,东城区,116.4,39.9,\n"
        ",无代码,,,\n"
        "110101001,,,,\n"
        "11/0101,斜杠,,,\n"
        "110101002,经度,abc,39.9,\n"
        "110101003,太远,200,39.9,\n"
        "110101004,半个点,116.4,,\n"
        "110101005,层级,,,9\n"
        '110101006,"带\n换行",,,\n'
        "110101007,多一列,,,,x\n"
        "110101,另一个名字,,,\n"
        "\n"
        f"110101008,{'长' * 81},,,\n"
        "110101009,nan,nan,nan,\n"
        "110101010,好的街道,116.4,39.9,2\n",
    )
    report = files.import_areas(path)
    # A line break within a name becomes a space.
    assert dict(Area.objects.values_list("code", "name")) == {
        "110101": "东城区",
        "110101006": "带 换行",
        "110101010": "好的街道",
    }
    reasons = {reject.line: reject.reason for reject in report.rejects}
    assert list(reasons) == [3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16]
    assert "name" in reasons[4]
    assert reasons[7].startswith("经度：应是 -180 到 180 之间的度数")
    assert reasons[13] == "和第 2 行是同一个"


@pytest.mark.usefixtures("no_areas")
def test_undecodable_line_is_rejected_alone(tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_bytes("code,name\n110101,好\n110102,".encode() + b"\xff\xff\n110103,nul\x00\n")
    report = files.import_areas(path)
    assert list(Area.objects.values_list("code", flat=True)) == ["110101"]
    assert [reject.line for reject in report.rejects] == [3, 4]


@pytest.mark.usefixtures("no_areas")
def test_import_keeps_values_that_the_file_omits(tmp_path: Path) -> None:
    files.import_areas(
        write(tmp_path, "code,name,lon,lat,aliases\n330782,义乌市,120.07,29.3,义乌|Yiwu\n")
    )
    report = files.import_areas(write(tmp_path, "code,name,lon,lat\n330782,义乌,,\n"))
    assert report.changed == 1
    area = Area.objects.get()
    assert (area.name, area.lon, area.lat) == ("义乌", 120.07, 29.3)
    assert set(area.aliases.values_list("name", flat=True)) == {"义乌", "Yiwu"}


@pytest.mark.usefixtures("no_areas")
def test_whole_import_retires_and_restores_without_deleting(tmp_path: Path) -> None:
    both = (
        "code,name\n330782,义乌市\n330782001,稠城街道\n330782002,江东街道\n"
        "330783,东阳市\n330783001,别处\n"
    )
    files.import_areas(write(tmp_path, both))
    one = write(tmp_path, "code,name\n330782,义乌市\n330782001,稠城街道\n", "one.csv")
    assert files.import_areas(one).retired == 0
    assert files.import_areas(one, whole="330782").retired == 1
    assert list(Area.objects.exclude(retired_at=None).values_list("code", flat=True)) == [
        "330782002"
    ]
    assert files.import_areas(one, whole="330782").retired == 0
    again = files.import_areas(write(tmp_path, both), whole="330782")
    assert again.changed == 1
    assert Area.objects.filter(retired_at=None).count() == 5
    last = Change.objects.filter(kind="area").latest("id")
    assert (last.key, last.after, last.user) == ("330782002", {"active": True}, None)


@pytest.mark.usefixtures("no_areas")
def test_foreign_codes_take_their_level_from_the_parent(tmp_path: Path) -> None:
    files.import_areas(
        write(tmp_path, "code,name\nNL-0363-AB,Centrum\nNL,Nederland\nNL-0363,Amsterdam\n")
    )
    assert dict(Area.objects.values_list("code", "level")) == {
        "NL": 1,
        "NL-0363": 2,
        "NL-0363-AB": 3,
    }
    known = set(Area.objects.values_list("code", flat=True))
    assert parent_code_in("NL-0363-AB", known) == "NL-0363"
    assert parent_code_in("NL", known) == ""
    assert [level_of(code) for code in ("330782", "330782001", "330782001001")] == [1, 2, 3]


@pytest.mark.usefixtures("no_areas")
@pytest.mark.parametrize(
    ("rows", "taken", "why"),
    [
        # Whatever the order: a post over area 1 would reach area 10.
        ("1,城关,1\n10,河西,1\n2,城南,1\n", ["1", "2"], "代码就不能以 1 开头"),
        ("A10,河西,1\nA1,城关,1\n", ["A1"], "代码就不能以 A1 开头"),
        # Without levels, 10 could be meant to be below 1.
        ("1,城关,\n10,河西,\n", ["1"], "如果是这样，请写明层级"),
        ("1,城关,1\n10,一村,2\n", ["1", "10"], ""),
    ],
)
def test_code_that_begins_with_an_equals_is_refused(
    tmp_path: Path, rows: str, taken: list[str], why: str
) -> None:
    report = files.import_areas(write(tmp_path, f"code,name,level\n{rows}"))
    assert list(Area.objects.values_list("code", flat=True)) == taken
    assert [why in reject.reason for reject in report.rejects] == [True] * bool(why)


@pytest.mark.usefixtures("no_areas")
def test_set_up_warns_of_codes_that_were_taken_before() -> None:
    Area.objects.bulk_create(
        [Area(code=code, name=name, level=1) for code, name in (("1", "城关"), ("10", "河西"))]
    )
    (warning, *_others) = TYPES["area"].warnings()
    assert warning.startswith("“河西”的代码 10 以“城关”的代码 1 开头，层级却不比它低")


@pytest.mark.usefixtures("no_areas")
def test_code_that_begins_others_is_refused_at_every_door(tmp_path: Path) -> None:
    files.import_areas(write(tmp_path, "code,name,level\n10,河西,1\n11,河东,1\n"))
    later = "code,name,level\n1,城关,1\n"
    report = files.import_areas(write(tmp_path, later))
    assert "“河西”的代码 10 以它开头" in report.rejects[0].reason
    # The page and `yinghu setup` plan lines in the order of the file.
    rows = [
        (line, {"code": code, "name": name, "level": "1"})
        for line, (code, name) in enumerate((("20", "城北"), ("2", "城南"), ("21", "城西")))
    ]
    plan = tables.plan_import(TYPES["area"], rows)
    assert [(line.key, line.does) for line in plan.lines] == [
        ("20", "new"),
        ("2", "refused"),
        ("21", "new"),
    ]
    assert "“城北”的代码 20 以它开头" in plan.lines[1].why[0]


@pytest.mark.usefixtures("no_areas")
def test_import_of_3000_rows_takes_few_queries(
    tmp_path: Path, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = [f"110101001{n:04d},村{n},3" for n in range(1, 2_999)]
    above = "code,name,level\n110101,东城区,1\n110101001,街道,2\n"
    path = write(tmp_path, above + "\n".join(rows))
    with django_assert_max_num_queries(40):
        assert files.import_areas(path).created == 3_000
    assert Change.objects.filter(kind="area", key__startswith="110101").count() == 3_000


@pytest.mark.usefixtures("no_areas")
def test_good_outlines_are_imported_and_bad_ones_rejected(tmp_path: Path) -> None:
    files.import_areas(write(tmp_path, "code,name\n330782,义乌市\n330783,东阳市\n"))
    square = [[[120, 29], [121, 29], [121, 30], [120, 30], [120, 29]]]
    bow = [[[120, 29], [121, 30], [121, 29], [120, 30], [120, 29]]]
    far = [[[13000000, 29], [1, 1], [2, 2], [13000000, 29]]]
    features = [
        {"properties": {"id": "330782"}, "geometry": {"type": "Polygon", "coordinates": square}},
        {"properties": {"code": "330783"}, "geometry": {"type": "Polygon", "coordinates": bow}},
        {"properties": {"id": "999999"}, "geometry": {"type": "Polygon", "coordinates": square}},
        {"properties": {}, "geometry": {"type": "Polygon", "coordinates": square}},
        {"properties": {"id": "330782"}, "geometry": {"type": "Point", "coordinates": [1, 2]}},
        {"properties": {"id": "330782"}, "geometry": {"type": "Polygon", "coordinates": far}},
        {"properties": {"id": "330782"}, "geometry": None},
        "nonsense",
    ]
    path = write(
        tmp_path, json.dumps({"type": "FeatureCollection", "features": features}), "o.json"
    )
    report = importing.import_outlines(path)
    assert report.changed == 2
    assert [reject.line for reject in report.rejects] == [3, 4, 5, 6, 7, 8]
    inside = Area.objects.get(code="330782")
    assert (inside.lon, inside.lat) == (120.5, 29.5)
    with pytest.raises(BadFile):
        importing.import_outlines(write(tmp_path, "[1, 2", "bad.json"))


@pytest.mark.usefixtures("no_areas")
def test_places_need_a_known_area_and_a_unique_code(tmp_path: Path) -> None:
    files.import_areas(write(tmp_path, "code,name\n330782,义乌市\n"))
    path = write(
        tmp_path,
        "code,name,area_code,address,lon,lat,active\n"
        "gate,大门,330782,一号,120.1,29.3,1\n"
        "gate,又一个,330782,,,,1\n"
        "a b,空格,330782,,,,1\n"
        "else,别处,330783,,,,1\n"
        "off,停用,330782,,,,0\n",
        "places.csv",
    )
    report = files.import_places(path)
    assert report.created == 2
    assert [reject.line for reject in report.rejects] == [3, 4, 5]
    assert not Place.objects.get(code="off").active
    made = Place.objects.create(name="无码", area_id="330782")
    assert len(made.code) == 8


@pytest.mark.usefixtures("no_areas")
def test_command_reports_the_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(DEMO / "areas.csv") == 0
    assert capsys.readouterr().out == "新增 624，更新 0，未变 0，停用 0，拒绝 0\n"
    assert run(DEMO / "outlines.geojson") == 0
    aliases = write(tmp_path, "code,name\n330782001,绣湖公园\n330782001,老城\n", "aliases.csv")
    assert run("--aliases", aliases) == 0
    assert AreaAlias.objects.filter(area="330782001", name="老城").exists()
    assert run("--places", DEMO / "places.csv") == 0
    bad = write(tmp_path, "code,name\n,x\n330782,义乌市\n")
    rejects = tmp_path / "rejects.csv"
    assert run(bad, "--rejects", rejects) == 1
    assert "第 2 行" in capsys.readouterr().err
    assert rejects.read_text("utf-8-sig").splitlines()[0] == "line,reason,row"
    assert run(write(tmp_path, "a,b\n1,2\n")) == 2
    assert run(tmp_path / "none.csv") == 2
    assert "none.csv" in capsys.readouterr().err


@pytest.mark.usefixtures("yiwu")
def test_scope_is_an_index_range() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE places_area")
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Area.objects.filter(code__startswith="330782004").explain()
    # The _like index, or the primary key's own where the database sorts by bytes.
    assert "Index Cond" in plan
    assert "'330782004'" in plan
    assert "'330782005'" in plan


@pytest.mark.usefixtures("no_areas")
def test_database_refuses_half_a_point_and_a_sixth_level() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Area.objects.create(code="1", name="a", level=1, lon=120.0)
    with pytest.raises(IntegrityError), transaction.atomic():
        Area.objects.create(code="1", name="a", level=6)
