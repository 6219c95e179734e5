"""Areas, outlines, aliases and places from files, as often as one likes.

A bad row is reported with its line and the reason, and stops nothing. What a file does not say (a
column that it lacks, an empty cell) stays as it is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import shapely
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from shapely.geometry import shape

from yinghu.common.csv_writer import ENCODING, write_rows
from yinghu.common.table_reader import BadFile, read_table
from yinghu.places import locate
from yinghu.places.models import LENGTHS, Area, AreaAlias, Place, level_of, parent_code_in

CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,23}")
SLUG: Final = re.compile(r"[0-9A-Za-z_-]{1,40}")
ALIAS_MARKS: Final = re.compile(r"[|;；、]")
BATCH: Final = 2000
CHANGING: Final = ("name", "name_en", "level", "lon", "lat", "retired_at", "updated_at")
"""Columns of an area that a CSV may change."""


@dataclass(frozen=True)
class Reject:
    """One row that was left out: its line in the file (or its number, in GeoJSON), and why."""

    line: int
    reason: str
    row: str = ""


@dataclass
class Report:
    """What an import did; its numbers are areas, aliases or places, not lines.

    `aliases`: other names that areas got by the way.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    retired: int = 0
    aliases: int = 0
    rejects: list[Reject] = field(default_factory=list)


class BadRow(ValueError):
    """A row that cannot be used, with the reason as its text."""


def import_areas(path: Path | str, *, whole: str = "") -> Report:
    """Create and update areas from a CSV with a header; 37,000 take two seconds or three.

    Columns are `code,name` and, as one likes, `name_en,lon,lat,level,aliases` (aliases parted by
    |); or `village_code,village_name,town_code,town_name,county_code,county_name`. Level is given,
    or follows from the code's length, or is one below the parent's. UTF-8 or GB18030.

    `whole`, a code prefix, says that the file has every area there is under it: those it lacks are
    retired, those it has come back. Without it nothing is retired or brought back.
    BadFile if it has neither set of columns.
    """
    report = Report()
    rows: dict[str, dict[str, Any]] = {}
    aliases: set[tuple[str, str]] = set()
    for line, cells in _table_rows(
        path, report, (("code", "name"), ("village_code", "village_name"))
    ):
        try:
            found = _areas_in(cells)
            for row in found:
                known = rows.get(row["code"])
                if known is not None and known["name"] != row["name"]:
                    raise BadRow(
                        _("代码 %(code)s 在前面已是“%(name)s”")
                        % {"code": row["code"], "name": known["name"]}
                    )
        except BadRow as why:
            report.rejects.append(Reject(line, str(why), _shown(cells)))
            continue
        for row in found:
            for name in row.pop("aliases", ()):
                aliases.add((row["code"], name))
            rows.setdefault(row["code"], {}).update(row)
    with transaction.atomic():
        _save_areas(rows, report, whole)
        report.aliases = _save_aliases(aliases)
    locate.refresh()
    return report


def _areas_in(cells: dict[str, str]) -> list[dict[str, Any]]:
    """The one to three areas that a row describes; BadRow with a reason."""
    if "village_code" in cells:
        levels = (("county", 1), ("town", 2), ("village", 3))
        areas: list[dict[str, Any]] = [
            {
                "code": _code(cells.get(f"{kind}_code", "")),
                "name": _name(cells.get(f"{kind}_name", "")),
                "level": level,
            }
            for kind, level in levels
            if cells.get(f"{kind}_code") or kind == "village"
        ]
        for above, below in pairwise(areas):
            if not below["code"].startswith(above["code"]):
                raise BadRow(
                    _("代码 %(below)s 不以上级代码 %(above)s 开头")
                    % {"below": below["code"], "above": above["code"]}
                )
        return areas
    area: dict[str, Any] = {"code": _code(cells["code"]), "name": _name(cells["name"])}
    if cells.get("name_en"):
        area["name_en"] = _name(cells["name_en"], 120)
    area.update(_point(cells))
    if cells.get("level"):
        if cells["level"] not in {"1", "2", "3", "4", "5"}:
            raise BadRow(_("层级应为 1 至 5，而不是“%s”") % cells["level"])
        area["level"] = int(cells["level"])
    names = (part.strip() for part in ALIAS_MARKS.split(cells.get("aliases") or ""))
    area["aliases"] = [_name(name) for name in names if name]
    return [area]


def _save_areas(rows: dict[str, dict[str, Any]], report: Report, whole: str) -> None:
    now = timezone.now()
    known = {area.code: area for area in Area.objects.defer("outline")}
    to_create: list[Area] = []
    to_change: list[Area] = []
    levels = {code: area.level for code, area in known.items()}
    for code in sorted(rows, key=len):
        row = rows[code]
        area = known.get(code)
        if "level" not in row and area is None:
            row["level"] = _derived_level(code, levels)
        if "level" in row:
            levels[code] = row["level"]
        if area is None:
            to_create.append(Area(**row))
            continue
        if whole and code.startswith(whole):
            row["retired_at"] = None
        if all(getattr(area, key) == value for key, value in row.items()):
            report.unchanged += 1
            continue
        kept = {key: getattr(area, key) for key in CHANGING if key != "updated_at"}
        to_change.append(Area(**(kept | row)))
    Area.objects.bulk_create(to_create, batch_size=BATCH)
    Area.objects.bulk_create(
        to_change,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=CHANGING,
    )
    report.created += len(to_create)
    report.changed += len(to_change)
    if whole and rows:
        gone = [
            code
            for code, area in known.items()
            if code.startswith(whole) and code not in rows and area.retired_at is None
        ]
        report.retired = Area.objects.filter(code__in=gone).update(retired_at=now, updated_at=now)


def _derived_level(code: str, levels: dict[str, int]) -> int:
    if len(code) in LENGTHS:
        return level_of(code)
    parent = parent_code_in(code, levels)
    return min(5, levels[parent] + 1) if parent else 1


def import_aliases(path: Path | str) -> Report:
    """Other names of areas from a CSV `code,name`; one that is known is unchanged."""
    report = Report()
    codes = set(Area.objects.values_list("code", flat=True))
    aliases: set[tuple[str, str]] = set()
    for line, cells in _table_rows(path, report, (("code", "name"),)):
        try:
            aliases.add((_known(cells["code"], codes), _name(cells["name"])))
        except BadRow as why:
            report.rejects.append(Reject(line, str(why), _shown(cells)))
    report.created = _save_aliases(aliases)
    report.unchanged = len(aliases) - report.created
    locate.refresh()
    return report


def _save_aliases(aliases: set[tuple[str, str]]) -> int:
    known = set(
        AreaAlias.objects.filter(area_id__in={code for code, _name in aliases}).values_list(
            "area_id", "name"
        )
    )
    new = [AreaAlias(area_id=code, name=name) for code, name in sorted(aliases - known)]
    AreaAlias.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)
    return len(new)


def import_places(path: Path | str) -> Report:
    """Places with a sticker from a CSV `code,name,area_code[,address,lon,lat,active]`."""
    report = Report()
    codes = set(Area.objects.values_list("code", flat=True))
    known = {place.code: place for place in Place.objects.all()}
    seen: set[str] = set()
    to_create: list[Place] = []
    to_change: list[Place] = []
    for line, cells in _table_rows(path, report, (("code", "name", "area_code"),)):
        try:
            code = cells["code"]
            if not SLUG.fullmatch(code):
                raise BadRow(_("点位代码应为 1 至 40 个字母、数字、- 或 _，而不是“%s”") % code)
            if code in seen:
                raise BadRow(_("点位代码 %s 在前面已出现") % code)
            row: dict[str, Any] = {
                "name": _name(cells["name"]),
                "area_id": _known(cells["area_code"], codes),
                **_point(cells),
            }
            if cells.get("address"):
                row["address"] = _name(cells["address"], 200)
            if cells.get("active"):
                row["active"] = cells["active"].lower() not in {"0", "false", "no", "否"}
        except BadRow as why:
            report.rejects.append(Reject(line, str(why), _shown(cells)))
            continue
        seen.add(code)
        place = known.get(code)
        if place is None:
            to_create.append(Place(code=code, **row))
        elif any(getattr(place, key) != value for key, value in row.items()):
            for key, value in row.items():
                setattr(place, key, value)
            to_change.append(place)
        else:
            report.unchanged += 1
    with transaction.atomic():
        Place.objects.bulk_create(to_create, batch_size=BATCH)
        Place.objects.bulk_update(
            to_change, ["name", "area", "address", "lon", "lat", "active"], batch_size=BATCH
        )
    report.created, report.changed = len(to_create), len(to_change)
    return report


def import_outlines(path: Path | str) -> Report:
    """Outlines from a GeoJSON FeatureCollection, each feature with `id`, `code` or `adcode`.

    A Polygon or MultiPolygon in WGS-84 degrees; one that crosses itself is repaired. An area
    without a centre gets a point inside its outline. BadFile if it is not a FeatureCollection.
    """
    report = Report()
    try:
        content = json.loads(Path(path).read_bytes())
        features = content["features"]
        if not isinstance(features, list):
            raise TypeError
    except (ValueError, KeyError, TypeError) as why:
        raise BadFile(_("%s 不是 GeoJSON FeatureCollection") % path) from why
    now = timezone.now()
    with transaction.atomic():
        for number, feature in enumerate(features, 1):
            try:
                code, geometry = _outline(feature)
                area = Area.objects.filter(code=code).first()
                if area is None:
                    raise BadRow(_("没有代码为 %s 的区域") % code)
            except BadRow as why:
                report.rejects.append(Reject(number, str(why)))
                continue
            if area.outline == geometry:
                report.unchanged += 1
                continue
            area.outline = geometry
            if area.lon is None:
                inside = shape(geometry).representative_point()
                area.lon, area.lat = inside.x, inside.y
            area.updated_at = now
            area.save(update_fields=["outline", "lon", "lat", "updated_at"])
            report.changed += 1
    locate.refresh()
    return report


def _outline(feature: Any) -> tuple[str, dict[str, Any]]:
    try:
        properties = feature.get("properties") or {}
        code = next(
            str(value)
            for value in (
                properties.get("id"),
                properties.get("code"),
                properties.get("adcode"),
                feature.get("id"),
            )
            if value
        )
        geometry = feature["geometry"]
    except StopIteration as why:
        raise BadRow(_("缺少 id 或 code 属性")) from why
    except (AttributeError, KeyError, TypeError) as why:
        raise BadRow(_("不是可用的要素：%s") % why) from why
    return code, sound_outline(geometry)


def sound_outline(given: Any) -> dict[str, Any]:
    """A GeoJSON geometry as an outline is kept: a Polygon or MultiPolygon in WGS-84 degrees, which
    is repaired where it crosses itself. Raises BadRow.
    """
    try:
        geometry = shape(given)
    except (
        AttributeError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        shapely.errors.ShapelyError,
    ) as why:
        raise BadRow(_("不是可用的要素：%s") % why) from why
    if geometry.geom_type not in {"Polygon", "MultiPolygon"} or geometry.is_empty:
        raise BadRow(_("边界应为多边形，而不是 %s") % geometry.geom_type)
    west, south, east, north = geometry.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadRow(_("边界坐标不是 WGS-84 经纬度"))
    if not geometry.is_valid:
        geometry = shapely.make_valid(geometry, method="structure")
        if geometry.geom_type not in {"Polygon", "MultiPolygon"} or geometry.is_empty:
            raise BadRow(_("边界自相交，无法修复"))
    outline: dict[str, Any] = json.loads(shapely.to_geojson(geometry))
    return outline


def _table_rows(
    path: Path | str, report: Report, wanted: tuple[tuple[str, ...], ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row's line and its cells by column name; rows that cannot be read are rejected."""
    rows, broken = read_table(Path(path), *wanted)
    for each in broken:
        shown = each.raw.decode("utf-8", "replace").rstrip("\r\n")[:200]
        report.rejects.append(Reject(each.line, each.why, shown))
    yield from rows
    report.rejects.sort(key=lambda reject: reject.line)


def write_rejects(rejects: list[Reject], path: Path) -> None:
    """Rejected rows as CSV `line,reason,row`, for a spreadsheet to open."""
    with path.open("w", encoding=ENCODING, newline="") as out:
        write_rows(out, [("line", "reason", "row")])
        write_rows(out, ((reject.line, reject.reason, reject.row) for reject in rejects))


def _shown(cells: dict[str, str]) -> str:
    return ",".join(cells.values())[:200]


def _code(text: str) -> str:
    if not CODE.fullmatch(text):
        raise BadRow(_("代码应为 1 至 24 个字母或数字，而不是“%s”") % text[:40])
    return text


def _known(code: str, codes: Container[str]) -> str:
    if _code(code) not in codes:
        raise BadRow(_("没有代码为 %s 的区域") % code)
    return code


def _name(text: str, longest: int = 80) -> str:
    if not text:
        raise BadRow(_("名称为空"))
    if len(text) > longest:
        raise BadRow(
            _("“%(start)s…”超过 %(longest)d 个字") % {"start": text[:20], "longest": longest}
        )
    if "\ufffd" in text or any(ord(char) < 32 for char in text):
        raise BadRow(_("名称中有无法识别的字符"))
    return text


def _point(cells: dict[str, str]) -> dict[str, float]:
    lon, lat = cells.get("lon") or "", cells.get("lat") or ""
    if not lon and not lat:
        return {}
    try:
        x, y = float(lon), float(lat)
    except ValueError:
        raise BadRow(_("经纬度不是数字：“%(lon)s，%(lat)s”") % {"lon": lon, "lat": lat}) from None
    if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= 180 and abs(y) <= 90):
        raise BadRow(_("经纬度超出范围：“%(lon)s，%(lat)s”") % {"lon": lon, "lat": lat})
    return {"lon": x, "lat": y}
