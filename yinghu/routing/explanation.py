"""Why no rule, or which one, takes an appeal; and what other rules would change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from yinghu.dispatch.models import RoutingRule
from yinghu.routing.routing import Routable, asked, covers, route


@dataclass(frozen=True, slots=True)
class Tried:
    """What one rule made of an appeal: the names of the conditions that hold, and that do not.

    Names are those of `routing.CONDITIONS`; a rule whose `failed` is empty takes the appeal.
    """

    rule: RoutingRule
    held: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return not self.failed

    @property
    def first(self) -> str:
        """The first condition that fails, "" where none does."""
        return self.failed[0] if self.failed else ""

    @property
    def near(self) -> bool:
        """Whether one thing alone is missing, and the rest is not nothing."""
        return len(self.failed) == 1 and bool(self.held)


@dataclass(frozen=True, slots=True)
class Moved:
    """An appeal that other rules would send elsewhere; None is the dispatch desk."""

    appeal: Routable
    before: RoutingRule | None
    after: RoutingRule | None


def trail(appeal: Routable, rules: Iterable[RoutingRule]) -> list[Tried]:
    """What each rule makes of the appeal, in order, up to the one that takes it."""
    found = []
    for rule in rules:
        held: list[str] = []
        failed: list[str] = []
        for each in asked(rule):
            (held if each.holds(rule, appeal) else failed).append(each.name)
        found.append(Tried(rule, tuple(held), tuple(failed)))
        if not failed:
            break
    return found


def concerns(tried: Tried) -> bool:
    """Whether somebody who asks why the appeal was not taken should hear of this rule: one that
    names its category, or names none and has something else in common with it.
    """
    if tried.fits or not tried.held:
        return False
    return "category" in tried.held or not tried.rule.category


def nearest(tried: Sequence[Tried]) -> list[Tried]:
    """Those that came nearest first: by what is missing, then by what is there, then in order."""
    return sorted(tried, key=lambda each: (len(each.failed), -len(each.held), each.rule.order))


def moved(
    appeals: Iterable[Routable], before: Sequence[RoutingRule], after: Sequence[RoutingRule]
) -> list[Moved]:
    """The appeals that would go to another unit under the rules `after` than under `before`."""
    found = []
    for appeal in appeals:
        old, new = route(appeal, before), route(appeal, after)
        if (old and old.unit_id) != (new and new.unit_id):
            found.append(Moved(appeal, old, new))
    return found


def shadowed(rules: Sequence[RoutingRule]) -> dict[int, RoutingRule]:
    """Rules (by id) that never fire, each with the earlier one that has it all."""
    found: dict[int, RoutingRule] = {}
    for at, later in enumerate(rules):
        first = next((each for each in rules[:at] if covers(each, later)), None)
        if first is not None:
            found[later.pk] = first
    return found
