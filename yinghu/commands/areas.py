"""`yinghu areas FILE`: imports areas, outlines, aliases or places."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

HELP = "import areas, aliases or places (CSV) or outlines (GeoJSON), as often as you like"


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
    """Import; returns 0 if every row was taken, 1 if some were rejected, 2 for an unusable file."""
    from yinghu.administration import files
    from yinghu.commands.setup import report_import
    from yinghu.places import importing

    file: Path = args.file
    load: Callable[[Path], importing.SetupReport]
    if args.aliases:
        load = files.import_aliases
    elif args.places:
        load = files.import_places
    elif args.outlines or file.suffix.lower() in {".geojson", ".json"}:
        load = importing.import_outlines
    else:
        load = partial(files.import_areas, whole=args.whole)
    return report_import(load, file, args.rejects)
