"""Keyset pagination of lists of appeals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from yinghu.appeals.models import Appeal
from yinghu.people.access import Actor
from yinghu.ui.case_rows import CaseRow, case_rows, with_marks

PAGE_SIZE = 30
"""Rows of a list before "more"."""


MAX_SHOWN = 10 * PAGE_SIZE
"""Rows of a list that are asked for again at once."""


@dataclass(frozen=True, slots=True)
class CasePage:
    """One page of a list; `more` is the key to give as ?after= for the next one, "" at the end."""

    rows: list[CaseRow]
    more: str


def size_for(shown: str) -> int:
    """Rows of a list that follows, where so many are shown: whole pages, `MAX_SHOWN` at most."""
    many = int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 6 else 0
    return min(MAX_SHOWN, max(1, -(-many // PAGE_SIZE)) * PAGE_SIZE)


def case_page(
    found: QuerySet[Appeal], after: str, keys: Sequence[str], actor: Actor, size: int = 0
) -> CasePage:
    """The rows after the key `after`, by keyset: as fast on the last page as on the first.

    `size` rows, or a page of them. `keys` are the fields of the order (a minus for descending) and
    end with the unique `id`.
    """
    size = size or PAGE_SIZE
    found = found.order_by(*keys)
    if values := _parsed(after, keys):
        found = found.filter(_beyond(keys, values))
    rows = case_rows(found[: size + 1], actor)
    more = ""
    if len(rows) > size:
        rows.pop()
        last = rows[-1].appeal
        more = "~".join(_text(getattr(last, key.lstrip("-"))) for key in keys)
    return CasePage(with_marks(rows), more)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _parsed(after: str, keys: Sequence[str]) -> list[object]:
    parts = after.split("~")
    if not after or len(parts) != len(keys):
        return []
    values: list[object] = []
    for key, part in zip(keys, parts, strict=True):
        if key.endswith("_at"):
            try:
                moment = parse_datetime(part)
                if moment is None or timezone.is_naive(moment):
                    return []
                # Its zone may put the moment outside of all calendars.
                values.append(moment.astimezone(UTC))
            except (ValueError, OverflowError):
                return []
        elif key == "status":
            values.append(part[:10].replace("\x00", ""))
        elif re.fullmatch(r"[0-9]{1,18}", part):
            values.append(int(part))
        else:
            return []
    return values


def _beyond(keys: Sequence[str], values: Sequence[object]) -> Q:
    """(a, b, c) after (x, y, z) in the order of `keys`, spelled out for mixed directions."""
    first = keys[0].lstrip("-")
    # Implied by the rest, but an index can begin at it.
    bound = Q(**{f"{first}__{'lte' if keys[0].startswith('-') else 'gte'}": values[0]})
    beyond, equal = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        name = key.lstrip("-")
        beyond |= equal & Q(**{f"{name}__{'lt' if key.startswith('-') else 'gt'}": value})
        equal &= Q(**{name: value})
    return bound & beyond


def newest_first(found: QuerySet[Appeal]) -> QuerySet[Appeal]:
    """By id, the newest first."""
    return found.order_by(F("id").desc())
