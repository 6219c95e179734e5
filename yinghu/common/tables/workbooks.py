"""Values of workbook cells, and a safety check of zipped workbooks before reading.

A few bytes can declare billions of cells. The reader allocates the whole rectangle up to the last
used cell and may crash the process, so sizes and cell references are checked first, as a stream.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext as _

MAX_PART: Final = 300 * 2**20
"""Unpacked bytes of one part (a sheet, the table of texts)."""
MAX_CELLS: Final = 20_000_000
"""Highest row times highest column."""
MAX_ROW: Final = 2**20
_CHUNK: Final = 2**20
_MAX_TAG: Final = 4 * _CHUNK

# As lenient as the reader: any attribute `r`, whatever its tag.
_REFERENCE: Final = re.compile(rb"""[\s"']r\s*=\s*["']\s*\$?([A-Za-z]*)\$?([0-9]*)\s*["']""")
_TABLE_TAG: Final = re.compile(
    rb"<table:(table|table-row|table-cell|covered-table-cell)([\s/>][^<]*)"
)
_REPEATED: Final = re.compile(rb"""number-(?:columns|rows)-repeated\s*=\s*["']\s*([0-9]+)""")


def fault(path: Path) -> str:
    """Return why this file must not be read, or "", also for a file that is not a zip."""
    try:
        with zipfile.ZipFile(path) as book:
            for part in book.infolist():
                if part.filename.lower().endswith(".bin") and "worksheets" in part.filename:
                    return _("二进制工作簿（xlsb）不能导入，请另存为 xlsx 或 CSV")
                measure = _Table() if part.filename == "content.xml" else _Sheet()
                for text in _tags(book, part):
                    if why := measure.fault(text):
                        return why
    except _TooLarge:
        return _("展开后超过 %d MB，请拆开或另存为 CSV") % (MAX_PART // 2**20)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        # Other files are left to the reader to report, unless they look like a zip.
        return _("压缩包已损坏") if zipfile.is_zipfile(path) else ""
    return ""


class _TooLarge(Exception):
    pass


def _tags(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the part in pieces that do not split tags."""
    size, rest = 0, b""
    with book.open(part) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            text = rest + chunk
            cut = max(text.rfind(b"<"), 0)
            if size > MAX_PART or len(text) - cut > _MAX_TAG:
                raise _TooLarge
            yield text[:cut]
            rest = text[cut:]
    yield rest


def _cells_fault(rows: int, columns: int) -> str:
    if rows > MAX_ROW or rows * columns > MAX_CELLS:
        said = {"rows": rows, "columns": columns}
        why = _("有 %(rows)d 行 × %(columns)d 列，太多了；请删去末尾的空行空列，或另存为 CSV")
        return why % said
    return ""


class _Sheet:
    """Highest row and column named in an xlsx sheet."""

    def __init__(self) -> None:
        self._rows = self._columns = 0

    def fault(self, text: bytes) -> str:
        for letters, digits in _REFERENCE.findall(text):
            # Cut overlong numbers, so that parsing stays cheap.
            self._rows = max(self._rows, int(digits[:10] or 0))
            column = 0
            for letter in letters[:7].upper():
                column = column * 26 + letter - 64
            self._columns = max(self._columns, column)
        return _cells_fault(self._rows, self._columns)


class _Table:
    """Last used row and column of the tables of an ods."""

    def __init__(self) -> None:
        self._row = self._column = self._rows = self._columns = 0

    def fault(self, text: bytes) -> str:
        for kind, attributes in _TABLE_TAG.findall(text):
            found = _REPEATED.search(attributes)
            count = int(found[1][:10]) if found else 1
            if kind == b"table":
                self._row = 0
            elif kind == b"table-row":
                self._row += count
                self._column = 0
            else:
                self._column += count
                if b"value-type" in attributes or b"formula" in attributes:
                    self._rows = max(self._rows, self._row)
                    self._columns = max(self._columns, self._column)
        return _cells_fault(self._rows, self._columns)


_ESCAPED: Final = re.compile(r"_x(00[01][0-9A-Fa-f]|005[Ff])_")
"""Escaped control characters and `_` in workbook texts (ECMA-376 part 1, 22.9.2.19)."""


def cell_value(cell: Any) -> str | int | float | bool:
    """Return an Excel cell as a JSON value; dates as `2019-02-28 11:25:05`."""
    if isinstance(cell, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), cell)
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time | timedelta):
        return str(cell)
    return cell  # type: ignore[no-any-return]  # calamine gives float, int or bool besides


def cell_text(cell: Any) -> str:
    """Return an Excel cell as stripped text."""
    return str(cell_value(cell)).strip()
