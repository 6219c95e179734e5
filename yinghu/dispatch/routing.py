"""Which unit an appeal goes to: the first rule, in order, whose every condition holds."""

from collections.abc import Iterable
from typing import Protocol

from yinghu.dispatch.models import RoutingRule


class Routable(Protocol):
    """What the rules look at."""

    category_id: str | None
    klass: str
    area_id: str | None
    channel: str
    answers: dict[str, object]


def fits(rule: RoutingRule, appeal: Routable) -> bool:
    """Whether every condition that the rule sets holds for the appeal."""
    return (
        _under(rule.category, appeal.category_id)
        and (not rule.klass or rule.klass == appeal.klass)
        and (appeal.area_id or "").startswith(rule.area)
        and (not rule.channel or rule.channel == appeal.channel)
        and (not rule.field or str(appeal.answers.get(rule.field, "")) == rule.value)
    )


def route(appeal: Routable, rules: Iterable[RoutingRule] | None = None) -> RoutingRule | None:
    """The rule that takes the appeal, or None where the dispatch desk must decide.

    `rules` saves the query where many appeals are routed at once (`active_rules`).
    """
    return next((rule for rule in rules or active_rules() if fits(rule, appeal)), None)


def active_rules() -> list[RoutingRule]:
    """The rules in force, in order, their units at hand."""
    found = RoutingRule.objects.filter(active=True, unit__active=True)
    return list(found.select_related("unit"))


def _under(prefix: str, code: str | None) -> bool:
    """Category prefixes end at a dot: `medicine` covers `medicine.fever`, not `medicines`."""
    return not prefix or code == prefix or (code or "").startswith(prefix + ".")
