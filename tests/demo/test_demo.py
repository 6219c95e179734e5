"""The demo city is complete: every unit that a routing rule names has staff."""

from __future__ import annotations

import pytest

from tests.cast import Cast
from yinghu import demo
from yinghu.appeals.models import Appeal
from yinghu.people.models import Post, Role, Unit, User
from yinghu.reactions import react
from yinghu.routing.models import RoutingRule

pytestmark = pytest.mark.django_db


def test_loading_twice_changes_nothing(city: Cast) -> None:
    before = (User.objects.count(), Post.objects.count(), Unit.objects.count())
    assert not demo.load()
    demo.load_city()
    demo.load_people()
    assert (User.objects.count(), Post.objects.count(), Unit.objects.count()) == before


def test_every_unit_named_by_a_rule_has_a_handler_or_head(city: Cast) -> None:
    staffed = Post.objects.filter(role__in=(Role.HANDLER, Role.HEAD)).values("unit")
    assert not RoutingRule.objects.exclude(unit__in=staffed).exists()


def test_demo_users_have_no_usable_password(city: Cast) -> None:
    assert all(not user.has_usable_password() for user in User.objects.all())
    assert dict(demo.logins()).keys() == set(User.objects.values_list("username", flat=True))


def test_demo_appeals_are_loaded_once_and_cover_every_stage(city: Cast) -> None:
    assert demo.load_appeals() == Appeal.objects.count() > 15
    assert demo.load_appeals() == 0
    statuses = set(Appeal.objects.values_list("status", flat=True))
    assert statuses == {"filed", "assigned", "handling", "resolved", "closed"}
    react(events=list(Appeal.objects.values_list("events__pk", flat=True)))
    assert set(Appeal.objects.values_list("status", flat=True)) == statuses
