"""CSV writer for spreadsheets: UTF-8 with BOM, and no cell that is read as a formula."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

ENCODING: Final = "utf-8-sig"
"""The BOM tells spreadsheets that the file is UTF-8."""
_FORMULA: Final = re.compile(r"'*[=+\-@＝＋－＠\t\r]")
"""Cells that a spreadsheet reads as formulas, unless an apostrophe stands in front."""
_NUMBER: Final = re.compile(r"[+-]+\d+(\.\d*)?")


def guarded(cell: Any) -> Any:
    """Escape a cell that would be read as a formula; `plain_again` reverses it."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def plain_again(cell: Any) -> Any:
    """Reverse `guarded`."""
    if isinstance(cell, str) and cell.startswith("'") and _FORMULA.match(cell):
        return cell[1:]
    return cell


def write_rows(file: TextIO, rows: Iterable[Iterable[Any]]) -> None:
    """Write rows to a file opened with `ENCODING` and `newline=""`."""
    csv.writer(file).writerows([guarded(cell) for cell in row] for row in rows)


def table_bytes(columns: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a whole file with a header, the headings of `columns`; booleans become 1 and 0."""
    header = io.StringIO()
    csv.writer(header).writerow(str(heading) for heading in columns.values())
    return header.getvalue().encode(ENCODING) + line_bytes(tuple(columns), rows)


def line_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return further lines of such a file."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([_cell_text(row.get(column)) for column in columns])
    return out.getvalue().encode()


def _cell_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    text = "" if value is None else str(value)
    return text if _NUMBER.fullmatch(text) else str(guarded(text))
