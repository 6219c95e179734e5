"""`yinghu tally`: updates the board's counters, or rebuilds them."""

import argparse

from django.utils.translation import gettext as _

HELP = "add new events to the board's counts; --rebuild counts anew from the appeals"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="count everything anew from the appeals, while all goes on working",
    )


def run(args: argparse.Namespace) -> int:
    """Fold new events into the counters, as the worker does every two seconds."""
    from yinghu.insight import tally

    if args.rebuild:
        print(_("重新计数完成：%d 个计数") % tally.rebuild())
    print(_("计入 %d 条动态") % tally.fold_all())
    return 0
