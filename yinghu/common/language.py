"""The reader's language, and names kept in two languages."""

from typing import Any

from django.utils.translation import get_language


def is_english() -> bool:
    """Does the reader use English? All others read the city's Chinese texts."""
    return (get_language() or "").startswith("en")


def name_of(row: Any) -> str:
    """Return the row's name in the reader's language; places have one name."""
    english = getattr(row, "name_en", "") if is_english() else ""
    return str(english or row.name)
