"""Keyset pagination of lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from yinghu.appeals.models import Appeal
from yinghu.common.text import whole_number
from yinghu.people.access import Actor
from yinghu.ui.case_rows import CaseRow, case_rows, with_marks

Row = TypeVar("Row", bound=Model)

PAGE_SIZE = 30
"""Rows of a list before "more"."""
MAX_SHOWN = 10 * PAGE_SIZE
"""Most rows fetched when a list is refreshed."""


@dataclass(frozen=True, slots=True)
class CasePage:
    """One page of a list; `more` is the ?after= key of the next page, "" on the last."""

    rows: list[CaseRow]
    more: str


def size_for(shown: str) -> int:
    """Round the number of rows shown up to whole pages, at most `MAX_SHOWN`."""
    many = whole_number(shown, 5) or 0
    return min(MAX_SHOWN, max(1, -(-many // PAGE_SIZE)) * PAGE_SIZE)


def case_page(
    found: QuerySet[Appeal], after: str, keys: Sequence[str], actor: Actor, size: int = 0
) -> CasePage:
    """Fetch the page of `size` rows (default `PAGE_SIZE`) after the key `after`.

    `keys` are the fields of the order (a minus for descending) and end with the unique `id`.
    """
    size = size or PAGE_SIZE
    found = found.order_by(*keys)
    if values := _key_values(after, keys):
        found = found.filter(_after_key(keys, values))
    rows = case_rows(found[: size + 1], actor)
    more = ""
    if len(rows) > size:
        rows.pop()
        last = rows[-1].appeal
        more = "~".join(_key_text(getattr(last, key.lstrip("-"))) for key in keys)
    return CasePage(with_marks(rows), more)


def _key_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def page_before(
    found: QuerySet[Row], before: int | None, size: int = PAGE_SIZE
) -> tuple[list[Row], int | None]:
    """Fetch the rows with ids below `before`, newest first, and the `before` of the next page."""
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found.order_by("-pk")[: size + 1])
    return rows[:size], rows[size - 1].pk if len(rows) > size else None


def _key_values(after: str, keys: Sequence[str]) -> list[object]:
    parts = after.split("~")
    if len(parts) != len(keys):
        return []
    values = [_key_value(key, part) for key, part in zip(keys, parts, strict=True)]
    return [] if None in values else values


def _key_value(key: str, part: str) -> object | None:
    """Parse one part of a page's key; None if it is invalid."""
    if key == "status":
        return part[:10].replace("\x00", "")
    if not key.endswith("_at"):
        return whole_number(part)
    try:
        moment = parse_datetime(part)
        # Overflows at the ends of the calendar.
        return moment.astimezone(UTC) if moment and timezone.is_aware(moment) else None
    except (ValueError, OverflowError):
        return None


def _after_key(keys: Sequence[str], values: Sequence[object]) -> Q:
    """Row comparison (a, b, c) > (x, y, z), spelled out for mixed directions."""
    first = keys[0].lstrip("-")
    # Redundant, but lets PostgreSQL use an index.
    bound = Q(**{f"{first}__{'lte' if keys[0].startswith('-') else 'gte'}": values[0]})
    beyond, equal = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        name = key.lstrip("-")
        beyond |= equal & Q(**{f"{name}__{'lt' if key.startswith('-') else 'gt'}": value})
        equal &= Q(**{name: value})
    return bound & beyond
