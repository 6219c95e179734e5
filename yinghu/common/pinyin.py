"""Pinyin initials of Chinese names, for search fields."""

from functools import lru_cache


@lru_cache(maxsize=65536)
def initials(name: str) -> str:
    """Return `ftjd` for `福田街道`: initials of the usual readings, in lower case."""
    # Its dictionary takes a third of a second, which most commands and the worker can do without.
    from pypinyin import Style, lazy_pinyin

    parts = lazy_pinyin(name, style=Style.FIRST_LETTER)
    return "".join(parts).lower().replace(" ", "")
