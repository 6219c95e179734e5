"""Words that a desk starts from when it does a verb: which ones fit a case, filled in for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from yinghu.appeals.models import Appeal, Category, ReplyTemplate
from yinghu.appeals.verb import Verb
from yinghu.common.language import is_english


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with the case's number, unit and category in their places."""

    pk: int
    verb: str
    name: str
    words: str


def for_verbs(
    appeal: Appeal, verbs: Collection[Verb], category: Category | None = None
) -> dict[str, list[Filled]]:
    """The templates that fit the case, by the verb's name, in their order; one query.

    `category` stands in where nobody has decided one yet. A unit's templates are offered for what
    that unit holds, those of no unit for everything.
    """
    category = appeal.category or category
    code = category.pk if category else ""
    prefixes = [
        "",
        *(code[:at] for at in range(1, len(code) + 1) if code[at : at + 1] in ("", ".")),
    ]
    found = ReplyTemplate.objects.filter(
        Q(unit=None) | Q(unit=appeal.unit_id),
        active=True,
        verb__in=[verb.name for verb in verbs],
        category__in=prefixes,
    )
    by_verb: dict[str, list[Filled]] = {}
    for each in found.order_by("order", "pk"):
        filled = Filled(each.pk, each.verb, each.name, _fill(each.words, appeal, category))
        by_verb.setdefault(each.verb, []).append(filled)
    return by_verb


def _fill(words: str, appeal: Appeal, category: Category | None) -> str:
    english = is_english()

    def name(thing: Category | None) -> str:
        return ((english and thing.name_en) or thing.name) if thing else ""

    unit = appeal.unit
    unit_name = ((english and unit.name_en) or unit.name) if unit else ""
    for places, value in (
        (("{编号}", "{number}"), appeal.number),
        (("{单位}", "{unit}"), unit_name),
        (("{类别}", "{category}"), name(category)),
    ):
        for place in places:
            words = words.replace(place, value)
    return words
