"""The clocks of a case end with it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest
from django.db import connection
from django.utils import timezone

from tests.cast import Cast, file_one, requester
from tests.oversight.clock import pass_time, sweep_all
from tests.oversight.test_rulings import login
from tests.oversight.test_whistles import at_community
from yinghu.appeals import clocks, closing_actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import ClockKind
from yinghu.people.models import Unit

pytestmark = pytest.mark.django_db


def every_clock(appeal: Appeal) -> None:
    """Let a clock of each kind run for the case."""
    now, unit = timezone.now(), Unit.objects.get(code="bureau-health")
    for kind in ClockKind:
        clocks.begin(appeal.pk, kind, now, 60, unit=unit.pk)


ENDS: dict[str, Callable[[Appeal, Cast], object]] = {
    "closed": lambda appeal, city: closing_actions.close(appeal.pk, city.clerk),
    "withdrawn": lambda appeal, _city: closing_actions.withdraw(appeal.pk, requester(appeal)),
    "merged": lambda appeal, city: closing_actions.merge(
        appeal.pk, city.dispatcher, master=file_one("烧烤摊油烟呛人").pk
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_clocks_of_every_kind_end_with_the_case(city: Cast, end: str) -> None:
    appeal = at_community(city)
    if end == "closed":
        handling_actions.resolve(appeal.pk, login("community-head"), words="办好了")
    every_clock(appeal)
    ENDS[end](appeal, city)
    appeal.refresh_from_db()
    assert appeal.status == end
    assert set(clocks.running(appeal.pk).values_list("kind", flat=True)) == {"grade"}
    assert not clocks.running(appeal.pk).filter(paused_at=None).exists()
    events = appeal.events.count()
    pass_time(1000, appeal)
    sweep_all()
    assert appeal.events.count() == events


def test_declined_case_has_no_clocks(city: Cast) -> None:
    appeal = file_one("烧烤摊油烟太大")
    every_clock(appeal)
    closing_actions.decline(appeal.pk, city.clerk, words="不归本市管")
    assert not clocks.running(appeal.pk).filter(paused_at=None).exists()


def test_upgrade_ends_the_clocks_of_ended_cases(city: Cast) -> None:
    ended, alive, alarmed = at_community(city), at_community(city), at_community(city)
    for appeal in (ended, alarmed):
        closing_actions.withdraw(appeal.pk, requester(appeal))
    for appeal in (ended, alive, alarmed):
        every_clock(appeal)
    Appeal.objects.filter(pk=alarmed.pk).update(alarmed=True)
    upgrade = import_module("yinghu.appeals.migrations.0014_clocks_of_ended_cases")
    with connection.cursor() as cursor:
        cursor.execute(upgrade._STOP)
    assert running(ended) == set()
    assert running(alive) == {kind.value for kind in ClockKind}
    assert running(alarmed) == {"alarm", "judge"}


def running(appeal: Appeal) -> set[str]:
    """Kinds of the clocks that run and are not paused."""
    live = clocks.running(appeal.pk).filter(paused_at=None)
    return set(live.values_list("kind", flat=True))
