"""`yinghu import`: a file of messages into appeals, each row exactly one."""

from __future__ import annotations

import argparse
import sys
import time

from django.utils.translation import gettext as _

from yinghu.channels import arguments

NAME = "import"
HELP = "把文件（CSV、Excel、JSON lines）里的每一行变成一件诉求，可反复执行"
BROKEN_OFF = 3


def configure(parser: argparse.ArgumentParser) -> None:
    arguments.add(parser)


def run(args: argparse.Namespace) -> int:
    """0 if every row is an appeal now, 1 if some were rejected, 2 if the file cannot be used.

    3 where the database broke off and 130 after Ctrl-C: the same command then goes on.
    """
    # Not at the top: a parser is built before Django is set up.
    from django.db import Error as DatabaseError

    from yinghu.channels.files import Import, Rejects
    from yinghu.channels.progress import shown
    from yinghu.channels.rows import Unusable
    from yinghu.insight import tally
    from yinghu.people.access import SYSTEM

    try:
        source, reader, rejects_path = arguments.opened(args)
    except Unusable as why:
        print(why, file=sys.stderr)
        return 2
    began = time.monotonic()
    code = folded = 0
    with Rejects(rejects_path, [] if source.open_ended else source.columns) as rejects:
        task = Import(source, reader, rejects, SYSTEM)
        report = task.report
        with shown(_("导入")) as show:

            def step() -> None:
                # The board adds up what is not folded yet: a long import must not leave it much.
                nonlocal folded
                if report.read - folded >= tally.BATCH:
                    folded = report.read
                    tally.fold(2 * tally.BATCH)
                pace = report.read / max(0.001, time.monotonic() - began)
                show(
                    source.fraction(),
                    _("%(n)d 行，每秒 %(pace)d 行") % {"n": report.read, "pace": pace},
                )

            try:
                task.run(step)
                tally.fold_all()
            except KeyboardInterrupt:
                code = 130
            except DatabaseError as error:
                print(_("数据库出错：%s") % str(error).strip(), file=sys.stderr)
                code = BROKEN_OFF
    print(
        _("读取 %(read)d 行：新建 %(new)d，已有 %(known)d，拒绝 %(rejected)d")
        % {
            "read": report.read,
            "new": report.new,
            "known": report.known,
            "rejected": report.rejected,
        }
    )
    for reason, count in report.left_out.most_common():
        print(_("其中 %(count)d 行%(reason)s，其余照收") % {"count": count, "reason": reason})
    if report.rejected:
        print(_("拒绝的行在 %s") % rejects_path)
    if code:
        print(_("没有做完；再执行一次会接着做"), file=sys.stderr)
        return code
    return 1 if report.rejected else 0
