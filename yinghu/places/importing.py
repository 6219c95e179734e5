"""Import of area outlines from GeoJSON, and import reports."""

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import shapely
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from yinghu.common.tables.table_reader import BadFile
from yinghu.places import locate
from yinghu.places.models import Area

CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,23}")
MAX_FILE_BYTES: Final = 64 * 2**20
MAX_POINTS: Final = 10_000
"""Points of a stored outline, which anybody may load: about 400 kB."""
MAX_TOLERANCE: Final = 0.0001
"""Degrees, about 11 m, by which an outline may be simplified when it is imported."""
_UNUSABLE: Final = (
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    shapely.errors.ShapelyError,
)
ALIAS_MARKS: Final = re.compile(r"[|;；、]")


@dataclass(frozen=True)
class Reject:
    """A row that was left out: its line in the file (its number, in GeoJSON), and why."""

    line: int
    reason: str
    row: str = ""


@dataclass
class SetupReport:
    """Result of an import; counts are database rows, not lines."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    retired: int = 0
    rejects: list[Reject] = field(default_factory=list)


class BadRow(ValueError):
    """A row that cannot be used; the text says why."""


def import_outlines(path: Path | str) -> SetupReport:
    """Import outlines from GeoJSON whose features have `id`, `code` or `adcode`; else BadFile.

    Geometries are Polygons or MultiPolygons in WGS-84 degrees; self-crossing ones are repaired. An
    area without a centre gets a point inside its outline. One of more than MAX_POINTS is simplified
    by up to MAX_TOLERANCE, or rejected.
    """
    report = SetupReport()
    if (size := Path(path).stat().st_size) > MAX_FILE_BYTES:
        said = {"path": path, "size": size // 2**20, "most": MAX_FILE_BYTES // 2**20}
        raise BadFile(
            _("%(path)s 有 %(size)d MB，最多 %(most)d MB；请先简化边界或分几个文件") % said
        )
    try:
        content = json.loads(Path(path).read_bytes())
        features = content["features"]
        if not isinstance(features, list):
            raise TypeError
    except RecursionError as why:
        raise BadFile(_("%s 的括号套得太深，不是可用的 GeoJSON") % path) from why
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
    locate.refresh_areas()
    return report


def _outline(feature: Any) -> tuple[str, dict[str, Any]]:
    try:
        properties = feature.get("properties") or {}
        named = [properties.get(name) for name in ("id", "code", "adcode")]
        code = next((str(value) for value in (*named, feature.get("id")) if value), "")
        if not code:
            raise BadRow(_("缺少 id 或 code 属性"))
        geometry = feature["geometry"]
    except (AttributeError, KeyError, TypeError) as why:
        raise BadRow(_("不是可用的要素：%s") % why) from why
    return code, sound_outline(geometry)


def sound_outline(given: Any) -> dict[str, Any]:
    """Validate a GeoJSON (Multi)Polygon in WGS-84 degrees, repairing crossings and simplifying what
    has more than MAX_POINTS. Raises BadRow.
    """
    try:
        geometry = shape(given)
    except _UNUSABLE as why:
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
    given_points = shapely.get_num_coordinates(geometry)
    geometry = limit_points(geometry, MAX_TOLERANCE)
    if shapely.get_num_coordinates(geometry) > MAX_POINTS:
        said = {"n": given_points, "most": MAX_POINTS}
        raise BadRow(_("边界有 %(n)d 个点，简化以后还是超过 %(most)d 个；请画得粗一些") % said)
    outline: dict[str, Any] = json.loads(shapely.to_geojson(geometry))
    return outline


def limit_points(geometry: BaseGeometry, most_degrees: float) -> BaseGeometry:
    """Simplify a valid outline of more than MAX_POINTS, by no more degrees than it takes."""
    found, tolerance = geometry, MAX_TOLERANCE / 64
    while shapely.get_num_coordinates(found) > MAX_POINTS and tolerance <= most_degrees:
        found = geometry.simplify(tolerance)
        tolerance *= 2
    return found


def write_rejects(rejects: list[Reject], path: Path) -> None:
    """Write rejected rows as CSV `line,reason,row` (UTF-8 with BOM, for spreadsheets)."""
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["line", "reason", "row"])
        writer.writerows([reject.line, reject.reason, reject.row] for reject in rejects)
