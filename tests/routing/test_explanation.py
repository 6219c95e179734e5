"""Explanation of routing: trail, closest rules, shadowed rules, effect of a change."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from yinghu.routing.explanation import closest_rules, moved, shadowed, trail
from yinghu.routing.models import RoutingRule
from yinghu.routing.routing import route


@dataclass
class Like:
    """A stand-in for an appeal, with the fields that rules read."""

    category_id: str | None = "medicine.fever"
    klass: str = "need"
    area_id: str | None = "330782008001"
    channel: str = "web"
    answers: dict[str, object] = field(default_factory=dict)


def rule(order: int, unit: int = 1, **given: str) -> RoutingRule:
    return RoutingRule(pk=order, order=order, unit_id=unit, **given)


MISSES = rule(10, category="milk")
ONE_SHORT = rule(20, category="medicine", klass="need", field="hospital", value="中心医院")
TWO_SHORT = rule(30, category="medicine", channel="sms", area="330783")
TAKES = rule(40, category="medicine", area="330782008")
AFTER = rule(50)


def test_trail_lists_held_and_failed_conditions_up_to_the_match() -> None:
    tried = trail(Like(), [MISSES, ONE_SHORT, TWO_SHORT, TAKES, AFTER])
    assert [(each.rule.order, each.held, each.failed) for each in tried] == [
        (10, (), ("category",)),
        (20, ("category", "klass"), ("field",)),
        (30, ("category",), ("area", "channel")),
        (40, ("category", "area"), ()),
    ]
    assert [each.first for each in tried] == ["category", "field", "area", ""]
    assert [each.near for each in tried] == [False, True, False, False]
    assert tried[-1].rule is route(Like(), [MISSES, ONE_SHORT, TWO_SHORT, TAKES, AFTER])


def test_closest_rules_come_first() -> None:
    tried = trail(Like(), [MISSES, TWO_SHORT, ONE_SHORT])
    assert [each.rule.order for each in closest_rules(tried)] == [20, 10, 30]


def test_without_rules_nothing_matches() -> None:
    assert trail(Like(), []) == []
    assert route(Like(), []) is None


@pytest.mark.parametrize(
    ("earlier", "later", "hides"),
    [
        ({}, {"category": "milk"}, True),
        ({"category": "medicine"}, {"category": "medicine.fever"}, True),
        ({"category": "medicine"}, {"category": "medicines"}, False),
        ({"category": "medicine.fever"}, {"category": "medicine"}, False),
        ({"category": "milk"}, {}, False),
        ({"area": "330782"}, {"area": "330782008", "klass": "need"}, True),
        ({"area": "330782008"}, {"area": "330782"}, False),
        ({"channel": "web"}, {"channel": "web"}, True),
        ({"channel": "web"}, {"channel": "sms"}, False),
        ({"field": "hospital", "value": "a"}, {"field": "hospital", "value": "a"}, True),
        ({"field": "hospital", "value": "a"}, {"field": "hospital", "value": "b"}, False),
        ({"field": "hospital", "value": "a"}, {}, False),
    ],
)
def test_rule_covered_by_an_earlier_one_is_shadowed(
    earlier: dict[str, str], later: dict[str, str], hides: bool
) -> None:
    first, second = rule(1, 1, **earlier), rule(2, 1, **later)
    assert shadowed([first, second]) == ({2: first} if hides else {})


def test_moved_lists_only_appeals_that_change_unit() -> None:
    milk = Like(category_id="milk")
    before = [rule(10, 1, category="medicine")]
    after = [rule(5, 1, category="medicine.fever"), rule(20, 2, category="milk")]
    assert [(each.appeal, each.before, each.after) for each in moved([Like(), milk], before, after)]
    assert moved([Like(), milk], before, after)[0].appeal is milk
    assert [each.after for each in moved([Like(), milk], before, [])] == [None]
