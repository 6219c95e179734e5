"""Reply templates: select those that fit a case and fill them in."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from yinghu.appeals.models import Appeal, Category, ReplyTemplate
from yinghu.appeals.verb import Verb
from yinghu.common.language import name_of


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with the case's number, unit and category filled in."""

    pk: int
    verb: str
    name: str
    words: str


def for_verbs(
    appeal: Appeal, verbs: Collection[Verb], category: Category | None = None
) -> dict[str, list[Filled]]:
    """Return the templates that fit the case by verb name, in order, in one query.

    `category` is used if the case has none yet. A unit's templates are offered for its own cases,
    those without a unit for all.
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
    for places, value in (
        (("{编号}", "{number}"), appeal.number),
        (("{单位}", "{unit}"), name_of(appeal.unit) if appeal.unit else ""),
        (("{类别}", "{category}"), name_of(category) if category else ""),
    ):
        for place in places:
            words = words.replace(place, value)
    return words
