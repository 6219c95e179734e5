"""How a file is understood, for the person who imports it: columns, and its first rows."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.channels.files.mapping import (
    REPLAY_TARGETS,
    TARGETS,
    RowReader,
    Unclear,
    list_columns,
)
from yinghu.common.tables.peeked_source import PeekedSource

_ROWS: Final = 5
OLD: Final = timedelta(days=30)
"""Age of messages that are rather recorded than answered."""
_SHOWN: Final = 40
"""Characters of a text."""


def column_lines(source: PeekedSource, reader: RowReader) -> Iterator[str]:
    """Yield what the columns mean, and what stands above them."""
    for title in source.above:
        yield _("标题，不当作一行：%s") % _cut(title)
    yield _("各列这样理解（要改请用 --map）：")
    labels = TARGETS | REPLAY_TARGETS
    for target, column in reader.mapping.items():
        label = labels.get(target)
        yield f"  {column}={target}" + (f"  {_(label)}" if label else "")
    used = {*reader.mapping.values(), reader.no_ids}
    if unused := [column for column in source.columns if column not in used]:
        yield _("没有用到的列：%s") % list_columns(unused)
    if "external_id" not in reader.mapping and not reader.no_ids:
        yield _("没有哪一列是对方的编号（external_id），按内容辨认每一行")


def is_mostly_old(source: PeekedSource, reader: RowReader) -> bool:
    """Was most of the first rows said before `OLD`?"""
    times = []
    for row in source.first:
        with suppress(Unclear):
            times.append(reader.when(row, "said_at"))
    since = timezone.now() - OLD
    return 2 * sum(at is not None and at < since for at in times) > len(source.first)


def row_lines(source: PeekedSource, reader: RowReader) -> Iterator[str]:
    """Yield what the first rows become."""
    if source.first:
        yield _("前几行会成为：")
    for row in source.first[:_ROWS]:
        try:
            filing, left_out = reader.understand(row)
        except Unclear as why:
            yield _("  第 %(line)d 行：拒绝，%(why)s") % {"line": row.line, "why": why}
            continue
        local = timezone.localtime(filing.said_at) if filing.said_at else None
        parts = [
            reader.cell(row, "external_id"),
            local.strftime("%Y-%m-%d %H:%M") if local else "",
            _cut(f"{filing.title} {filing.body}".strip()),
            *left_out,
        ]
        text = "  ".join(part for part in parts if part)
        yield _("  第 %(line)d 行：%(text)s") % {"line": row.line, "text": text}


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
