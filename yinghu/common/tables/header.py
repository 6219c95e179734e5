"""Finding the row of column names: tables from other systems have titles above it."""

import re
from collections.abc import Sequence
from typing import Any, Final

LOOKED_AT: Final = 12
"""Rows that are examined, blank ones not counted."""
_MAX_ABOVE: Final = 5
_MAX_NAME: Final = 30
"""Characters of a column's name."""
_VALUE: Final = re.compile(r"[\d\s\-+/.,:：年月日时分秒]+")
"""A number or a time, which is no column's name."""
_SEPARATOR_LINE: Final = re.compile(r'\ufeff?"?sep=([^\r\n"])"?[\r\n]*', re.IGNORECASE)
_SIGNS: Final = ",\t;|"


def declared_delimiter(line: str) -> str:
    """Return the delimiter that a first line such as `sep=;` declares, or ""."""
    found = _SEPARATOR_LINE.fullmatch(line)
    return found[1] if found else ""


def delimiter_of(line: str) -> str:
    """Return the most frequent sign of a line that can be a delimiter, or ""."""
    counts = {sign: line.count(sign) for sign in _SIGNS}
    best = max(counts, key=lambda sign: counts[sign])
    return best if counts[best] else ""


def header_index(rows: Sequence[Sequence[Any]]) -> int:
    """Return which of a file's first rows has the column names: 0 unless titles stand above.

    A title has at most half as many cells, and rows as long as the names follow below them.
    """
    for at in range(min(len(rows), _MAX_ABOVE)):
        if not any(_is_title_of(rows, at, below) for below in range(at + 1, _MAX_ABOVE + 1)):
            return at
    return 0


def _is_title_of(rows: Sequence[Sequence[Any]], at: int, below: int) -> bool:
    if below >= len(rows) - 1 or not _are_names(rows[below]):
        return False
    own, names = _filled(rows[at]), _filled(rows[below])
    # "Reported by: …" beside "Date: …".
    says = any("：" in cell or ": " in cell for cell in own)
    if len(names) < 2 * len(own) and not (says and len(names) > len(own)):
        return False
    # In a table of one column, texts with a comma may look like names.
    after = rows[below + 1 :]
    return 5 * sum(len(row) == len(rows[below]) for row in after) >= 4 * len(after)


def _are_names(row: Sequence[Any]) -> bool:
    cells = _filled(row)
    return len(set(cells)) == len(cells) and not any(
        len(cell) > _MAX_NAME or _VALUE.fullmatch(cell) for cell in cells
    )


def _filled(row: Sequence[Any]) -> list[str]:
    return [text for cell in row if (text := str(cell).strip())]
