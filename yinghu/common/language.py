"""The language of the reader, and names that a city keeps in two languages."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language


def is_english() -> bool:
    """Whether the reader's language is English; everybody else reads a city's Chinese words."""
    return (get_language() or "").startswith("en")


def name_of(row: Any) -> str:
    """The row's name in the language of the page."""
    return str((is_english() and row.name_en) or row.name)
