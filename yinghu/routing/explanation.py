"""Which rule takes an appeal and why, and how other rules would change that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from yinghu.routing.models import RoutingRule
from yinghu.routing.routing import Routable, conditions_of, covers, route


@dataclass(frozen=True, slots=True)
class Tried:
    """The outcome of a rule: the `routing.CONDITIONS` that hold, and those that fail."""

    rule: RoutingRule
    held: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return not self.failed

    @property
    def first(self) -> str:
        """The first condition that fails, "" if none does."""
        return self.failed[0] if self.failed else ""

    @property
    def near(self) -> bool:
        """Does exactly one condition fail while others hold?"""
        return len(self.failed) == 1 and bool(self.held)


@dataclass(frozen=True, slots=True)
class Moved:
    """An appeal that other rules would send elsewhere; None is the dispatch desk."""

    appeal: Routable
    before: RoutingRule | None
    after: RoutingRule | None


def trail(appeal: Routable, rules: Iterable[RoutingRule]) -> list[Tried]:
    """Return the outcome of each rule for the appeal, in order, up to the one that takes it."""
    found = []
    for rule in rules:
        held: list[str] = []
        failed: list[str] = []
        for each in conditions_of(rule):
            (held if each.holds(rule, appeal) else failed).append(each.name)
        found.append(Tried(rule, tuple(held), tuple(failed)))
        if not failed:
            break
    return found


def concerns(tried: Tried) -> bool:
    """Does the rule share the appeal's category, or else another condition, without taking it?"""
    if tried.fits or not tried.held:
        return False
    return "category" in tried.held or not tried.rule.category


def closest_rules(tried: Sequence[Tried]) -> list[Tried]:
    """Sort by how close each rule came: fewest failed, then most held conditions, then order."""
    return sorted(tried, key=lambda each: (len(each.failed), -len(each.held), each.rule.order))


def moved(
    appeals: Iterable[Routable], before: Sequence[RoutingRule], after: Sequence[RoutingRule]
) -> list[Moved]:
    """Return the appeals that go to another unit under the rules `after` than under `before`."""
    found = []
    for appeal in appeals:
        old, new = route(appeal, before), route(appeal, after)
        if (old and old.unit_id) != (new and new.unit_id):
            found.append(Moved(appeal, old, new))
    return found


def shadowed(rules: Sequence[RoutingRule]) -> dict[int, RoutingRule]:
    """Return rules (by id) that never fire, each with the earlier rule that covers it."""
    found: dict[int, RoutingRule] = {}
    for at, later in enumerate(rules):
        first = next((each for each in rules[:at] if covers(each, later)), None)
        if first is not None:
            found[later.pk] = first
    return found
