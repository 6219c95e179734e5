"""Digits in texts."""

from __future__ import annotations

import unicodedata


def plain_digits(text: str) -> str:
    """Replace the digits of every script, also full-width, by 0 to 9, one for one."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def whole_number(text: str, most: int = 18) -> int | None:
    """Return the number that at most `most` ASCII digits write; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= most else None


def digits_in(text: str) -> str:
    """Return only the digits, as 0 to 9."""
    return "".join(c for c in plain_digits(text) if c.isdecimal())
