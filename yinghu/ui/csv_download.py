"""Tables as CSV that a spreadsheet opens: what a set-up page gives out and takes in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.translation import gettext as _

MAX_BYTES = 2 * 2**20
MAX_ROWS = 20_000

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")
"""With these, also in full width, a spreadsheet takes a cell for a formula; an apostrophe in front
makes it text.
"""


class BadFile(Exception):
    """A file that cannot be read as a table; the message says why, in the user's language."""


def download(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> HttpResponse:
    """The rows as `name`.csv, with a mark by which spreadsheets know that it is UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    answer = HttpResponse("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    text = str(value)
    is_number = text.lstrip("+-").replace(".", "", 1).isdigit()
    return f"'{text}" if text.startswith(_FORMULA) and not is_number else text


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds: its columns, and its rows, each with its line and its cells by column."""

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]


def read(upload: UploadedFile[Any]) -> Table:
    """The table of an uploaded CSV, cells trimmed; blank rows are left out. UTF-8 or GB18030.

    Raises BadFile where it is too large or no table: each row has a cell for each column.
    """
    if (upload.size or 0) > MAX_BYTES:
        raise BadFile(_("文件太大，最多 %d MB") % (MAX_BYTES // 2**20))
    reader = csv.reader(io.StringIO(_text(upload.read()), newline=""))
    try:
        columns = _until_blank([name.strip() for name in next(reader, [])])
        if twice := [name for name in columns if name and columns.count(name) > 1]:
            raise BadFile(_("有两列都叫“%s”，请去掉一列") % twice[0][:40])
        rows: list[tuple[int, dict[str, str]]] = []
        for row in reader:
            cells = [_plain(value) for value in row]
            if not any(cells):
                continue
            # Spreadsheets put commas after the last column; what is blank there says nothing.
            cells = cells[: len(columns)] + _until_blank(cells[len(columns) :])
            if len(cells) != len(columns):
                raise BadFile(
                    _("第 %(line)d 行有 %(cells)d 格，表头有 %(columns)d 格；带逗号的格子要加引号")
                    % {"line": reader.line_num, "cells": len(cells), "columns": len(columns)}
                )
            rows.append((reader.line_num, dict(zip(columns, cells, strict=True))))
            if len(rows) > MAX_ROWS:
                raise BadFile(_("行数太多，最多 %d 行") % MAX_ROWS)
    except csv.Error as wrong:
        raise BadFile(
            _("第 %(line)d 行读不懂：%(why)s") % {"line": reader.line_num, "why": wrong}
        ) from wrong
    return Table(columns, rows)


def _text(data: bytes) -> str:
    """A file's text; BadFile where it is none."""
    for encoding in ("utf-8-sig", "gb18030"):
        with suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            if "\x00" not in text:
                return text
    raise BadFile(_("这不是 CSV 文本文件，请从表格软件另存为 CSV（UTF-8）"))


def _until_blank(cells: list[str]) -> list[str]:
    """The cells up to the last in which something stands."""
    last = max((n for n, cell in enumerate(cells, 1) if cell), default=0)
    return cells[:last]


def _plain(value: str) -> str:
    """A cell without the blanks around it, and without the apostrophe that `download` put there."""
    value = value.strip()
    return value[1:] if value.startswith("'") and value[1:2] in _FORMULA else value
