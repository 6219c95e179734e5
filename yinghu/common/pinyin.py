"""Pinyin initials of Chinese names, for search fields."""

from functools import lru_cache

from pypinyin import Style, lazy_pinyin


@lru_cache(maxsize=65536)
def initials(name: str) -> str:
    """Return `ftjd` for `福田街道`: initials of the usual readings, in lower case."""
    parts = lazy_pinyin(name, style=Style.FIRST_LETTER)
    return "".join(parts).lower().replace(" ", "")
