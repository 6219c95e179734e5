"""The icons that pages and categories may use: one name a line in `icons.txt`, # for remarks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("icons.txt")


@lru_cache(maxsize=1)
def icon_names() -> list[str]:
    """Their names, in order."""
    lines = (line.partition("#")[0].strip() for line in FILE.read_text("utf-8").splitlines())
    return sorted({line for line in lines if line})
