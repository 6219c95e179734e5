"""Access filters agree with the checks of a single case; scopes of the board."""

from __future__ import annotations

import itertools

import pytest

from tests.cast import Cast, file_one
from yinghu.appeals.models import Appeal
from yinghu.people.access import (
    SYSTEM,
    Actor,
    Grant,
    board_scopes,
    desks_of,
    may_reveal,
    may_see,
    requester_of,
    revealed_q,
    visible_q,
)
from yinghu.people.models import Role, Unit


def cases(*holders: int | None) -> None:
    """Create an appeal for each combination of town, unit, holder and status."""
    units = [None, *Unit.objects.filter(code__in=("milk", "food")).values_list("pk", flat=True)]
    areas = (None, "330782008", "330782100")
    statuses = ("assigned", "handling", "waiting", "resolved")
    for area, unit, holder, status in itertools.product(areas, units, holders, statuses):
        appeal = file_one(phone="")
        Appeal.objects.filter(pk=appeal.pk).update(
            area=area, unit=unit, holder=holder, status=status
        )


def test_access_filters_agree_with_the_single_case_checks(city: Cast) -> None:
    milk, food = Unit.objects.get(code="milk").pk, Unit.objects.get(code="food").pk
    me = city.volunteer.user_id
    cases(None, me, city.milk.user_id)

    def of(*grants: Grant) -> Actor:
        units = frozenset(grant.unit_id for grant in grants if grant.role != Role.CLERK)
        return Actor("user", me, "", grants, unit_ids=units)

    helper = Grant(Role.VOLUNTEER, milk)
    actors = (
        *(SYSTEM, requester_of(Appeal.objects.order_by("pk")[3].pk), city.clerk, city.milk),
        *(city.volunteer, of(), of(helper)),
        of(helper, Grant(Role.CLERK, food)),
        of(helper, Grant(Role.CLERK, food, "330782008")),
        of(helper, Grant(Role.HANDLER, food)),
        of(helper, Grant(Role.VOLUNTEER, food), Grant(Role.HEAD, milk, "330782008")),
    )
    for actor in actors:
        seen = Appeal.objects.filter(visible_q(actor))
        everyone = list(Appeal.objects.all())
        assert set(seen) == {case for case in everyone if may_see(actor, case)} or actor is SYSTEM
        shown = {case for case in seen if may_reveal(actor, case)}
        assert set(seen.filter(revealed_q(actor))) == shown
        revealed = revealed_q(actor)
        assert set(seen.exclude(revealed) if revealed else ()) == set(seen) - shown


@pytest.mark.parametrize(
    ("grants", "scopes"),
    [
        ([Grant(Role.HEAD, 1)], ()),
        ([Grant(Role.HEAD, 1, "330782008")], ("330782008",)),
        ([Grant(Role.HEAD, 1), Grant(Role.HEAD, 2, "330782008")], ("330782008",)),
        ([Grant(Role.HEAD, 1), Grant(Role.COMMANDER, 2)], ("",)),
        ([Grant(Role.CLERK, 1)], ("",)),
        ([Grant(Role.ADMIN, 1)], ("",)),
        (
            [Grant(Role.DISPATCHER, 1, "330782100"), Grant(Role.CLERK, 1, "3307")],
            ("3307", "330782100"),
        ),
        ([Grant(Role.VOLUNTEER, 1), Grant(Role.HANDLER, 1)], ()),
        ([], ()),
    ],
)
def test_board_scopes_follow_from_posts(grants: list[Grant], scopes: tuple[str, ...]) -> None:
    actor = Actor("user", 1, "", tuple(grants))
    assert board_scopes(actor) == scopes
    assert ("board" in desks_of(actor)) is bool(scopes)
