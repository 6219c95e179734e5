"""Routing: the first active rule, in order, whose conditions all hold chooses the unit."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from django.db import transaction
from django.utils.translation import gettext as _

from yinghu.appeals import actions, moving
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import Status
from yinghu.people.access import Actor, may_see
from yinghu.routing.models import RoutingRule

LOOKED_AT: Final = (
    *("id", "version", "status", "category_id", "klass", "area_id", "channel", "answers"),
    *("unit_id", "holder_id"),
)
"""Columns of an appeal that routing and the permission to see it depend on."""
WAITING: Final = 500
"""Cases at the dispatch desk that are sent at once, and on which changed rules are tried."""


class Routable(Protocol):
    """The columns that rules look at."""

    category_id: str | None
    klass: str
    area_id: str | None
    channel: str
    answers: dict[str, object]


class Condition(NamedTuple):
    """One condition that a rule may set. A rule whose column is empty does not set it."""

    name: str
    holds: Callable[[RoutingRule, Routable], bool]


def under(prefix: str, code: str | None) -> bool:
    """Is `code` in the category `prefix`? `medicine` covers `medicine.fever`, not `medicines`."""
    return not prefix or code == prefix or (code or "").startswith(prefix + ".")


CONDITIONS: Final = (
    Condition("category", lambda rule, appeal: under(rule.category, appeal.category_id)),
    Condition("klass", lambda rule, appeal: rule.klass == appeal.klass),
    Condition("area", lambda rule, appeal: (appeal.area_id or "").startswith(rule.area)),
    Condition("channel", lambda rule, appeal: rule.channel == appeal.channel),
    Condition("field", lambda rule, appeal: str(appeal.answers.get(rule.field, "")) == rule.value),
)
"""Named as the rule's columns, in the order in which they are shown."""


def conditions_of(rule: RoutingRule) -> list[Condition]:
    """Return the conditions that a rule sets."""
    return [each for each in CONDITIONS if getattr(rule, each.name)]


def route(appeal: Routable, rules: Iterable[RoutingRule] | None = None) -> RoutingRule | None:
    """Return the first of the rules (by default the active ones) that takes the appeal, if any."""
    tried = active_rules() if rules is None else rules
    return next((r for r in tried if all(each.holds(r, appeal) for each in conditions_of(r))), None)


def active_rules() -> list[RoutingRule]:
    """Return the active rules in order, with their units."""
    found = RoutingRule.objects.filter(active=True, unit__active=True)
    return list(found.select_related("unit"))


def cases_to_dispatch() -> list[Appeal]:
    """Return cases waiting for dispatch, most urgent first, without those a unit returned."""
    found = Appeal.objects.filter(status=Status.SORTED).order_by("-urgency", "id")
    back = Event.objects.filter(appeal__in=found[:WAITING], verb=actions.RETURN.name)
    returned = set(back.values_list("appeal", flat=True))
    return [each for each in found.only(*LOOKED_AT)[:WAITING] if each.pk not in returned]


def send_waiting(actor: Actor) -> int:
    """Assign waiting cases by the rules, except returned ones; return how many."""
    rules = active_rules()
    sent = 0
    for appeal in cases_to_dispatch():
        rule = route(appeal, rules)
        if rule is None or not may_see(actor, appeal):
            continue
        why = _("规则 %d") % rule.order
        try:
            with transaction.atomic():
                actions.assign(
                    appeal.pk, actor, unit=rule.unit.code, why=why, expect=appeal.version
                )
        except moving.Refused:
            continue
        sent += 1
    return sent


def covers(earlier: RoutingRule, later: RoutingRule) -> bool:
    """Does the earlier rule take every appeal that fits the later, so that it never fires?"""
    return (
        under(earlier.category, later.category)
        and earlier.klass in ("", later.klass)
        and later.area.startswith(earlier.area)
        and earlier.channel in ("", later.channel)
        and (not earlier.field or (earlier.field, earlier.value) == (later.field, later.value))
    )
