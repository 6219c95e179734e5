"""A table whose first rows can be looked at before they are read."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from yinghu.common.tables.table_reader import Broken, Row, Source

LOOKED_AT: Final = 500
"""Rows."""


class PeekedSource(Source):
    """A source that is read once; `first` are its first rows that could be read."""

    def __init__(self, source: Source) -> None:
        self.columns, self.header, self.above = source.columns, source.header, source.above
        self.open_ended = source.open_ended
        self._source, self._rest = source, iter(source)
        self._peeked = list(islice(self._rest, LOOKED_AT))
        self.first = [row for row in self._peeked if isinstance(row, Row)]

    def __iter__(self) -> Iterator[Row | Broken]:
        return chain(self._peeked, self._rest)

    def fraction(self) -> float:
        return self._source.fraction()

    def close(self) -> None:
        self._source.close()
