"""What somebody typed into the search field: a number, its end, a whole phone, or words."""

from __future__ import annotations

import re
from itertools import islice

from django.db.models import QuerySet
from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString, mark_safe

from yinghu.appeals import inboxes
from yinghu.appeals.models import Appeal
from yinghu.appeals.numbers import id_of, number_of
from yinghu.common.phones import normal_phone
from yinghu.common.sealing import blind
from yinghu.people.access import Actor, may_search_phones, words_to_search
from yinghu.triage import search as words
from yinghu.web.cases.filters import Filter

LOOKED_AT = 10_000
"""Ids looked at for those that end with given digits; four digits among ten million appeals."""

BEFORE, LONG = 18, 90
"""Characters shown before the first word that was looked for, and in all."""

_DIGITS = re.compile(r"\d+(?:[ \-－　]+\d+)*", re.ASCII)
_WHOLE_NUMBER = re.compile(r"\d{9}|(?:\d+[ \-－　]+){2,}\d", re.ASCII)
"""What was meant for the number of an appeal, as no phone is written."""


def _is_like_phone(query: str) -> bool:
    return sum(char.isdigit() for char in query) >= 7 and all(
        char.isdigit() or char in "+-() ." for char in query
    )


def _id_in(query: str) -> int | None:
    """The appeal whose number this is. One phone in ten has a right check digit by chance."""
    digits = sum(char.isdigit() for char in query)
    is_phone = digits >= 10 and _is_like_phone(query) and normal_phone(query) != ""
    is_phone = is_phone and not _WHOLE_NUMBER.fullmatch(query)
    return None if is_phone else id_of(query)


def phone_in(actor: Actor, query: str) -> str:
    """The query as a phone, where it is one and the actor may search by it; "" otherwise."""
    if _id_in(query) is None and _is_like_phone(query) and may_search_phones(actor):
        return normal_phone(query)
    return ""


def matching(
    found: QuerySet[Appeal], actor: Actor, query: str, *, by_words: bool = False
) -> tuple[str, QuerySet[Appeal]]:
    """What the query is taken for (number, phone, ending, misread, words), and those of `found`
    that it finds.
    """
    if by_words:
        return "words", words.search(found, words_to_search(actor, query))
    appeal_id = _id_in(query)
    if appeal_id is not None:
        return "number", found.filter(pk=appeal_id)
    if phone := phone_in(actor, query):
        return "phone", found.filter(caller=blind(phone))
    digits = re.sub(r"\D", "", query)
    if _DIGITS.fullmatch(query) and 4 <= len(digits) <= 8:
        ending = found.filter(pk__in=_ending(digits))
        if ending.exists():
            return "ending", ending
    if _WHOLE_NUMBER.fullmatch(query):
        return "misread", found.none()
    if _is_like_phone(query) and may_search_phones(actor):
        return "phone", found.none()
    return "words", words.search(found, words_to_search(actor, query))


def _ending(digits: str) -> list[int]:
    """The newest ids whose numbers end with these digits, the last of which is the check digit.

    No index holds that, nor needs to: such ids lie apart by a power of ten.
    """
    apart = 10 ** (len(digits) - 1)
    newest = Appeal.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    first = newest - (newest - int(digits[:-1])) % apart
    alike = islice(range(first, 0, -apart), LOOKED_AT)
    return [each for each in alike if number_of(each)[-1] == digits[-1]]


def excerpt(text: str, query: str) -> SafeString:
    """The part of `text` where the first word of `query` stands, those words marked; "" where none
    stands in it as it was typed. `text` is what its reader may have.
    """
    parts = [re.escape(part) for part in query.split()][:8]
    pattern = re.compile("|".join(sorted(parts, key=len, reverse=True)) or r"(?!)", re.IGNORECASE)
    first = pattern.search(text)
    if first is None:
        return mark_safe("")  # nothing
    start = max(0, first.start() - BEFORE)
    shown = " ".join(text[start : start + LONG].split())
    pieces, end = [], 0
    for found in pattern.finditer(shown):
        pieces += [(shown[end : found.start()], found[0])]
        end = found.end()
    marked = format_html_join("", "{}<mark>{}</mark>", pieces)
    rest = conditional_escape(shown[end:] + ("…" if start + LONG < len(text) else ""))
    return conditional_escape("…" if start else "") + marked + rest


def found(actor: Actor, wanted: Filter) -> tuple[str, QuerySet[Appeal]]:
    """What a filter finds in the actor's scope, and how: see `matching`, "" where no words were
    looked for.
    """
    appeals = wanted.apply(inboxes.visible(actor), actor)
    if not wanted.q:
        return "", appeals
    return matching(appeals, actor, wanted.q, by_words=wanted.by == "words")
