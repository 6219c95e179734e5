"""Shared arguments and interruption handling of `yinghu import` and `yinghu replay`."""

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError
from django.utils.translation import gettext as _

from yinghu.common.tables.peeked_source import PeekedSource
from yinghu.common.tables.table_reader import Row, Source, Unusable, open_source

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
        "--dates",
        choices=("day-first", "month-first"),
        help="how dates such as 01/02/2016 are meant (default: as other rows show)",
    )
    parser.add_argument(
        "--preview", action="store_true", help="show how the file is understood; store nothing"
    )
    parser.add_argument(
        "--yes", action="store_true", help="do not ask at a terminal whether it is understood"
    )
    parser.add_argument(
        "--rejects", type=Path, help="write rejected rows here (default FILE.rejects.csv)"
    )


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """An open file with its reader and its rejects. `notes` are what was found out about its
    values; `unsure`: somebody must see how it is understood before it is stored.
    """

    source: PeekedSource
    reader: "RowReader"
    rejects: "Rejects"
    notes: Sequence[str] = ()
    unsure: bool = False

    def summary(self) -> list[str]:
        """Return what was found out so far; dates further down may have taught something."""
        return [*self.reader.orders.told, *self.notes]


def opened(
    args: argparse.Namespace, closing: contextlib.ExitStack, *, replay: bool = False
) -> OpenedFile:
    """Open the file with its reader and its rejects; `closing` closes both. Raises Unusable."""
    from yinghu.appeals.channels import Door, channel_label, channels_of
    from yinghu.channels.files import importing, mapping
    from yinghu.channels.files.guessing import guess

    codes = channels_of(Door.FILE)
    if args.channel not in codes:
        known = _("、").join(f"{code} {_(channel_label(code))}" for code in codes)
        raise Unusable(
            _("没有可导入的渠道“%(channel)s”，有：%(known)s")
            % {"channel": args.channel, "known": known}
        )
    source = PeekedSource(source_of(args, closing))
    unsure = False
    if args.maps:
        meanings = mapping.parse(args.maps, source.columns, replay=replay)
    else:
        guessed = guess(source.columns, source.first, replay=replay)
        meanings, unsure = guessed.meanings, guessed.unsure
    reader = mapping.RowReader(args.channel, meanings, args.gcj02, guessed=not args.maps)
    notes = [*_learn_times(args, reader, source), *_check_ids(args, reader)]
    rejects = importing.Rejects(_rejects_path(args), [] if source.open_ended else source.columns)
    closing.callback(rejects.close)
    return OpenedFile(source, reader, rejects, notes, unsure)


def _learn_times(args: argparse.Namespace, reader: "RowReader", source: PeekedSource) -> list[str]:
    """Let the reader learn the order of day and month; return what else to know about times.

    Raises Unusable.
    """
    from yinghu.channels.files import times

    targets = [target for target in ("said_at", "answered_at") if target in reader.mapping]

    def all_times() -> Iterator[str]:
        with contextlib.ExitStack() as closing:
            for row in source_of(args, closing):
                if isinstance(row, Row):
                    yield from (reader.cell(row, target) for target in targets)

    given = times.DateOrder(args.dates) if args.dates else None
    reader.orders = orders = times.DateOrders(given, all_times)
    first = [reader.cell(row, target) for row in source.first for target in targets]
    if doubtful := times.undecided(first, orders):
        told = "".join(f"{each}\n" for each in orders.told)
        why = _(
            "时间“%s”分不清哪个是日、哪个是月，文件里也没有看得出来的行；"
            "请加 --dates day-first（日在前）或 --dates month-first（月在前）"
        )
        raise Unusable(told + why % doubtful)
    serial = next(filter(times.is_serial, first), "")
    return [_("时间像“%s”的，是表格软件数的天数") % serial] if serial else []


def _check_ids(args: argparse.Namespace, reader: "RowReader") -> list[str]:
    """Take guessed ids away from the reader if they are none; return why there are none."""
    from yinghu.channels.files.guessing import why_no_ids

    column = reader.mapping.get("external_id", "")
    if not column or args.maps:
        return []
    with contextlib.ExitStack() as closing:
        rows = (row for row in source_of(args, closing) if isinstance(row, Row))
        why = why_no_ids(
            column,
            (
                (reader.own_id(row), reader.cell(row, "title") + reader.cell(row, "body"))
                for row in rows
            ),
        )
    if not why:
        return []
    meant = " ".join(f"{name}={target}" for target, name in reader.mapping.items())
    reader.use_no_ids()
    return [
        _("没有用“%(column)s”作编号，按内容辨认每一行：%(why)s") % {"column": column, "why": why},
        _("如果它确实是不会变、不会重复的编号，请加 --map %s") % meant,
    ]


def may_store(args: argparse.Namespace, file: OpenedFile) -> int | None:
    """Show how the file is understood, and ask at a terminal; return an exit code, None to go on.

    Without a terminal, a body that was found by its length alone needs `--yes`.
    """
    from yinghu.channels.files.preview import OLD, column_lines, is_mostly_old, row_lines

    source, reader = file.source, file.reader
    shown = [*column_lines(source, reader), *file.summary()]
    if getattr(args, "past", None) is False and is_mostly_old(source, reader):
        shown.append(_("多是 %d 天以前说的；只是存档、不用再办的，请加 --past") % OLD.days)
    if args.preview:
        print("\n".join([*shown, *row_lines(source, reader)]))
        return 0
    print("\n".join(shown), file=sys.stderr)
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not args.yes
    if asks or (file.unsure and not args.yes):
        print("\n".join(row_lines(source, reader)), file=sys.stderr)
        if not asks:
            print(
                _("正文那一列只是按长短猜的；看了没有错就加 --yes，否则用 --map 指明"),
                file=sys.stderr,
            )
            return 2
        print(_("这样导入吗？[y/N] "), end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes", "是"):
            print(_("没有导入"), file=sys.stderr)
            return 2
    return None


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


def say_taken(report: "ImportReport", notes: Sequence[str] = ()) -> None:
    """Print the summary, with what was found out about the file."""
    print(
        _("读取 %(read)d 行：新建 %(new)d，已有 %(known)d，拒绝 %(rejected)d")
        % (vars(report) | {"read": report.read})
    )
    for reason, count in report.left_out.most_common():
        print(_("其中 %(count)d 行%(reason)s，其余照收") % {"count": count, "reason": reason})
    if report.clashes:
        print(
            _("其中 %d 行的编号已经是另一件诉求的，文字不同：没有收，两边的文字都写在原因里")
            % report.clashes
        )
    for note in notes:
        print(note)
