"""CSV that spreadsheets open: UTF-8 with its mark, and no cell that is taken for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

ENCODING: Final = "utf-8-sig"
"""Of the files written here: the mark at the front tells a spreadsheet that this is UTF-8."""
_FORMULA: Final = re.compile(r"'*[=+\-@＝＋－＠\t\r]")
"""With these, also in full width, a spreadsheet takes a cell for a formula. An apostrophe in front
makes it text.
"""
_NUMBER: Final = re.compile(r"[+-]+\d+(\.\d*)?")


def guarded(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; `plain_again` undoes it, whatever it was."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def plain_again(cell: Any) -> Any:
    """The cell before it was `guarded`."""
    if isinstance(cell, str) and cell.startswith("'") and _FORMULA.match(cell):
        return cell[1:]
    return cell


def write_rows(file: TextIO, rows: Iterable[Iterable[Any]]) -> None:
    """Write rows of cells to a file that was opened with `ENCODING` and `newline=""`."""
    csv.writer(file).writerows([guarded(cell) for cell in row] for row in rows)


def table_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A whole file with a line of names: yes and no are 1 and 0, and numbers stay numbers."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_shown(row.get(column)) for column in columns])
    return out.getvalue().encode(ENCODING)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    text = "" if value is None else str(value)
    return text if _NUMBER.fullmatch(text) else str(guarded(text))
