"""The icons that pages and categories may use, from `icons.txt`: one a line, # for remarks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("icons.txt")


@lru_cache(maxsize=1)
def icon_words() -> dict[str, str]:
    """Their names, in order, each with the Chinese words by which it is found."""
    lines = (line.partition("#")[0].split() for line in FILE.read_text("utf-8").splitlines())
    return {name: " ".join(words) for name, *words in sorted(line for line in lines if line)}


def icon_names() -> list[str]:
    """Their names, in order."""
    return list(icon_words())
