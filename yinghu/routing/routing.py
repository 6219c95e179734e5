"""Which unit an appeal goes to: the first rule, in order, whose every condition holds."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from yinghu.dispatch.models import RoutingRule


class Routable(Protocol):
    """What the rules look at."""

    category_id: str | None
    klass: str
    area_id: str | None
    channel: str
    answers: dict[str, object]


class Condition(NamedTuple):
    """One thing that a rule may ask of an appeal. A rule in which it is empty does not ask."""

    name: str
    holds: Callable[[RoutingRule, Routable], bool]


def under(prefix: str, code: str | None) -> bool:
    """Category prefixes end at a dot: `medicine` covers `medicine.fever`, not `medicines`."""
    return not prefix or code == prefix or (code or "").startswith(prefix + ".")


CONDITIONS: Final = (
    Condition("category", lambda rule, appeal: under(rule.category, appeal.category_id)),
    Condition("klass", lambda rule, appeal: rule.klass == appeal.klass),
    Condition("area", lambda rule, appeal: (appeal.area_id or "").startswith(rule.area)),
    Condition("channel", lambda rule, appeal: rule.channel == appeal.channel),
    Condition("field", lambda rule, appeal: str(appeal.answers.get(rule.field, "")) == rule.value),
)
"""Named as the rule's columns, in the order in which they are said."""


def asked(rule: RoutingRule) -> list[Condition]:
    """The conditions that a rule sets."""
    return [each for each in CONDITIONS if getattr(rule, each.name)]


def fits(rule: RoutingRule, appeal: Routable) -> bool:
    """Whether every condition that the rule sets holds for the appeal."""
    return all(each.holds(rule, appeal) for each in asked(rule))


def route(appeal: Routable, rules: Iterable[RoutingRule] | None = None) -> RoutingRule | None:
    """The rule that takes the appeal, or None where the dispatch desk must decide.

    `rules` saves the query where many appeals are routed at once (`active_rules`).
    """
    tried = active_rules() if rules is None else rules
    return next((rule for rule in tried if fits(rule, appeal)), None)


def active_rules() -> list[RoutingRule]:
    """The rules in force, in order, their units at hand."""
    found = RoutingRule.objects.filter(active=True, unit__active=True)
    return list(found.select_related("unit"))


def covers(earlier: RoutingRule, later: RoutingRule) -> bool:
    """Whether whatever fits the later rule fits the earlier one, so that the later never fires."""
    return (
        under(earlier.category, later.category)
        and earlier.klass in ("", later.klass)
        and later.area.startswith(earlier.area)
        and earlier.channel in ("", later.channel)
        and (not earlier.field or (earlier.field, earlier.value) == (later.field, later.value))
    )
