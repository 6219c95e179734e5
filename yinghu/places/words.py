"""Finding every known word in a text in one pass."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Found(NamedTuple):
    """`text[start:end]` is `word`, as folded by `fold`."""

    start: int
    end: int
    word: str


def fold(text: str) -> str:
    """`text` with wide forms narrow and case gone, of the same length, so that spans still fit."""
    if text.isascii():
        return text.lower()
    out = []
    for char in text:
        narrow = unicodedata.normalize("NFKC", char).lower()
        out.append(narrow if len(narrow) == 1 else char)
    return "".join(out)


def _latin(char: str) -> bool:
    """Whether words made of such characters are parted by something else."""
    return char.isalnum() and char < "\u1100"


class Finder:
    """A dictionary of words of at least two characters, asked by their first two.

    A text costs about one dictionary look-up a character however many words there are (some
    0.1 ms for a message of 500 characters), where a regular expression of 2,500 alternatives
    tries them one by one.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {fold(word) for word in words if len(word) >= 2}
        lengths: dict[str, set[int]] = {}
        for word in self._words:
            lengths.setdefault(word[:2], set()).add(len(word))
        self._lengths = {head: tuple(sorted(ns, reverse=True)) for head, ns in lengths.items()}

    def __len__(self) -> int:
        return len(self._words)

    def find(self, text: str) -> list[Found]:
        """The words in `text` from left to right, without those inside a longer one.

        Two that overlap without one holding the other are both there. A word that begins or ends
        with a Latin letter or a digit has to begin or end there in the text too.
        """
        folded = fold(text)
        found: list[Found] = []
        reached = 0
        lengths, words = self._lengths, self._words
        for start in range(len(folded) - 1):
            options = lengths.get(folded[start : start + 2])
            if options is None:
                continue
            for length in options:
                end = start + length
                if end <= reached:
                    break
                word = folded[start:end]
                if word in words and self._parted(folded, start, end):
                    found.append(Found(start, end, word))
                    reached = end
                    break
        return found

    @staticmethod
    def _parted(text: str, start: int, end: int) -> bool:
        if start and _latin(text[start]) and _latin(text[start - 1]):
            return False
        return not (end < len(text) and _latin(text[end - 1]) and _latin(text[end]))
