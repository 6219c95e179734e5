"""Search of the case list: by number, end of a number, phone or words."""

from __future__ import annotations

import re
from itertools import islice

from django.db.models import QuerySet
from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString, mark_safe

from yinghu.appeals import inboxes
from yinghu.appeals.models import Appeal
from yinghu.appeals.numbers import id_of, number_of
from yinghu.common.privacy.phones import certain_phone, normal_phone
from yinghu.common.privacy.sealing import blind
from yinghu.people.access import Actor, may_search_phones, words_to_search
from yinghu.triage import search as words
from yinghu.web.cases.filters import Filter

MAX_CANDIDATES = 10_000
"""Most ids checked for a number's last digits; enough for four digits of ten million appeals."""

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
    """Interpret a query; returns (number, phone, ending, misread or words; matches in `found`)."""
    if by_words:
        return "words", words.search(found, words_to_search(actor, query))
    appeal_id = _id_in(query)
    if appeal_id is not None:
        return "number", found.filter(pk=appeal_id)
    if phone := phone_in(actor, query):
        return "phone", found.filter(caller=blind(phone))
    digits = re.sub(r"\D", "", query)
    if _DIGITS.fullmatch(query) and 4 <= len(digits) <= 8:
        ending = found.filter(pk__in=_ids_ending_with(digits))
        if ending.exists():
            return "ending", ending
    if _WHOLE_NUMBER.fullmatch(query):
        return "misread", found.none()
    if _looks_like_phone(query) and may_search_phones(actor):
        return "phone", found.none()
    return "words", words.search(found, words_to_search(actor, query))


def _ids_ending_with(digits: str) -> list[int]:
    # The last digit is the check digit. Needs no index, as such ids differ by a power of ten.
    apart = 10 ** (len(digits) - 1)
    newest = Appeal.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    first = newest - (newest - int(digits[:-1])) % apart
    alike = islice(range(first, 0, -apart), MAX_CANDIDATES)
    return [each for each in alike if number_of(each)[-1] == digits[-1]]


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
