"""Import of files: every row becomes exactly one appeal, however often its file is imported.

A row is identified by the sender's id if a column holds one, else by its content: a keyed digest of
its cells, with a number for equal rows in one file. So a file that has grown adds only its new
rows. An id that stands for another text is no proof: such a row is rejected, with both texts. Rows
are stored and filed in batches, each in one transaction; after a crash the same command continues.
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
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TextIO

from django.db import DataError, IntegrityError, OperationalError, connections
from django.utils.translation import gettext as _

from yinghu.appeals.filing import FILE, RECORD
from yinghu.appeals.numbers import number_of
from yinghu.channels.files.mapping import MAX_ID, RowReader, Unclear
from yinghu.common.privacy.sealing import derived_key
from yinghu.common.tables.csv_writer import ENCODING, write_rows
from yinghu.common.tables.table_reader import REJECT_COLUMNS, WHOLE_COLUMN, Broken, Row, Source
from yinghu.intake.models import Message
from yinghu.intake.receive import (
    Incoming,
    KnownMessage,
    Received,
    Unread,
    keep_unread,
    known_messages,
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
_BY_CONTENT: Final = "row-"
"""Prefix of ids that are derived from a row's content."""
_QUOTED: Final = 100
"""Characters of a text in a reason."""


@dataclass
class ImportReport:
    """Counts of the rows so far, and of details `left_out` of filed appeals, by reason."""

    new: int = 0
    known: int = 0
    rejected: int = 0
    clashes: int = 0
    """Rejected rows whose id stands for another text."""
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


class RepeatedId(Unclear):
    """Another row of the file has this row's id and other cells; `line` is that row's."""

    def __init__(self, own: str, line: int) -> None:
        super().__init__(
            _("编号 %(own)s 在第 %(line)d 行已经出现过，内容不同") % {"own": own[:60], "line": line}
        )
        self.own, self.line = own, line


@dataclass(frozen=True, slots=True)
class RowId:
    """A row's permanent id, and the one under which an earlier import may have stored it."""

    own: str
    other: str = ""


class Ids:
    """Assigns each row of one file its permanent id."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader
        self._key = derived_key("row")
        self._seen: dict[bytes, int] = {}
        self._said: dict[str, tuple[int, bytes]] = {}

    @cached_property
    def _stored_by_content(self) -> bool:
        """Was anything of the channel imported without ids? Its rows may have their ids now."""
        stored = Message.objects.filter(channel=self._reader.channel)
        return stored.filter(external_id__startswith=_BY_CONTENT).exists()

    def of(self, row: Row | Broken) -> RowId:
        """Return the row's id. Raises Unclear, and RepeatedId if another row has the same."""
        own = self._reader.own_id(row) if isinstance(row, Row) else ""
        if not own or isinstance(row, Broken):
            return RowId(self.by_content(row))
        if _API_ID.match(own):
            # Ids of this form belong to API users, who could then see this row's appeal.
            raise Unclear(_("编号不能以“u数字:”开头：%s") % own[:60])
        if self._reader.no_ids:
            return RowId(self.by_content(row), own[:MAX_ID])
        content = ""
        if self._stored_by_content or len(own) > MAX_ID:
            content = self.by_content(row)
        key = own if len(own) <= MAX_ID else content
        said = self._digest(row.raw)
        line, before = self._said.setdefault(key, (row.line, said))
        if before != said:
            raise RepeatedId(key, line)
        return RowId(key, content)

    def by_content(self, row: Row | Broken) -> str:
        """Derive an id from the content, keyed so that nobody can guess the row from it."""
        digest = self._content(row)
        count = self._seen[digest] = self._seen.get(digest, 0) + 1
        return f"{_BY_CONTENT}{digest.hex()}" + (f"-{count}" if count > 1 else "")

    def rejected(self, row: Row | Broken) -> str:
        """Return the id under which a row is kept whose own id stands for another text."""
        return f"{_BY_CONTENT}{self._content(row).hex()}"

    def _content(self, row: Row | Broken) -> bytes:
        raw = row.raw
        if isinstance(row, Row):
            raw = json.dumps(row.cells, ensure_ascii=False, sort_keys=True).encode()
        return self._digest(raw)

    def _digest(self, raw: bytes) -> bytes:
        return hashlib.blake2b(raw, digest_size=16, key=self._key).digest()


def earlier_message(
    found: dict[str, KnownMessage], key: RowId, title: str, body: str
) -> KnownMessage | None:
    """Return the message that a row is, among those `found` by its ids, if it says the same."""
    for each in (key.own, key.other):
        known = found.get(each)
        if known is not None and known.says(title, body):
            return known
    return None


@dataclass(slots=True)
class _Item:
    row: Row | Broken
    key: RowId
    incoming: Incoming | None = None
    left_out: Sequence[str] = ()
    why: str = ""
    repeats: str = ""
    """The id that it has in common with another row of the file."""
    clashes: bool = False


class Import:
    """One run over one file. `report` is correct at any time, also after an interruption."""

    def __init__(
        self,
        source: Source,
        reader: RowReader,
        rejects: Rejects,
        actor: Actor,
        *,
        past: bool = False,
    ) -> None:
        """`past`: what was said and ended before is recorded without starting anything."""
        self.report = ImportReport()
        self._source, self._reader, self._rejects, self._actor = source, reader, rejects, actor
        self._ids = Ids(reader)
        self._verb = RECORD if past else FILE

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
            return _Item(row, self._ids.of(row), why=row.why)
        try:
            key = self._ids.of(row)
        except RepeatedId as why:
            kept = RowId(self._ids.rejected(row))
            return _Item(row, kept, why=str(why), repeats=why.own, clashes=True)
        except Unclear as unclear:
            return _Item(row, RowId(self._ids.rejected(row)), why=str(unclear))
        try:
            filing, left_out = self._reader.understand(row)
            if self._verb is RECORD and filing.said_at is None:
                raise Unclear(_("没有说的时间；以前的诉求要知道是哪一天的"))
        except Unclear as unclear:
            return _Item(row, key, why=str(unclear))
        return _Item(row, key, Incoming(key.own, row.raw, filing), left_out)

    def _write(self, batch: list[_Item]) -> list[_Item]:
        """Store and file one batch and return it; rows known before lose their `incoming`."""
        keys = [key for item in batch for key in (item.key.own, item.key.other) if key]
        known = known_messages(self._reader.channel, keys)
        if known:
            for item in batch:
                self._compare(item, known)
        self._file([item for item in batch if item.incoming is not None])
        if repeating := [item for item in batch if item.repeats]:
            known = known_messages(self._reader.channel, [item.repeats for item in repeating])
            for item in repeating:
                if item.repeats in known:
                    item.why = self._clash(item.repeats, known[item.repeats], item.row)
        unread = [Unread(item.key.own, item.row.raw, item.why) for item in batch if item.why]
        keep_unread(self._reader.channel, unread)
        return batch

    def _compare(self, item: _Item, known: dict[str, KnownMessage]) -> None:
        """Take a row off the list if it is known, and reject it if its id stands for another."""
        if item.incoming is None:
            return
        filing = item.incoming.filing
        if earlier_message(known, item.key, filing.title, filing.body):
            item.incoming = None
        elif item.key.own in known:
            item.incoming, item.clashes = None, True
            item.why = self._clash(item.key.own, known[item.key.own], item.row)
            item.key = RowId(self._ids.rejected(item.row))

    def _clash(self, own: str, earlier: KnownMessage, row: Row | Broken) -> str:
        """Say that an id stands for another text already, with both texts."""
        title, body = "", ""
        if isinstance(row, Row):
            title, body = self._reader.cell(row, "title"), self._reader.cell(row, "body")
        said = {
            "own": own[:60],
            "number": number_of(earlier.appeal_id),
            "earlier": _quoted(earlier.title, earlier.body),
            "text": _quoted(title, body),
        }
        if earlier.says(title, body):
            why = _("编号 %(own)s 已经有了（诉求 %(number)s“%(earlier)s”），文字相同，别的列不同")
            return why % said
        why = _("编号 %(own)s 已经是另一件（诉求 %(number)s“%(earlier)s”），这一行是“%(text)s”")
        return why % said

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
        old = [item for item, got in zip(items, received, strict=True) if not got.new]
        if old:
            # The same row twice in the batch, or another import meanwhile.
            known = known_messages(self._reader.channel, [item.key.own for item in old])
            for item in old:
                self._compare(item, known)

    def _receive(self, incoming: list[Incoming]) -> list[Received]:
        for _try in range(_TRIES):
            try:
                return receive_many(incoming, self._actor, self._verb, imported=True)
            except OperationalError as error:
                # Deadlock with another import of the same rows in another order.
                if getattr(error.__cause__, "sqlstate", "") != "40P01":
                    raise
        return receive_many(incoming, self._actor, self._verb, imported=True)

    def _count(self, batch: list[_Item]) -> None:
        for item in batch:
            if item.why:
                self.report.rejected += 1
                self.report.clashes += item.clashes
                self._rejects.add(item.row, item.why)
            elif item.incoming is None:
                self.report.known += 1
            else:
                self.report.new += 1
                self.report.left_out.update(item.left_out)


def _quoted(title: str, body: str) -> str:
    text = " ".join(f"{title} {body}".split())
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
