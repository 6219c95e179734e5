"""Import of files: every row becomes exactly one appeal, however often its file is imported.

A row is identified by the sender's id if a column holds one, else by its content: a keyed digest of
its cells, with a number for equal rows in one file. So a file that has grown adds only its new
rows. Rows are stored and filed in batches, each in one transaction; after a crash the same command
continues.
"""

import hashlib
import json
import os
import re
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from django.db import DataError, IntegrityError, OperationalError, connections
from django.utils.translation import gettext as _

from yinghu.channels.files.mapping import MAX_ID, RowReader, Unclear
from yinghu.common.privacy.sealing import derived_key
from yinghu.common.tables.csv_writer import ENCODING, write_rows
from yinghu.common.tables.table_reader import REJECT_COLUMNS, WHOLE_COLUMN, Broken, Row, Source
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
"""Prefix of ids from the API: each user numbers their own messages."""


@dataclass
class ImportReport:
    """Counts of the rows so far, and of details `left_out` of filed appeals, by reason."""

    new: int = 0
    known: int = 0
    rejected: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        return self.new + self.known + self.rejected


def _own_file(path: Path) -> int:
    """Create an empty file that only we can read: it holds names and phones. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    # The file of an earlier run may be readable by all.
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.fchmod(file, 0o600)
    return file


class Rejects:
    """The file of rejected rows, with line and reason; created with the first one."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._columns = columns
        self._file: TextIO | None = None

    def add(self, row: Row | Broken, why: str) -> None:
        """Write a row. One that could not be split into cells is in the last column."""
        if self._file is None:
            self._file = os.fdopen(_own_file(self.path), "w", encoding=ENCODING, newline="")
            write_rows(self._file, [[*REJECT_COLUMNS, *self._columns, WHOLE_COLUMN]])
        cells: list[Any] = [""] * len(self._columns)
        whole = ""
        if isinstance(row, Row) and self._columns:
            cells = [row.cells.get(column) for column in self._columns]
        else:
            whole = row.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
        write_rows(self._file, [[row.line, why, *cells, whole]])

    def settle(self, *, whole: bool) -> None:
        """Finish: if the run was `whole` and rejected nothing, delete an earlier run's file."""
        self.close()
        if whole and self._file is None and self.path.is_file():
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Ids:
    """Assigns each row of one file its permanent id."""

    def __init__(self) -> None:
        self._key = derived_key("row")
        self._seen: dict[bytes, int] = {}
        self._said: dict[str, bytes] = {}

    def of(self, row: Row | Broken, own: str) -> str:
        """Return the row's id; `own` is the sender's. Raises Unclear if two rows share one."""
        if not own or isinstance(row, Broken):
            return self.by_content(row)
        if _API_ID.match(own):
            # Ids of this form belong to API users, who could then see this row's appeal.
            raise Unclear(_("编号不能以“u数字:”开头：%s") % own[:60])
        key = own if len(own) <= MAX_ID else self.by_content(row)
        said = self._digest(row.raw)
        if self._said.setdefault(key, said) != said:
            raise Unclear(_("编号 %s 在文件里已经出现过，内容不同") % own[:60])
        return key

    def by_content(self, row: Row | Broken) -> str:
        """Derive an id from the content, keyed so that nobody can guess the row from it."""
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
    row: Row | Broken
    external_id: str
    incoming: Incoming | None = None
    left_out: Sequence[str] = ()
    why: str = ""


class Import:
    """One run over one file. `report` is correct at any time, also after an interruption."""

    def __init__(self, source: Source, reader: RowReader, rejects: Rejects, actor: Actor) -> None:
        self.report = ImportReport()
        self._source, self._reader, self._rejects, self._actor = source, reader, rejects, actor
        self._ids = Ids()

    def run(self, step: Callable[[], None] = lambda: None) -> ImportReport:
        """File every row; `step` is called after each batch, and may end the run by raising.

        Reading and writing overlap: one thread writes, on a connection of its own.
        """
        waiting: deque[Future[list[_Item]]] = deque()
        with ThreadPoolExecutor(1, "import") as writer:
            try:
                for batch in self._batches():
                    waiting.append(writer.submit(self._write, batch))
                    if len(waiting) > _AHEAD:
                        self._take_finished(waiting, step)
                while waiting:
                    self._take_finished(waiting, step)
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

    def _take_finished(self, waiting: deque[Future[list[_Item]]], step: Callable[[], None]) -> None:
        # Removed only when it is done: a Ctrl-C while waiting must not lose its count.
        batch = waiting[0].result()
        waiting.popleft()
        self._count(batch)
        step()

    def _batches(self) -> Iterator[list[_Item]]:
        batch: list[_Item] = []
        size = 0
        for row in self._source:
            batch.append(self._parse(row))
            size += len(row.raw)
            if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _parse(self, row: Row | Broken) -> _Item:
        if isinstance(row, Broken):
            return _Item(row, self._ids.by_content(row), why=row.why)
        try:
            external_id = self._ids.of(row, self._reader.cell(row, "external_id"))
        except Unclear as unclear:
            return _Item(row, self._ids.by_content(row), why=str(unclear))
        try:
            filing, left_out = self._reader.understand(row)
        except Unclear as unclear:
            return _Item(row, external_id, why=str(unclear))
        return _Item(row, external_id, Incoming(external_id, row.raw, filing), left_out)

    def _write(self, batch: list[_Item]) -> list[_Item]:
        """Store and file one batch and return it; rows known before lose their `incoming`."""
        known = appeals_by_id(self._reader.channel, [item.external_id for item in batch])
        for item in batch:
            if item.external_id in known:
                item.incoming = None
        self._file([item for item in batch if item.incoming is not None])
        unread = [Unread(item.external_id, item.row.raw, item.why) for item in batch if item.why]
        keep_unread(self._reader.channel, unread)
        return batch

    def _file(self, items: list[_Item]) -> None:
        """File all items; if the database refuses, halve them until the faulty row is found."""
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
                return receive_many(incoming, self._actor, imported=True)
            except OperationalError as error:
                # Deadlock with another import of the same rows in another order.
                if getattr(error.__cause__, "sqlstate", "") != "40P01":
                    raise
        return receive_many(incoming, self._actor, imported=True)

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
