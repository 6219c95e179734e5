"""Import of tables from files on disk, with the checks and the history of the set-up pages.

A bad row is reported with its line and the reason; the others are imported.
"""

from collections.abc import Collection
from pathlib import Path

from yinghu.administration import services, tables
from yinghu.administration.registry import TYPES
from yinghu.common.config_types.config_type import ConfigType, Rows
from yinghu.common.tables.table_reader import read_table
from yinghu.places.importing import Reject, SetupReport
from yinghu.places.models import Area, AreaAlias


def import_file(config_type: ConfigType, path: Path) -> SetupReport:
    """Import a CSV with the columns of a configuration type. Raises BadFile."""
    lines, rejects = _read(path, config_type.required)
    return _import(config_type, lines, rejects)


def import_areas(path: Path, *, whole: str = "") -> SetupReport:
    """Import areas from a CSV `code,name[,name_en,lon,lat,level,aliases]`, or from the statistics
    bureau's list of villages. Values for missing columns and empty cells stay unchanged.

    `whole`, a code prefix, says that the file has every area below it: areas that it lacks are
    retired, and retired ones that it names are restored. Raises BadFile.
    """
    lines, rejects = _read(path, ("code", "name"), ("village_code", "village_name"))
    areas = TYPES["area"]
    # A list of villages names their county on every line.
    rows: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
    for line, cells in lines:
        for each in areas.split_line(cells):
            at = (each.get("code", ""), each.get("name", ""))
            rows.setdefault(at, (line, {}))[1].update(_non_empty(each))
    known = list(rows.values())
    _add_known_aliases(known)
    if whole:
        known = [
            (line, cells | {"active": "1"} if cells.get("code", "").startswith(whole) else cells)
            for line, cells in known
        ]
    # Parents first: an area must be below an existing one.
    known.sort(key=lambda row: len(row[1].get("code", "")))
    if whole and known:
        found = Area.objects.filter(code__startswith=whole, retired_at=None)
        gone = found.exclude(pk__in={cells.get("code") for _line, cells in known})
        known += [(0, {"code": area.pk, "active": "0"}) for area in gone.only("code")]
    return _import(areas, known, rejects)


def import_aliases(path: Path) -> SetupReport:
    """Add aliases of areas from a CSV `code,name`. Raises BadFile."""
    lines, rejects = _read(path, ("code", "name"))
    found: dict[str, tuple[int, list[str]]] = {}
    for line, cells in lines:
        found.setdefault(cells["code"], (line, []))[1].append(cells["name"])
    rows = [
        (line, {"code": code, "aliases": "|".join(names)}) for code, (line, names) in found.items()
    ]
    _add_known_aliases(rows)
    return _import(TYPES["area"], rows, rejects)


def import_places(path: Path) -> SetupReport:
    """Import places from a CSV `code,name,area_code[,address,lon,lat,active]`. Raises BadFile."""
    lines, rejects = _read(path, ("code", "name", "area_code"), ("code", "name", "area"))
    rows = [
        (line, _non_empty({"area" if k == "area_code" else k: text for k, text in cells.items()}))
        for line, cells in lines
    ]
    return _import(TYPES["place"], rows, rejects)


def _import(config_type: ConfigType, rows: Rows, rejects: list[Reject]) -> SetupReport:
    with services.exclusive():
        plan = tables.plan_import(config_type, rows)
        tables.apply_import(None, plan)
    config_type.refresh()
    retired = sum(line.values.get("active") is False for line in plan.of("changed"))
    refused = [
        Reject(line.number, " ".join(line.why), line.known_as or line.name)
        for line in plan.of("refused")
    ]
    return SetupReport(
        created=len(plan.of("new")),
        changed=len(plan.of("changed")) - retired,
        unchanged=len(plan.of("same")),
        retired=retired,
        rejects=sorted([*rejects, *refused], key=lambda reject: reject.line),
    )


def _non_empty(cells: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in cells.items() if text}


def _add_known_aliases(rows: list[tuple[int, dict[str, str]]]) -> None:
    """Add the existing aliases of their areas to the rows: a file removes none."""
    codes = {cells.get("code") for _line, cells in rows if cells.get("aliases")}
    known: dict[str, list[str]] = {}
    for alias in AreaAlias.objects.filter(area__in=codes):
        known.setdefault(alias.area_id, []).append(alias.name)
    for _line, cells in rows:
        if cells.get("aliases"):
            names = [cells["aliases"], *known.get(cells.get("code", ""), ())]
            cells["aliases"] = "|".join(names)


def _read(
    path: Path, *wanted: Collection[str]
) -> tuple[list[tuple[int, dict[str, str]]], list[Reject]]:
    """Read rows with all columns of one of `wanted`, and the unreadable ones. Raises BadFile."""
    rows, broken = read_table(path, *wanted)
    return rows, [
        Reject(each.line, each.why, each.raw.decode("utf-8", "replace").rstrip("\r\n")[:200])
        for each in broken
    ]
