"""Excel workbooks whose text is text, whatever stands in it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_TITLE: Final = 31
"""Characters in the name of a sheet, as Excel allows."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of 1 that reads as a percentage; None is an empty cell."""

    of_one: float | None


class WorkbookWriter:
    """A workbook, written sheet by sheet."""

    def __init__(self) -> None:
        self._book = Workbook(write_only=True)

    def sheet(self, title: str, *, freeze: str = "") -> SheetWriter:
        """A further sheet; `freeze` is the first cell that scrolls, such as B3."""
        sheet: Any = self._book.create_sheet(title[:_MOST_TITLE])
        sheet.freeze_panes = freeze or None
        return SheetWriter(sheet)

    def content(self) -> bytes:
        """The finished file."""
        out = io.BytesIO()
        self._book.save(out)
        return out.getvalue()


class SheetWriter:
    """One sheet, written row by row."""

    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet

    def row(self, cells: Iterable[str | int | float | Share | None], *, bold: bool = False) -> None:
        """The next row: no text is taken for a formula."""
        self._sheet.append([self._cell(cell, bold) for cell in cells])

    def _cell(self, value: str | int | float | Share | None, bold: bool) -> Any:
        if isinstance(value, Share):
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
