"""Files into appeals: every row is exactly one appeal, however often its file is imported.

A row is known by the sender's id for it, where a column holds one, else by what it says: a keyed
digest of its cells, with a number where equal rows stand in one file. So a file that has grown
brings only what is new. Rows are kept and filed in batches, each in one transaction; after a crash
the same command goes on where it stood.
"""

import hashlib
import json
import os
import re
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TextIO

from django.db import DataError, IntegrityError, OperationalError, connections
from django.utils.translation import gettext as _

from yinghu.channels.files.mapping import MAX_ID, Reader, Unclear
from yinghu.common.csv_writer import ENCODING, write_rows
from yinghu.common.sealing import derived_key
from yinghu.common.table_reader import REJECT_COLUMNS, WHOLE_COLUMN, Broken, Row, Source
from yinghu.intake.receive import (
    Incoming,
    Received,
    Unread,
    appeals_by_id,
    keep_unread,
    receive_many,
)
from yinghu.people.access import Actor

BATCH_ROWS: Final = 1000
BATCH_BYTES: Final = 8 * 2**20
_AHEAD: Final = 2
"""Batches read while one is being written."""
_TRIES: Final = 5
_API_ID: Final = re.compile(r"u[0-9]+:")
"""How ids that the API keeps begin: the sender's user, for each numbers by itself."""


@dataclass(slots=True)
class Report:
    """What became of the rows so far: `read` is `new` + `known` + `rejected`.

    `left_out` counts what was left out of appeals that were filed all the same, by its reason.
    """

    new: int = 0
    known: int = 0
    rejected: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        return self.new + self.known + self.rejected


def _own_file(path: Path) -> int:
    """An empty file that only we can read, for it holds names and phones. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    # One of an earlier run may be open to all.
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.fchmod(file, 0o600)
    return file


class Rejects:
    """The file of rejected rows: line number, reason, the row as it was; made with the first.

    Where there are no columns (JSON lines), each row stands in the last one whole.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._columns = columns
        self._file: TextIO | None = None

    def add(self, row: Row | Broken, why: str) -> None:
        """Write one. A row that could not be told into cells stands in the last column whole."""
        if self._file is None:
            self._file = os.fdopen(_own_file(self.path), "w", encoding=ENCODING, newline="")
            self._write([*REJECT_COLUMNS, *self._columns, WHOLE_COLUMN])
        if isinstance(row, Row) and self._columns:
            cells = [row.cells.get(column) for column in self._columns]
            self._write([row.line, why, *cells, ""])
        else:
            whole = row.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
            self._write([row.line, why, *[""] * len(self._columns), whole])

    def _write(self, cells: Iterable[Any]) -> None:
        assert self._file is not None  # noqa: S101  # for the type checker
        write_rows(self._file, [cells])

    def settle(self, *, whole: bool) -> None:
        """The run has ended; if it was `whole` and rejected nothing, an earlier run's file goes."""
        self.close()
        if whole and self._file is None and self.path.is_file():
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class Ids:
    """Gives each row of one file the id by which it is known for ever."""

    def __init__(self, column: str | None) -> None:
        self._column = column
        self._key = derived_key("row")
        self._seen: dict[bytes, int] = {}
        self._said: dict[str, bytes] = {}

    def of(self, row: Row | Broken, own: str) -> str:
        """The row's id; `own` is the sender's. Raises Unclear where two rows share one of those."""
        if not own or isinstance(row, Broken):
            return self.by_content(row)
        if _API_ID.match(own):
            # It would be another sender's message, and whoever sent that would be shown this one.
            raise Unclear(_("编号不能以“u数字:”开头：%s") % own[:60])
        key = own if len(own) <= MAX_ID else self.by_content(row)
        said = self._digest(row.raw)
        if self._said.setdefault(key, said) != said:
            raise Unclear(_("编号 %s 在文件里已经出现过，内容不同") % own[:60])
        return key

    def by_content(self, row: Row | Broken) -> str:
        """An id from what the row says. Nobody without our key can guess the row from it."""
        raw = row.raw
        if isinstance(row, Row):
            raw = json.dumps(row.cells, ensure_ascii=False, sort_keys=True).encode()
        digest = self._digest(raw)
        count = self._seen[digest] = self._seen.get(digest, 0) + 1
        return f"row-{digest.hex()}" + (f"-{count}" if count > 1 else "")

    def _digest(self, raw: bytes) -> bytes:
        return hashlib.blake2b(raw, digest_size=16, key=self._key).digest()


@dataclass(slots=True)
class _Item:
    """A row on its way: with what it asks for, or with why it does not."""

    row: Row | Broken
    external_id: str
    incoming: Incoming | None = None
    left_out: tuple[str, ...] = ()
    why: str = ""


class Import:
    """One run over one file. `report` is right at any time, also when the run is broken off."""

    def __init__(self, source: Source, reader: Reader, rejects: Rejects, actor: Actor) -> None:
        self.report = Report()
        self._source, self._reader, self._rejects, self._actor = source, reader, rejects, actor
        self._ids = Ids(reader.mapping.get("external_id"))

    def run(self, step: Callable[[], None] = lambda: None) -> Report:
        """File every row; `step` is called after each batch, and may end the run by raising.

        Reading and writing overlap: one thread writes, on a connection of its own.
        """
        waiting: deque[Future[list[_Item]]] = deque()
        with ThreadPoolExecutor(1, "import") as writer:
            try:
                for batch in self._batches():
                    waiting.append(writer.submit(self._write, batch))
                    if len(waiting) > _AHEAD:
                        self._settle(waiting, step)
                while waiting:
                    self._settle(waiting, step)
            except BaseException:
                for future in waiting:
                    future.cancel()
                for future in waiting:
                    if not future.cancelled() and future.exception() is None:
                        self._count(future.result())
                raise
            finally:
                writer.submit(connections.close_all)
        return self.report

    def _settle(self, waiting: deque[Future[list[_Item]]], step: Callable[[], None]) -> None:
        # Not taken off before it is there: a Ctrl-C while waiting must not lose its count.
        batch = waiting[0].result()
        waiting.popleft()
        self._count(batch)
        step()

    def _batches(self) -> Iterator[list[_Item]]:
        batch: list[_Item] = []
        size = 0
        for row in self._source:
            batch.append(self._understood(row))
            size += len(row.raw)
            if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _understood(self, row: Row | Broken) -> _Item:
        if isinstance(row, Broken):
            return _Item(row, self._ids.by_content(row), why=row.why)
        try:
            external_id = self._ids.of(row, self._reader.cell(row, "external_id"))
        except Unclear as unclear:
            return _Item(row, self._ids.by_content(row), why=str(unclear))
        try:
            understood = self._reader.understand(row)
        except Unclear as unclear:
            return _Item(row, external_id, why=str(unclear))
        return _Item(
            row,
            external_id,
            Incoming(external_id, row.raw, understood.filing),
            understood.left_out,
        )

    def _write(self, batch: list[_Item]) -> list[_Item]:
        """Keep and file one batch. Returns it; what had come before has no `incoming` any more."""
        known = appeals_by_id(self._reader.channel, [item.external_id for item in batch])
        for item in batch:
            if item.external_id in known:
                item.incoming = None
        self._file([item for item in batch if item.incoming is not None])
        unread = [Unread(item.external_id, item.row.raw, item.why) for item in batch if item.why]
        keep_unread(self._reader.channel, unread)
        return batch

    def _file(self, items: list[_Item]) -> None:
        """File them all; where the database refuses, halve until the row at fault is found."""
        incoming = [item.incoming for item in items if item.incoming is not None]
        try:
            received = self._receive(incoming)
        except (IntegrityError, DataError) as error:
            if len(items) == 1:
                items[0].incoming = None
                items[0].why = str(error).splitlines()[0]
                return
            middle = len(items) // 2
            self._file(items[:middle])
            self._file(items[middle:])
            return
        for item, got in zip(items, received, strict=True):
            if not got.new:
                item.incoming = None

    def _receive(self, incoming: list[Incoming]) -> list[Received]:
        for _try in range(_TRIES):
            try:
                return receive_many(incoming, self._actor)
            except OperationalError as error:
                # Two imports of the same rows in another order: the database ends one of them.
                if getattr(error.__cause__, "sqlstate", "") != "40P01":
                    raise
        return receive_many(incoming, self._actor)

    def _count(self, batch: list[_Item]) -> None:
        for item in batch:
            if item.why:
                self.report.rejected += 1
                self._rejects.add(item.row, item.why)
            elif item.incoming is None:
                self.report.known += 1
            else:
                self.report.new += 1
                self.report.left_out.update(item.left_out)
