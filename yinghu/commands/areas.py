"""`yinghu areas FILE`: areas, outlines, aliases or places from a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

NAME = "areas"
HELP = "import areas, aliases or places (CSV) or outlines (GeoJSON), as often as you like"
SHOWN_REJECTS = 20


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV: code,name[,name_en,lon,lat,level,aliases]")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--aliases", action="store_true", help="CSV: code,name")
    kind.add_argument(
        "--places", action="store_true", help="CSV: code,name,area_code[,address,lon,lat,active]"
    )
    kind.add_argument("--outlines", action="store_true", help="GeoJSON (*.geojson, *.json)")
    parser.add_argument(
        "--whole",
        metavar="PREFIX",
        default="",
        help="the file has every area under PREFIX: retire those it lacks",
    )
    parser.add_argument("--rejects", type=Path, help="write rejected rows here, as CSV")


def run(args: argparse.Namespace) -> int:
    """0 if every row was taken, 1 if some were rejected, 2 if the file cannot be used at all."""
    from django.utils.translation import gettext as _

    from yinghu.common.table_reader import BadFile
    from yinghu.places import importing

    file: Path = args.file
    load: Callable[[Path], importing.Report]
    if args.aliases:
        load = importing.import_aliases
    elif args.places:
        load = importing.import_places
    elif args.outlines or file.suffix.lower() in {".geojson", ".json"}:
        load = importing.import_outlines
    else:

        def load(path: Path) -> importing.Report:
            return importing.import_areas(path, whole=args.whole)

    try:
        report = load(file)
    except (BadFile, OSError) as why:
        print(why, file=sys.stderr)
        return 2
    print(
        _("新增 %(created)d，更新 %(changed)d，未变 %(unchanged)d，停用 %(retired)d，拒绝 %(bad)d")
        % {
            "created": report.created,
            "changed": report.changed,
            "unchanged": report.unchanged,
            "retired": report.retired,
            "bad": len(report.rejects),
        }
    )
    for reject in report.rejects[:SHOWN_REJECTS]:
        print(_("第 %(line)d 行：%(reason)s") % vars(reject), file=sys.stderr)
    if args.rejects and report.rejects:
        importing.write_rejects(report.rejects, args.rejects)
    elif len(report.rejects) > SHOWN_REJECTS:
        print(_("其余可用 --rejects FILE 写出"), file=sys.stderr)
    return 1 if report.rejects else 0
