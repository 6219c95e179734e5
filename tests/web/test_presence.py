"""Who has a case open: told to colleagues who may see it, and to nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.cast import Cast, file_one, taken_milk
from tests.live import Live, until
from tests.web.conftest import Browse, text_of
from tests.web.test_live import listening
from yinghu.appeals import loop
from yinghu.appeals.models import Appeal
from yinghu.people.access import Actor, requester_of
from yinghu.people.models import User
from yinghu.web.models import Viewing
from yinghu.web.presence import FRESH, colleagues_at


def opens(actor: Actor, appeal: Appeal, seconds_ago: float = 0) -> None:
    assert actor.user_id is not None
    Viewing.objects.create(
        user_id=actor.user_id,
        appeal=appeal,
        seen_at=timezone.now() - timedelta(seconds=seconds_ago),
    )


def names(appeal: Appeal, reader: Actor) -> set[str]:
    return {str(user) for user in colleagues_at(appeal, reader)}


def test_opening_a_case_is_told_to_those_who_have_it_open_and_leaving_it_too(
    live: Live, live_city: Cast
) -> None:
    case = file_one()
    query = f"desk=triage&case={case.number}&version={case.version}"
    with listening(live, query, "clerk") as clerk:
        assert {clerk.next(), clerk.next()} == {"desk", "viewers"}
        with listening(live, f"case={case.number}&version={case.version}", "commander") as other:
            assert other.next() == "viewers"
            assert clerk.next() == "viewers"
            assert Viewing.objects.filter(appeal=case).count() == 2
            # The same login at a second browser is no other person.
            with listening(live, f"case={case.number}&version={case.version}", "clerk"):
                pass
        assert clerk.next() == "viewers"
        assert names(case, live_city.commander) == {live_city.clerk.name}
    until(lambda: not Viewing.objects.exists(), "the last one to be gone")


def test_a_requester_hears_nothing_of_who_looks(live: Live, live_city: Cast) -> None:
    case = file_one()
    with listening(live, f"t={case.token}&version={case.version}") as requester:
        assert requester.hear() == "here"
        with listening(live, f"case={case.number}&version={case.version}", "clerk") as clerk:
            assert clerk.next() == "viewers"
        loop.note(case.pk, live_city.clerk, why="x")
        assert requester.next() == "case"


def test_what_a_process_that_died_had_said_is_over_soon(live: Live, live_city: Cast) -> None:
    case = file_one()
    with listening(live, f"case={case.number}&version={case.version}", "clerk") as clerk:
        assert clerk.next() == "viewers"
        opens(live_city.dispatcher, case, FRESH - 1)
        # Swept away by whoever lives, and those who look are told.
        until(
            lambda: not Viewing.objects.filter(user=live_city.dispatcher.user_id).exists(),
            "the name to go",
        )
        assert clerk.next() == "viewers"


def test_whoever_was_not_seen_for_long_is_not_shown(city: Cast) -> None:
    case = file_one()
    opens(city.dispatcher, case, FRESH - 5)
    opens(city.commander, case, FRESH + 1)
    assert names(case, city.clerk) == {city.dispatcher.name}
    User.objects.filter(username="dispatcher").update(is_active=False)
    assert names(case, city.clerk) == set()


def test_names_of_colleagues_only(browse: Browse, city: Cast) -> None:
    case = taken_milk(city)
    for actor in (city.clerk, city.milk, city.volunteer, city.volunteer_2):
        opens(actor, case)
    serving = {city.milk.name, city.volunteer.name, city.volunteer_2.name}
    assert names(case, city.clerk) == serving
    # A volunteer sees who serves beside them, and no desk's people.
    assert names(case, city.volunteer) <= serving - {city.volunteer.name}
    assert city.milk.name in names(case, city.volunteer)
    assert names(case, requester_of(case.pk)) == set()
    address = f"/desk/case/{case.number}/viewers"
    assert city.milk.name in text_of(browse("clerk").get(address))
    assert browse("urban-handler").get(address).status_code == 404
    assert browse().get(address).status_code == 302
    assert city.milk.name not in text_of(browse().get(f"/t/{case.token}"))


@pytest.mark.parametrize(
    ("others", "says"), [(1, "也开着这件"), (2, "也都开着这件"), (5, "等 5 人也开着这件")]
)
def test_few_by_name_and_many_by_number(browse: Browse, city: Cast, others: int, says: str) -> None:
    case = file_one()
    staff = (city.dispatcher, city.commander, city.operator, city.town_head, city.urban)
    for actor in staff[:others]:
        opens(actor, case)
    assert says in text_of(browse("clerk").get(f"/desk/case/{case.number}"))
