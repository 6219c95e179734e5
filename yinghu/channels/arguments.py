"""What `yinghu import` and `yinghu replay` ask alike: the file, its channel, its columns."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from yinghu.channels.mapping import Reader
    from yinghu.channels.rows import Source


def add(parser: argparse.ArgumentParser) -> None:
    """Add them to a command's parser."""
    parser.add_argument("file", type=Path, help="CSV、Excel 或 JSON lines")
    parser.add_argument("--channel", default="file", help="消息从哪个渠道来（默认 file）")
    parser.add_argument(
        "--map",
        dest="maps",
        action="extend",
        default=[],
        nargs="+",
        metavar="列名=含义",
        help="哪一列是什么，如 留言详情=body；不给就按列名猜",
    )
    parser.add_argument("--encoding", default="", help="默认在 UTF-8、UTF-16、GB18030 中判断")
    parser.add_argument("--delimiter", default="", help="CSV 的分隔符（默认按表头判断）")
    parser.add_argument("--sheet", default="", help="Excel 的工作表（默认第一个）")
    parser.add_argument("--gcj02", action="store_true", help="坐标是 GCJ-02（国内地图）的")
    parser.add_argument("--rejects", type=Path, help="拒绝的行写到哪里（默认 FILE.rejects.csv）")


def source_of(args: argparse.Namespace) -> Source:
    """The file from its beginning. Raises Unusable."""
    from yinghu.channels import rows

    return rows.open_source(args.file, args.encoding, args.delimiter, args.sheet)


def opened(args: argparse.Namespace, *, replay: bool = False) -> tuple[Source, Reader, Path]:
    """The file, how to understand it, and where its rejected rows go. Raises Unusable."""
    from yinghu.channels import mapping, rows
    from yinghu.channels.registry import CHANNELS

    channel = CHANNELS.get(args.channel)
    if channel is None or not channel.by_file:
        known = "、".join(f"{c.code} {_(c.label)}" for c in CHANNELS.values() if c.by_file)
        raise rows.Unusable(
            _("没有可导入的渠道“%(channel)s”，有：%(known)s")
            % {"channel": args.channel, "known": known}
        )
    source = source_of(args)
    if args.maps:
        meanings = mapping.parse(args.maps, source.columns, replay=replay)
    else:
        meanings = mapping.guess(source.columns, replay=replay)
        guessed = " ".join(f"{column}={target}" for target, column in meanings.items())
        print(_("没有给 --map，按列名认出：%s") % guessed, file=sys.stderr)
    if "external_id" not in meanings:
        print(_("没有哪一列是对方的编号（external_id），按内容辨认每一行"), file=sys.stderr)
    rejects = args.rejects or args.file.with_name(args.file.name + ".rejects.csv")
    if not os.access(rejects.parent, os.W_OK) or rejects.is_dir():
        raise rows.Unusable(_("写不了 %s，请用 --rejects 另指一处") % rejects)
    return source, mapping.Reader(args.channel, meanings, args.gcj02), rejects
