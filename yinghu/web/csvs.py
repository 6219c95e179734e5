"""Tables as CSV that a spreadsheet opens: what a set-up page gives out and takes in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.translation import gettext as _

MAX_BYTES = 2 * 2**20
MAX_ROWS = 20_000

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet takes a cell for a formula; an apostrophe in front makes it text."""


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


def read(upload: UploadedFile[Any], needed: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of an uploaded CSV, each with its line, cells trimmed; blank rows are left out.

    UTF-8 or GB18030. Raises BadFile where it is too large, no table, or lacks a needed column.
    """
    if (upload.size or 0) > MAX_BYTES:
        raise BadFile(_("文件太大，最多 %d MB") % (MAX_BYTES // 2**20))
    data = upload.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise BadFile(_("这不是 CSV 文本文件，请从表格软件另存为 CSV（UTF-8）")) from None
    if "\x00" in text:
        raise BadFile(_("这不是 CSV 文本文件，请从表格软件另存为 CSV（UTF-8）"))
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = [(name or "").strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        missing = [name for name in needed if name not in columns]
        if missing:
            raise BadFile(_("缺少这些列：%s") % _("、").join(missing))
        rows = []
        for row in reader:
            cells = {key: _plain(value) for key, value in row.items() if isinstance(value, str)}
            if any(cells.values()):
                rows.append((reader.line_num, cells))
            if len(rows) > MAX_ROWS:
                raise BadFile(_("行数太多，最多 %d 行") % MAX_ROWS)
    except csv.Error as wrong:
        raise BadFile(
            _("第 %(line)d 行读不懂：%(why)s") % {"line": reader.line_num, "why": wrong}
        ) from wrong
    return rows


def _plain(value: str) -> str:
    """A cell without the blanks around it, and without the apostrophe that `download` put there."""
    value = value.strip()
    return value[1:] if value.startswith("'") and value[1:2] in _FORMULA else value
