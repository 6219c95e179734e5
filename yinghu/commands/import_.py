"""`yinghu import`: makes every row of a file exactly one appeal."""

import argparse
import contextlib
import sys
import time

from django.utils.translation import gettext as _

from yinghu.channels.files import arguments

NAME = "import"
HELP = "make every row of a file (CSV, Excel, JSON lines) one appeal, as often as you like"


def configure(parser: argparse.ArgumentParser) -> None:
    arguments.add_arguments(parser)
    parser.add_argument(
        "--past",
        action="store_true",
        help="what was said and ended before: counts when it was said, waits for nobody",
    )


def run(args: argparse.Namespace) -> int:
    """Import; returns 0, 1 if rows were rejected, 2 for an unusable file.

    3 after a database failure, 130 after Ctrl-C; running the same command again continues.
    """
    # The parser is built before Django is set up.
    from yinghu.channels.files.importing import Import
    from yinghu.common.progress import show_progress
    from yinghu.common.tables.table_reader import Unusable
    from yinghu.insight import tally
    from yinghu.people.access import SYSTEM

    with contextlib.ExitStack() as stack:
        try:
            file = arguments.opened(args, stack)
        except Unusable as why:
            print(why, file=sys.stderr)
            return 2
        code = arguments.may_store(args, file)
        if code is not None:
            return code
        source, rejects = file.source, file.rejects
        task = Import(source, file.reader, rejects, SYSTEM, past=args.past)
        report = task.report
        began = time.monotonic()
        folded = 0
        with arguments.interruptible() as work, show_progress(_("导入")) as show:

            def step() -> None:
                # Keeps the number of unfolded events low, which the board sums up live.
                nonlocal folded
                if report.read - folded >= tally.BATCH:
                    folded = report.read
                    tally.fold(2 * tally.BATCH)
                pace = report.read / max(0.001, time.monotonic() - began)
                words = _("%(n)d 行，每秒 %(pace)d 行") % {"n": report.read, "pace": pace}
                show(source.fraction(), words)
                work.may_go_on()

            task.run(step)
            tally.fold_all()
        rejects.settle(whole=not work.code)
    arguments.say_taken(report, file.summary())
    if report.rejected:
        print(_("拒绝的行在 %s") % rejects.path)
    return work.code or int(report.rejected > 0)
