"""Search of the case list: by number, part of a number, phone or words."""

from __future__ import annotations

import re

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString, mark_safe

from yinghu.appeals import inboxes
from yinghu.appeals.models import Appeal
from yinghu.appeals.numbers import id_of, ids_with_part
from yinghu.common.privacy.phones import certain_phone, normal_phone
from yinghu.common.privacy.sealing import blind
from yinghu.common.text import digits_in, plain_digits
from yinghu.people.access import Actor, may_search_phones, words_to_search
from yinghu.triage import search as words
from yinghu.web.cases.filters import Filter

PART_LEAST, PART_MOST = 3, 8
"""Digits of a part of a number; with more it is a whole number, or a phone."""

EXCERPT_LEAD, EXCERPT_LENGTH = 18, 90
"""Characters of an excerpt before the first match, and in all."""

_DIGITS = re.compile(r"\d+(?:[ \-－　]+\d+)*", re.ASCII)
_WHOLE_NUMBER = re.compile(r"\d{9}|(?:\d+[ \-－　]+){2,}\d", re.ASCII)
"""A notation of appeal numbers that no phone number has."""


def _looks_like_phone(query: str) -> bool:
    return sum(char.isdigit() for char in query) >= 7 and all(
        char.isdigit() or char in "+-() ." for char in query
    )


def _id_in(query: str) -> int | None:
    """Return the id of an appeal number, unless it may be a phone: one in ten has a valid digit."""
    digits = sum(char.isdigit() for char in query)
    is_phone = digits >= 10 and _looks_like_phone(query) and normal_phone(query) != ""
    is_phone = is_phone and not _WHOLE_NUMBER.fullmatch(query)
    return None if is_phone else id_of(query)


def phone_in(actor: Actor, query: str) -> str:
    """Return the query as a phone if it is one and the actor may search by it; else ""."""
    if _id_in(query) is None and _looks_like_phone(query) and may_search_phones(actor):
        return certain_phone(query)
    return ""


def match_query(
    found: QuerySet[Appeal], actor: Actor, query: str, *, by_words: bool = False
) -> tuple[str, QuerySet[Appeal]]:
    """Interpret a query; returns (number, phone, part, misread or words; matches in `found`)."""
    if by_words:
        return "words", words.search(found, words_to_search(actor, query))
    appeal_id = _id_in(query)
    if appeal_id is not None:
        return "number", found.filter(pk=appeal_id)
    if phone := phone_in(actor, query):
        return "phone", found.filter(caller=blind(phone))
    digits = digits_in(query)
    if _DIGITS.fullmatch(plain_digits(query)) and PART_LEAST <= len(digits) <= PART_MOST:
        partly = found.filter(pk__in=_with_number_part(digits))
        if partly.exists():
            return "part", partly
    if _WHOLE_NUMBER.fullmatch(query):
        return "misread", found.none()
    if _looks_like_phone(query) and may_search_phones(actor):
        return "phone", found.none()
    return "words", words.search(found, words_to_search(actor, query))


MOST_OF_PART = 5_000
"""Cases that a part of a number finds. Three digits occur in a tenth of a million numbers."""


def _with_number_part(digits: str) -> RawSQL:
    """Ids whose number has these digits in a row, the newest MOST_OF_PART.

    Read beforehand, by ranges of the primary key: as a part of the whole query, PostgreSQL would
    compare every case with every range.
    """
    newest = Appeal.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    ranges = ids_with_part(digits, newest)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT appeal.id FROM unnest(%s::bigint[], %s::bigint[]) AS part(low, high)"
            " JOIN appeals_appeal AS appeal ON appeal.id BETWEEN part.low AND part.high"
            " ORDER BY appeal.id DESC LIMIT %s",
            [[low for low, _high in ranges], [high for _low, high in ranges], MOST_OF_PART],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return RawSQL("SELECT unnest(%s::bigint[])", [ids])


def excerpt(text: str, query: str) -> SafeString:
    """Cut `text`, masked for its reader, around the first word of `query`, and mark the words."""
    parts = [re.escape(part) for part in query.split()][:8]
    pattern = re.compile("|".join(sorted(parts, key=len, reverse=True)) or r"(?!)", re.IGNORECASE)
    first = pattern.search(text)
    if first is None:
        return mark_safe("")
    start = max(0, first.start() - EXCERPT_LEAD)
    shown = " ".join(text[start : start + EXCERPT_LENGTH].split())
    pieces, end = [], 0
    for found in pattern.finditer(shown):
        pieces += [(shown[end : found.start()], found[0])]
        end = found.end()
    marked = format_html_join("", "{}<mark>{}</mark>", pieces)
    rest = conditional_escape(shown[end:] + ("…" if start + EXCERPT_LENGTH < len(text) else ""))
    return conditional_escape("…" if start else "") + marked + rest


def find_cases(actor: Actor, wanted: Filter) -> tuple[str, QuerySet[Appeal]]:
    """Apply a filter in the actor's scope; returns the kind of match, "" without `q`, and cases."""
    appeals = wanted.apply(inboxes.visible(actor), actor)
    if not wanted.q:
        return "", appeals
    return match_query(appeals, actor, wanted.q, by_words=wanted.by == "words")
