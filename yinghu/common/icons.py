"""Icons available to pages and categories, from `icons.txt` (one per line, # for comments)."""

from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("icons.txt")


@lru_cache(maxsize=1)
def icon_words() -> dict[str, str]:
    """Return icon names in order, each with its Chinese search words."""
    lines = (line.partition("#")[0].split() for line in FILE.read_text("utf-8").splitlines())
    return {name: " ".join(words) for name, *words in sorted(line for line in lines if line)}


def icon_names() -> list[str]:
    return list(icon_words())
