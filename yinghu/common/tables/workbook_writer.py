"""Excel writer; texts are never formulas."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MAX_TITLE: Final = 31
"""Excel's limit for sheet names, in characters."""


@dataclass(frozen=True, slots=True)
class Percentage:
    """A share of 1, displayed as a percentage; None is an empty cell."""

    of_one: float | None


Cell = str | int | float | Percentage | None


class WorkbookWriter:
    """A workbook, written sheet by sheet."""

    def __init__(self) -> None:
        self._book = Workbook(write_only=True)

    def sheet(self, title: str, *, freeze: str = "") -> "SheetWriter":
        """Add a sheet; `freeze` is the first cell that scrolls, such as B3."""
        sheet: Any = self._book.create_sheet(title[:_MAX_TITLE])
        sheet.freeze_panes = freeze or None
        return SheetWriter(sheet)

    def content(self) -> bytes:
        out = io.BytesIO()
        self._book.save(out)
        return out.getvalue()


class SheetWriter:
    """One sheet, written row by row."""

    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet

    def row(self, cells: Iterable[Cell], *, bold: bool = False) -> None:
        self._sheet.append([self._cell(cell, bold) for cell in cells])

    def _cell(self, value: Cell, bold: bool) -> Any:
        if isinstance(value, Percentage):
            cell = WriteOnlyCell(self._sheet, value=value.of_one)
            cell.number_format = "0.0%"
            return cell
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(self._sheet, value=ILLEGAL_CHARACTERS_RE.sub("", value))
        cell.data_type = "s"
        cell.quotePrefix = True
        if bold:
            cell.font = Font(bold=True)
        return cell
