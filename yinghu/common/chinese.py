"""Texts as they are compared: narrow, in simplified characters, in lower case.

Search, duplicates, the lexicon and the names of areas compare texts by these functions, so that
網格, 网格 and full-width letters are the same. What is stored and shown stays as written.
"""

import unicodedata
from functools import cache
from typing import Final

import opencc

_HAN: Final = ((0x3400, 0xA000), (0xF900, 0xFB00), (0x20000, 0x2A6E0), (0x2F800, 0x2FA20))
"""Blocks of characters that OpenCC knows."""


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def simplified(text: str) -> str:
    """Return the text in simplified characters, by OpenCC's phrases; about 1 µs a character."""
    return text if text.isascii() else str(_converter().convert(text))


@cache
def traditional_characters() -> dict[int, str]:
    """Return the simplified form of each character that has another one, for `str.translate`.

    One character by one: what a word means depends on its neighbours, and a query may have others
    than the text. The first call takes some 0.1 s.
    """
    every = [chr(code) for first, end in _HAN for code in range(first, end)]
    # Each on a line of its own, so that no two make a phrase.
    forms = _converter().convert("\n".join(every)).split("\n")
    return {
        ord(char): form
        for char, form in zip(every, forms, strict=True)
        if form != char and len(form) == 1
    }


def fold_text(text: str) -> str:
    """Fold a text for comparison: narrow (NFKC), simplified, lower case. "㎡" becomes "m2"."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).translate(traditional_characters()).lower()


def fold_in_place(text: str) -> str:
    """Fold a text like `fold_text`, but to the same length, so that spans still fit."""
    if text.isascii():
        return text.lower()
    table, out = traditional_characters(), []
    for char in text:
        narrow = unicodedata.normalize("NFKC", char).translate(table).lower()
        out.append(narrow if len(narrow) == 1 else char)
    return "".join(out)
