"""Shared arguments and interruption handling of `yinghu import` and `yinghu replay`."""

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError
from django.utils.translation import gettext as _

from yinghu.common.tables.table_reader import Source, Unusable, open_source

if TYPE_CHECKING:
    from yinghu.channels.files.importing import ImportReport, Rejects
    from yinghu.channels.files.mapping import RowReader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV, Excel or JSON lines")
    parser.add_argument(
        "--channel", default="file", help="where its messages came in (default file)"
    )
    parser.add_argument(
        "--map",
        dest="maps",
        action="extend",
        default=[],
        nargs="+",
        metavar="COLUMN=MEANING",
        help="what a column is, such as Details=body (default: guessed from the columns' names)",
    )
    parser.add_argument(
        "--encoding", default="", help="default: UTF-8, UTF-16 or GB18030, as found"
    )
    parser.add_argument(
        "--delimiter", default="", help="between a CSV's cells (default: as in its header)"
    )
    parser.add_argument("--sheet", default="", help="of an Excel file (default: the first)")
    parser.add_argument(
        "--gcj02", action="store_true", help="its coordinates are GCJ-02, as Chinese maps have"
    )
    parser.add_argument(
        "--rejects", type=Path, help="write rejected rows here (default FILE.rejects.csv)"
    )


def opened(
    args: argparse.Namespace, closing: contextlib.ExitStack, *, replay: bool = False
) -> "tuple[Source, RowReader, Rejects]":
    """Open the file with its reader and its rejects; `closing` closes both. Raises Unusable."""
    from yinghu.appeals.channels import Door, channel_label, channels_of
    from yinghu.channels.files import importing, mapping

    codes = channels_of(Door.FILE)
    if args.channel not in codes:
        known = _("、").join(f"{code} {_(channel_label(code))}" for code in codes)
        raise Unusable(
            _("没有可导入的渠道“%(channel)s”，有：%(known)s")
            % {"channel": args.channel, "known": known}
        )
    source = source_of(args, closing)
    if args.maps:
        meanings = mapping.parse(args.maps, source.columns, replay=replay)
    else:
        meanings = mapping.guess(source.columns, replay=replay)
        guessed = " ".join(f"{column}={target}" for target, column in meanings.items())
        print(_("没有给 --map，按列名认出：%s") % guessed, file=sys.stderr)
    if "external_id" not in meanings:
        print(_("没有哪一列是对方的编号（external_id），按内容辨认每一行"), file=sys.stderr)
    used = set(meanings.values())
    if unused := [column for column in source.columns if column not in used]:
        print(_("没有用到的列：%s") % mapping.list_columns(unused), file=sys.stderr)
    reader = mapping.RowReader(args.channel, meanings, args.gcj02, guessed=not args.maps)
    columns = [] if source.open_ended else source.columns
    rejects = importing.Rejects(_rejects_path(args), columns)
    closing.callback(rejects.close)
    return source, reader, rejects


def _rejects_path(args: argparse.Namespace) -> Path:
    """The path for rejected rows: beside the file, else in the current folder. Raises Unusable."""
    path: Path = args.rejects or args.file.with_name(args.file.name + ".rejects.csv")
    if not args.rejects and not os.access(path.parent, os.W_OK):
        path = Path.cwd() / path.name
    if (
        not os.access(path.parent, os.W_OK)
        or path.is_dir()
        or path.is_symlink()
        or (path.exists() and (not os.access(path, os.W_OK) or path.samefile(args.file)))
    ):
        raise Unusable(_("写不了 %s，请用 --rejects 另指一处") % path)
    return path


def source_of(args: argparse.Namespace, closing: contextlib.ExitStack) -> Source:
    """Open the file at its beginning; `closing` closes it. Raises Unusable."""
    source = open_source(args.file, args.encoding, args.delimiter, args.sheet)
    closing.callback(source.close)
    return source


class Work:
    """Interruptible work: `code` is the exit code if it was interrupted, else 0."""

    code = 0
    _asked = False

    def ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Handle Ctrl-C: the first stops after the batch, the second at once."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def may_go_on(self) -> None:
        """Stop here, between two batches, if asked to: everything is counted."""
        if self._asked:
            raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible() -> Iterator[Work]:
    """Run interruptible work; if it is interrupted, say that it can be continued."""
    work = Work()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, work.ask_to_stop)
    try:
        yield work
    except KeyboardInterrupt:
        work.code = 130
    except DatabaseError as error:
        print(_("数据库出错：%s") % str(error).strip(), file=sys.stderr)
        work.code = 3
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)
    if work.code:
        print(_("没有做完；再执行一次会接着做"), file=sys.stderr)


def say_taken(report: "ImportReport") -> None:
    print(
        _("读取 %(read)d 行：新建 %(new)d，已有 %(known)d，拒绝 %(rejected)d")
        % (vars(report) | {"read": report.read})
    )
    for reason, count in report.left_out.most_common():
        print(_("其中 %(count)d 行%(reason)s，其余照收") % {"count": count, "reason": reason})
