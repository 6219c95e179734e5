"""`yinghu replay`: carries the answered appeals of a file through the whole loop."""

import argparse
import contextlib
import sys
from dataclasses import asdict

from django.utils.translation import gettext as _

from yinghu.channels.files import arguments

HELP = "carry the answered appeals of a file through the whole loop, from sorting to closing"


def configure(parser: argparse.ArgumentParser) -> None:
    arguments.add_arguments(parser)
    parser.add_argument("--unit", default="", help="code of the unit for appeals without a rule")
    parser.add_argument(
        "--category", default="other", help="category where none is found (default other)"
    )
    parser.add_argument(
        "--satisfaction",
        choices=("yes", "fairly"),
        default="yes",
        help="the rating, as a file has none: satisfied (yes, default) or fairly",
    )


def run(args: argparse.Namespace) -> int:
    """Replay; returns 0, 1 if rows could not be taken or ended, 2 for an unusable file.

    3 after a database failure, 130 after Ctrl-C; running the same command again continues.
    """
    # The parser is built before Django is set up.
    from yinghu.appeals.states import Satisfaction
    from yinghu.channels.files.importing import Import
    from yinghu.channels.files.replay import Defaults, Replay
    from yinghu.common.progress import show_progress
    from yinghu.common.tables.table_reader import Unusable
    from yinghu.insight import tally
    from yinghu.people.access import SYSTEM

    with contextlib.ExitStack() as stack:
        try:
            file = arguments.opened(args, stack, replay=True)
            source, reader, rejects = file.source, file.reader, file.rejects
            if "answer" not in reader.mapping:
                raise Unusable(_("没有指明哪一列是答复（answer）"))
            again = arguments.source_of(args, stack)
        except Unusable as why:
            print(why, file=sys.stderr)
            return 2
        code = arguments.may_store(args, file)
        if code is not None:
            return code
        taken = Import(source, reader, rejects, SYSTEM)
        defaults = Defaults(args.unit, args.category, Satisfaction(args.satisfaction))
        replay = Replay(again, reader, rejects, defaults)
        with arguments.interruptible() as work:
            with show_progress(_("导入")) as show:

                def taken_step() -> None:
                    show(source.fraction(), "")
                    work.may_go_on()

                taken.run(taken_step)
            tally.fold_all()
            with show_progress(_("办理")) as show:

                def step() -> None:
                    tally.fold_all()
                    show(again.fraction(), _("%d 件") % replay.report.read)
                    work.may_go_on()

                replay.run(step)
        rejects.settle(whole=not work.code)
    arguments.say_taken(taken.report, file.summary())
    print(
        _(
            "办到销号 %(closed)d，早已结束 %(ended_before)d，"
            "没有答复 %(unanswered)d，办不了 %(unable)d"
        )
        % asdict(replay.report)
    )
    bad = taken.report.rejected + replay.report.unable
    if bad:
        print(_("拒绝和办不了的行在 %s") % rejects.path)
    return work.code or int(bad > 0)
