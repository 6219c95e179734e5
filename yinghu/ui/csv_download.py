"""CSV downloads and uploaded tables (CSV, workbook, JSON lines)."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import structlog
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from yinghu.common.tables.csv_writer import line_bytes, plain_again, table_bytes
from yinghu.common.tables.table_reader import BadFile, Broken, open_source, trimmed

_log = structlog.get_logger(__name__)

MAX_BYTES: Final = 2 * 2**20
MAX_ROWS: Final = 20_000
AT_ONCE: Final = 2
"""Long tables of which a part is read at the same time, in each process."""


Columns = Mapping[str, Any]
"""Headings, in the reader's language, by the columns of the rows."""


def download(name: str, columns: Columns, rows: Iterable[Mapping[str, Any]]) -> HttpResponse:
    """Make a response that downloads the rows as `name`.csv."""
    answer = HttpResponse(table_bytes(columns, rows), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, "download")


Batch = tuple[Sequence[Mapping[str, Any]], Any]
"""Rows, and what comes after them; None if nothing does."""


def stream(
    name: str, columns: Columns, batch_after: Callable[[Any], Batch]
) -> StreamingHttpResponse:
    """Make a response that downloads a table of any length as `name`.csv, a batch at a time.

    `batch_after` gets None for the first batch, then what the batch before said comes after it.
    """
    language = get_language()
    heading = table_bytes(columns, ())

    def lines_after(after: Any) -> tuple[bytes, int, Any]:
        try:
            with override(language):
                rows, then = batch_after(after)
        finally:
            # Outside the request, nothing else returns the connection to the pool.
            if not connection.in_atomic_block:
                connection.close()
        return line_bytes(tuple(columns), rows), len(rows), then

    def parts_in_transaction() -> Iterator[bytes]:
        """All in this thread, which has the transaction."""
        yield heading
        lines, _number, after = lines_after(None)
        yield lines
        while after is not None:
            lines, _number, after = lines_after(after)
            yield lines

    # Long tables keep no other work waiting.
    read = sync_to_async(lines_after, thread_sensitive=False, executor=_threads())

    async def parts() -> AsyncIterator[bytes]:
        yield heading
        sent, after, is_whole = 0, None, False
        try:
            while not is_whole:
                lines, number, after = await read(after)
                yield lines
                sent, is_whole = sent + number, after is None
        finally:
            _log.info("table downloaded", name=name, rows=sent, whole=is_whole)

    content = parts_in_transaction() if connection.in_atomic_block else parts()
    answer = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


@dataclass(frozen=True, slots=True)
class UploadedTable:
    """An uploaded table: its columns, and its rows as (line number, cells by column)."""

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]


def read_upload(upload: UploadedFile[Any]) -> UploadedTable:
    """Read an uploaded CSV, workbook or JSON-lines file; trims cells, skips blank rows.

    Raises BadFile if it is too large or a row cannot be read.
    """
    if (upload.size or 0) > MAX_BYTES:
        raise BadFile(_("文件太大，最多 %d MB") % (MAX_BYTES // 2**20))
    name = Path(upload.name or "")
    with tempfile.NamedTemporaryFile(suffix=name.suffix) as copy:
        copy.writelines(upload.chunks())
        copy.flush()
        with closing(open_source(Path(copy.name), name=name.name)) as source:
            columns = _until_blank(source.header)
            if twice := [each for each in columns if each and columns.count(each) > 1]:
                raise BadFile(_("有两列都叫“%s”，请去掉一列") % twice[0][:40])
            rows: list[tuple[int, dict[str, str]]] = []
            for row in source:
                if isinstance(row, Broken):
                    raise _bad(row.line, row.cells, len(columns), row.why)
                # Without the apostrophe that `download` adds against formulas.
                trim = (trimmed(row.cells.get(column)) for column in source.columns)
                cells = [str(plain_again(cell)) for cell in trim]
                if any(cells[len(columns) :]):
                    raise _bad(row.line, len(_until_blank(cells)), len(columns))
                if any("\x00" in cell for cell in cells):
                    raise BadFile(_("这不是 CSV 文本文件，请从表格软件另存为 CSV（UTF-8）"))
                if any(cells):
                    rows.append((row.line, dict(zip(columns, cells, strict=False))))
                if len(rows) > MAX_ROWS:
                    raise BadFile(_("行数太多，最多 %d 行") % MAX_ROWS)
    return UploadedTable(columns, rows)


def _bad(line: int, cells: int, columns: int, why: str = "") -> BadFile:
    if not cells:
        return BadFile(_("第 %(line)d 行读不懂：%(why)s") % {"line": line, "why": why})
    return BadFile(
        _("第 %(line)d 行有 %(cells)d 格，表头有 %(columns)d 格；带逗号的格子要加引号")
        % {"line": line, "cells": cells, "columns": columns}
    )


def _until_blank(cells: list[str]) -> list[str]:
    last = max((n for n, cell in enumerate(cells, 1) if cell), default=0)
    return cells[:last]
