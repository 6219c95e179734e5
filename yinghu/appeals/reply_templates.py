"""Reply templates: select those that fit a case and fill them in."""

from collections.abc import Collection

from django.db.models import Q

from yinghu.appeals.models import Appeal, Category, ReplyTemplate
from yinghu.appeals.verb import Verb
from yinghu.common.language import name_of


def for_verbs(
    appeal: Appeal, verbs: Collection[Verb], category: Category | None = None
) -> dict[str, list[ReplyTemplate]]:
    """Return the templates that fit the case by verb name, filled in, in order, in one query.

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
    number, unit = appeal.number, name_of(appeal.unit) if appeal.unit else ""
    kind = name_of(category) if category else ""
    values = {"编号": number, "单位": unit, "类别": kind}
    values |= {"number": number, "unit": unit, "category": kind}
    by_verb: dict[str, list[ReplyTemplate]] = {}
    for each in found.order_by("order", "pk"):
        for name, value in values.items():
            # What the case lacks stays a gap, with which the reply is not sent.
            each.words = each.words.replace(f"{{{name}}}", value or f"{{{name}}}")
        by_verb.setdefault(each.verb, []).append(each)
    return by_verb
