"""Read rows from CSV, Excel and JSON-lines files as a stream.

A file that cannot be used is a `BadFile`. A row that cannot be read is yielded as a `Broken`, and
the following rows are read normally.
"""

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Protocol, Self

from django.utils.translation import gettext as _
from python_calamine import CalamineError, CalamineWorkbook

from yinghu.common.tables import workbooks
from yinghu.common.tables.csv_writer import plain_again
from yinghu.common.tables.header import LOOKED_AT, declared_delimiter, delimiter_of, header_index

MAX_CELL: Final = 16 * 2**20
"""Characters in one cell; a longer one is taken for an unclosed quotation mark."""
MAX_LINE: Final = 2 * MAX_CELL
_PEEK_ROWS: Final = 500
"""JSON lines that are read ahead for column names."""
_ENCODING_SAMPLE: Final = 5000
"""Non-ASCII lines that are examined to detect the encoding."""
REJECT_COLUMNS: Final = ("行号", "原因")
"""First two columns of our own rejects files; ignored when such a file is imported."""
WHOLE_COLUMN: Final = "原文"
"""Their last column: a row that could not be split into cells."""

_EXCEL = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}
_JSON = {".jsonl", ".ndjson", ".json"}

csv.field_size_limit(MAX_CELL)
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


class Unusable(Exception):
    """The file cannot be imported as requested; the message says why and what to do."""


class BadFile(Unusable):
    """The file cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line (or sheet row) from 1, its cells by column, its original bytes."""

    line: int
    cells: dict[str, Any]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that could not be read, and why; `cells` is its number of cells if that is wrong."""

    line: int
    raw: bytes
    why: str
    cells: int = 0


class Source(Protocol):
    """An open file. `columns` have unique names; `header` has the names as in the file, and `above`
    the lines of text above it. `open_ended`: more columns may follow.
    """

    columns: list[str]
    header: list[str]
    above: Sequence[str] = ()
    open_ended: bool = False

    def __iter__(self) -> Iterator[Row | Broken]: ...

    def fraction(self) -> float:
        """Return how much of the file has been read, 0 to 1."""

    def close(self) -> None: ...


def open_source(
    path: Path, encoding: str = "", delimiter: str = "", sheet: str = "", *, name: str = ""
) -> Source:
    """Open a file by suffix or first bytes. Errors call it `name` or its path. Raises BadFile."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise BadFile(
            _("读不了 %(file)s：%(why)s") % {"file": name, "why": error.strerror}
        ) from error
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise BadFile(_("%s 是空的") % name)
    suffix = path.suffix.lower()
    if suffix in _EXCEL or head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return ExcelSource(path, sheet, name)
    lines = Lines(path, encoding or _encoding_of(path, head), name)
    try:
        if suffix in _JSON or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return JsonSource(lines)
        return CsvSource(lines, delimiter)
    except BaseException:
        lines.close()
        raise


def read_table(
    path: Path, *wanted: Collection[str]
) -> tuple[list[tuple[int, dict[str, str]]], list[Broken]]:
    """Read a whole file: rows with line number and trimmed cells by column, and unreadable rows.
    Raises BadFile, also if it lacks the columns of each of `wanted`.
    """
    rows: list[tuple[int, dict[str, str]]] = []
    broken: list[Broken] = []
    with closing(open_source(path)) as source:
        if not any(set(columns) <= set(source.columns) for columns in wanted):
            said = {
                "file": path,
                "wanted": " / ".join(",".join(columns) for columns in wanted),
                "found": ",".join(source.columns)[:200],
            }
            raise BadFile(_("%(file)s 的表头应有 %(wanted)s，而不是“%(found)s”") % said)
        for row in source:
            if isinstance(row, Broken):
                broken.append(row)
                continue
            cells = {name: trimmed(cell) for name, cell in row.cells.items()}
            if any("\x00" in cell for cell in cells.values()):
                why = _("有不能识别的字节，请检查文件的编码")
                broken.append(Broken(row.line, row.raw, why))
            else:
                rows.append((row.line, cells))
    return rows, broken


def trimmed(cell: Any) -> str:
    """Return a cell as text without surrounding blanks."""
    return "" if cell is None else str(cell).strip()


def _encoding_of(path: Path, head: bytes) -> str:
    """Detect UTF-16 by its BOM; else UTF-8 or GB18030, whichever decodes more lines."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    read = {"utf-8-sig": 0, "gb18030": 0}
    looked = 0
    with path.open("rb") as file:
        while looked < _ENCODING_SAMPLE and (line := file.readline(MAX_LINE)):
            if line.isascii():
                continue
            looked += 1
            for encoding in read:
                with suppress(UnicodeDecodeError):
                    line.decode(encoding)
                    read[encoding] += 1
    # GB18030 decodes nearly anything, UTF-8 hardly anything else: half of the lines are proof.
    return "utf-8-sig" if 2 * read["utf-8-sig"] >= looked else "gb18030"


class Lines:
    """Numbered lines of a file; remembers those of the current row."""

    def __init__(self, path: Path, encoding: str, name: str) -> None:
        # Undecodable bytes become lone surrogates, so that they can be written back; UTF-16 and
        # UTF-32 do not support that.
        wide = encoding.lower().startswith(("utf-16", "utf-32"))
        errors = "replace" if wide else "surrogateescape"
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise BadFile(_("没有这种编码：%s") % encoding) from error
        self._bytes = path.open("rb")
        self._file = io.TextIOWrapper(self._bytes, encoding, errors, newline="")
        self._size = max(1, path.stat().st_size)
        self.name, self.encoding = name, encoding
        self._again: list[str] = []
        self.number = 0
        self.held: list[str] = []
        self.unclosed = self.cut = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._file.readline(MAX_LINE)
        if not line:
            self.unclosed = bool(self.held)
            raise StopIteration
        if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
            self.cut = True
            while (more := self._file.readline(MAX_LINE)) and not more.endswith(("\n", "\r")):
                pass
        self.number += 1
        self.held.append(line)
        return line

    def begin(self) -> None:
        """Start a new row at the next line."""
        self.held.clear()
        self.unclosed = self.cut = False

    def give_back(self, keep: int = 1) -> None:
        """Re-read all but the first `keep` lines of the row as rows of their own."""
        self._again.extend(reversed(self.held[keep:]))
        self.number -= len(self.held[keep:])
        del self.held[keep:]

    def raw(self) -> bytes:
        """Return the row's original bytes."""
        # Codecs that do not write the BOM again.
        codec = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(self.encoding, self.encoding)
        return "".join(self.held).encode(codec, "surrogateescape")

    def fraction(self) -> float:
        """Return how much has been read; 1 once closed."""
        return 1.0 if self._bytes.closed else min(1.0, self._bytes.tell() / self._size)

    def close(self) -> None:
        self._file.close()


class _LineSource(Source):
    _lines: Lines

    def fraction(self) -> float:
        return self._lines.fraction()

    def close(self) -> None:
        self._lines.close()


class CsvSource(_LineSource):
    """A CSV file with a header; empty lines, titles above it and a line `sep=;` are skipped."""

    def __init__(self, lines: Lines, delimiter: str = "") -> None:
        self._lines = lines
        if len(delimiter) > 1:
            raise BadFile(_("分隔符只能是一个字符，不能是“%s”") % delimiter)
        delimiter, titles = self._find_header(delimiter)
        self._reader = csv.reader(self._lines, delimiter=delimiter)
        try:
            filled = (cells for cells in self._reader if any(cells))
            self.above = [_joined(next(filled)) for _title in range(titles)]
            names = next(filled)
        except (csv.Error, StopIteration) as error:
            raise BadFile(_("%s 的第一行不是列名") % lines.name) from error
        if any("\udc80" <= char <= "\udcff" for name in names for char in name):
            raise BadFile(
                _("%(file)s 不像是 %(encoding)s 编码，请用 --encoding 指明")
                % {"file": lines.name, "encoding": lines.encoding}
            )
        self.header = [each.strip().lstrip("\ufeff") for each in names]
        # Cells beyond the last named column may be missing.
        self._least = max((n for n, name in enumerate(self.header, 1) if name), default=0)
        self._names = _named(self.header)
        self._table = RowBuilder(self._names)
        self.columns = self._table.columns

    def _find_header(self, delimiter: str) -> tuple[str, int]:
        """Return the delimiter, and the number of rows above the header; at the first of them."""
        lines = self._lines
        first = next((line for line in lines if line.strip()), "")
        if declared := declared_delimiter(first):
            lines.begin()
            return delimiter or declared, header_index(self._peek(delimiter or declared))
        lines.give_back(0)
        if delimiter or (delimiter := delimiter_of(first)):
            return delimiter, header_index(self._peek(delimiter))
        # A title, or a table of one column.
        some = [line for line, _i in zip(lines, range(LOOKED_AT), strict=False)]
        lines.give_back(0)
        delimiter = next(filter(None, map(delimiter_of, some)), ",")
        titles = header_index(self._peek(delimiter))
        return (delimiter, titles) if titles else (",", 0)

    def _peek(self, delimiter: str) -> list[list[str]]:
        rows: list[list[str]] = []
        with suppress(csv.Error):
            for cells in csv.reader(self._lines, delimiter=delimiter):
                if any(cells):
                    rows.append(cells)
                if len(rows) == LOOKED_AT:
                    break
        self._lines.give_back(0)
        self._lines.begin()
        return rows

    def __iter__(self) -> Iterator[Row | Broken]:
        lines = self._lines
        while True:
            lines.begin()
            line = lines.number + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                lines.give_back()
                why = _("一格超过 %d 字") % MAX_CELL if "field larger" in str(error) else str(error)
                yield Broken(line, lines.raw(), why)
                continue
            if lines.unclosed:
                lines.give_back()
                yield Broken(line, lines.raw(), _("引号没有合上"))
            elif any(cells):
                yield self._row(line, cells)

    def _row(self, line: int, cells: list[str]) -> Row | Broken:
        width = len(self._names)
        if len(cells) > width and not any(cells[width:]):
            del cells[width:]
        wrong = 0
        if self._lines.cut:
            why = _("这一行太长")
        elif not self._least <= len(cells) <= width:
            wrong = len(cells)
            why = _("有 %(cells)d 格，而表头有 %(columns)d 列") % {"cells": wrong, "columns": width}
        else:
            try:
                return self._table.row(line, cells)
            except UnicodeEncodeError:
                why = _("有不能识别的字节，请检查文件的编码")
        return Broken(line, self._lines.raw(), why, wrong)


class JsonSource(_LineSource):
    """JSON lines, one object each. Nested objects become columns such as `user.name`."""

    open_ended = True

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._peeked = [row for row, _i in zip(self._read(), range(_PEEK_ROWS), strict=False)]
        rows = [row for row in self._peeked if isinstance(row, Row)]
        if not rows:
            raise BadFile(_("%s 里没有一行是 JSON 对象：每行应是一个 {…}") % lines.name)
        self.columns = list(dict.fromkeys(name for row in rows for name in row.cells))
        self.header = self.columns

    def __iter__(self) -> Iterator[Row | Broken]:
        peeked, self._peeked = self._peeked, []
        yield from peeked
        yield from self._read()

    def _read(self) -> Iterator[Row | Broken]:
        lines = self._lines
        while True:
            lines.begin()
            text = next(lines, None)
            if text is None:
                return
            if not text.strip():
                continue
            raw = lines.raw()
            try:
                found = json.loads(text, parse_constant=_refuse_constant)
                if not isinstance(found, dict):
                    raise ValueError(_("不是 JSON 对象"))
                cells = dict(_flatten(found))
                json.dumps(cells, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                yield Broken(lines.number, raw, _("有不能识别的字节，请检查文件的编码"))
            except (ValueError, RecursionError) as error:
                yield Broken(lines.number, raw, _("不是一行完整的 JSON：%s") % error)
            else:
                yield Row(lines.number, cells, raw)


class ExcelSource(Source):
    """One sheet of a workbook, the first by default; titles above its header are skipped."""

    def __init__(self, path: Path, sheet: str, name: str) -> None:
        if why := workbooks.fault(path):
            raise BadFile(_("%(file)s 不能导入：%(why)s") % {"file": name, "why": why})
        try:
            self._book = book = CalamineWorkbook.from_path(path)
            names = book.sheet_names
            if sheet and sheet not in names:
                raise BadFile(
                    _("%(file)s 没有工作表“%(sheet)s”，有：%(names)s")
                    % {"file": name, "sheet": sheet, "names": _("、").join(names)}
                )
            found = book.get_sheet_by_name(sheet) if sheet else book.get_sheet_by_index(0)
        except (CalamineError, OSError) as error:
            raise BadFile(
                _("%(file)s 不是能打开的 Excel 文件：%(why)s") % {"file": name, "why": error}
            ) from error
        self._height = max(1, found.total_height)
        rows = enumerate(found.iter_rows(), start=1)
        self._at = 0
        filled = ((line, cells) for line, cells in rows if any(map(workbooks.cell_text, cells)))
        peeked = list(islice(filled, LOOKED_AT))
        if not peeked:
            raise BadFile(_("%s 是空的") % name)
        texts = [[workbooks.cell_text(cell) for cell in cells] for _line, cells in peeked]
        titles = header_index(texts)
        self.above = [_joined(cells) for cells in texts[:titles]]
        self.header = texts[titles]
        self._rows = chain(peeked[titles + 1 :], rows)
        self._table = RowBuilder(_named(self.header))
        self.columns = self._table.columns

    def fraction(self) -> float:
        return min(1.0, self._at / self._height)

    def close(self) -> None:
        self._book.close()

    def __iter__(self) -> Iterator[Row | Broken]:
        for line, cells in self._rows:
            self._at = line
            values = [workbooks.cell_value(cell) for cell in cells]
            if any(value != "" for value in values):
                yield self._table.row(line, values)


class RowBuilder:
    """Builds rows by column name. Rejects files yield the original rows."""

    def __init__(self, names: list[str]) -> None:
        self._own = tuple(names[:2]) == REJECT_COLUMNS
        self._whole = self._own and len(names) > 2 and names[-1] == WHOLE_COLUMN
        self._kept = slice(2 if self._own else 0, len(names) - 1 if self._whole else len(names))
        self._last = len(names) - 1
        kept = names[self._kept]
        self.columns = [plain_again(name) for name in kept] if self._own else kept

    def row(self, line: int, cells: Sequence[Any]) -> Row | Broken:
        """Return one row. Raises UnicodeEncodeError for a cell with invalid text."""
        kept = cells[self._kept]
        if self._own:
            kept = [plain_again(cell) for cell in kept]
            # Still unreadable: keep it as it was, with its reason.
            whole = (
                plain_again(cells[self._last]) if self._whole and self._last < len(cells) else ""
            )
            if whole and all(cell == "" for cell in kept):
                return Broken(line, str(whole).encode(), str(cells[1]))
        found = dict(zip(self.columns, kept, strict=False))
        return Row(line, found, _encode(found).encode())


def _named(names: list[str]) -> list[str]:
    """Make column names unique by numbering nameless and repeated ones."""
    found: dict[str, None] = {}
    counts: Counter[str] = Counter()
    for place, name in enumerate(names, start=1):
        wanted = name or _("第%d列") % place
        own = wanted
        while own in found:
            counts[wanted] += 1
            own = f"{wanted}({counts[wanted] + 1})"
        found[own] = None
    return list(found)


def _joined(cells: Sequence[str]) -> str:
    return " ".join(cell.strip() for cell in cells if cell.strip())


def _flatten(found: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _refuse_constant(name: str) -> float:
    raise ValueError(name)
