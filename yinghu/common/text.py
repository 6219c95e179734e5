"""Text normalisation."""

from __future__ import annotations

import unicodedata


def plain_digits(text: str) -> str:
    """`text` with the digits of every script, full-width ones too, as 0 to 9, one for one."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def digits_in(text: str) -> str:
    """The digits alone, as 0 to 9."""
    return "".join(c for c in plain_digits(text) if c.isdecimal())
