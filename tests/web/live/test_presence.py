"""Presence: who has a case open is shown only to colleagues who may see the case."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from tests.cast import Cast, file_one
from tests.live import Live, until
from tests.web.live.test_stream import listening
from yinghu.appeals import handling_actions
from yinghu.appeals.models import Appeal
from yinghu.people.access import Actor
from yinghu.people.models import User
from yinghu.web.live.presence import FRESH, others
from yinghu.web.models import Viewing


def opens(actor: Actor, appeal: Appeal, seconds_ago: float = 0) -> None:
    assert actor.user_id is not None
    Viewing.objects.create(
        user_id=actor.user_id,
        appeal=appeal,
        seen_at=timezone.now() - timedelta(seconds=seconds_ago),
    )


def names(appeal: Appeal, reader: Actor) -> set[str]:
    return {str(user) for user in others(reader, appeal)}


def test_requester_is_not_told_of_viewers(live: Live, live_city: Cast) -> None:
    case = file_one()
    live.drain()
    with listening(live, f"t={case.token}&version={case.version}") as requester:
        assert requester.hear() == "here"
        with listening(live, f"case={case.number}&version={case.version}", "clerk") as clerk:
            assert clerk.next() == "viewers"
        handling_actions.ask(case.pk, live_city.clerk, words="哪家医院？")
        assert requester.next() == "case"


def test_viewers_of_a_dead_process_are_removed(live: Live, live_city: Cast) -> None:
    case = file_one()
    live.drain()
    with listening(live, f"case={case.number}&version={case.version}", "clerk") as clerk:
        assert clerk.next() == "viewers"
        opens(live_city.dispatcher, case, FRESH - 1)
        # A living process removes the entry and tells the other viewers.
        until(
            lambda: not Viewing.objects.filter(user=live_city.dispatcher.user_id).exists(),
            "the name to go",
        )
        assert clerk.next() == "viewers"


def test_stale_and_inactive_viewers_are_not_shown(city: Cast) -> None:
    case = file_one()
    opens(city.dispatcher, case, FRESH - 5)
    opens(city.commander, case, FRESH + 1)
    assert names(case, city.clerk) == {city.dispatcher.name}
    User.objects.filter(username="dispatcher").update(is_active=False)
    assert names(case, city.clerk) == set()
