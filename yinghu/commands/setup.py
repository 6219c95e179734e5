"""`yinghu setup TYPE FILE`: imports a CSV of configuration, as its page does."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from yinghu.places.importing import SetupReport

HELP = "import a CSV of the set-up (area, unit, user, rule …), with the checks of its page"
SHOWN_REJECTS = 20


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("type", help="what the rows are: the word in the address of its page")
    parser.add_argument("file", type=Path, help="CSV with the columns of the page's export")
    parser.add_argument("--rejects", type=Path, help="write rejected rows here, as CSV")


def run(args: argparse.Namespace) -> int:
    """Import; returns 0 if every row was taken, 1 if some were rejected, 2 for an unusable file."""
    from yinghu.administration import files
    from yinghu.administration.registry import TYPES

    config_type = TYPES.get(args.type)
    if config_type is None:
        print(f"yinghu: {args.type}? One of: {', '.join(TYPES)}", file=sys.stderr)
        return 2
    return report_import(partial(files.import_file, config_type), args.file, args.rejects)


def report_import(load: Callable[[Path], "SetupReport"], file: Path, rejects: Path | None) -> int:
    """Import a file and print what was done; returns the exit code."""
    from yinghu.administration.services import ChangeRefused
    from yinghu.common.tables.table_reader import BadFile
    from yinghu.places.importing import write_rejects

    try:
        report = load(file)
    except (BadFile, ChangeRefused, OSError) as why:
        print(why, file=sys.stderr)
        return 2
    print(
        _("新增 %(created)d，更新 %(changed)d，未变 %(unchanged)d，停用 %(retired)d，拒绝 %(bad)d")
        % (vars(report) | {"bad": len(report.rejects)})
    )
    for reject in report.rejects[:SHOWN_REJECTS]:
        print(_("第 %(line)d 行：%(reason)s") % vars(reject), file=sys.stderr)
    if rejects and report.rejects:
        write_rejects(report.rejects, rejects)
    elif len(report.rejects) > SHOWN_REJECTS:
        print(_("其余可用 --rejects FILE 写出"), file=sys.stderr)
    return 1 if report.rejects else 0
