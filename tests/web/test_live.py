"""Live updates through the real server: who may follow what, and what is told to whom."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, file_one
from tests.live import Live, until
from yinghu.appeals import loop
from yinghu.people.access import requester_of
from yinghu.people.models import User
from yinghu.web import presence
from yinghu.web.live import desks_touched
from yinghu.web.models import Viewing

PATIENCE = 15.0


class Ears:
    """An open stream: `next()` is the name of the next event."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()

    def next(self) -> str:
        for line in self._lines:
            if line.startswith("event: ") and line != "event: here":
                return line.removeprefix("event: ")
        raise AssertionError("the stream has ended")


@contextlib.contextmanager
def listening(live: Live, query: str, username: str = "") -> Iterator[Ears]:
    cookies = {}
    if username:
        client = Client()
        client.force_login(User.objects.get(username=username))
        cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    with (
        httpx.Client(base_url=live.url, timeout=PATIENCE, cookies=cookies) as http,
        http.stream("GET", f"/live?{query}") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Ears(answer)


def test_a_desk_is_told_of_a_filing_within_a_second(live: Live, live_city: Cast) -> None:
    with listening(live, "desk=triage", "clerk") as ears:
        assert ears.next() == "desk"
        file_one()
        assert ears.next() == "desk"


def test_a_requester_hears_of_the_own_appeal_and_of_no_other(live: Live, live_city: Cast) -> None:
    mine, other = file_one(), file_one(phone="")
    with listening(live, f"t={mine.token}&version={mine.version}") as ears:
        loop.note(other.pk, live_city.clerk, why="x")
        loop.note(mine.pk, live_city.clerk, why="x")
        assert ears.next() == "case"
        mine.refresh_from_db()
    with listening(live, f"t={mine.token}&version=1") as ears:
        # What happened between the page and the stream is told at once.
        assert ears.next() == "case"


def test_a_desk_and_the_case_open_beside_it_share_one_stream(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    query = f"desk=triage&case={appeal.number}&version={appeal.version}"
    with listening(live, query, "clerk") as ears:
        assert ears.next() == "desk"
        loop.note(appeal.pk, live_city.clerk, why="x")
        assert {ears.next(), ears.next(), ears.next()} == {"case", "desk", "viewers"}


@pytest.mark.parametrize(
    ("query", "username"),
    [
        ("", ""),
        ("desk=triage", ""),
        ("desk=triage", "volunteer"),
        ("desk=nothing", "clerk"),
        ("t=1-aaaaaaaaaaaaaaaaaaaaaaaa", ""),
        ("case=0000-0000-0", "clerk"),
        ("case=MINE", "urban-handler"),
        ("case=MINE", ""),
    ],
)
def test_what_one_may_not_see_one_may_not_follow(
    live: Live, live_city: Cast, query: str, username: str
) -> None:
    appeal = file_one()
    query = query.replace("MINE", appeal.number)
    with pytest.raises(AssertionError, match="403"), listening(live, query, username):
        pass


def test_the_stream_lives_on_when_the_database_drops_its_listener(
    live: Live, live_city: Cast
) -> None:
    from django.db import connection

    with listening(live, "desk=board", "commander") as ears:
        assert ears.next() == "desk"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'yinghu live' AND datname = current_database()"
            )
        # Whoever listens again tells everybody to look: something may have been missed.
        assert ears.next() == "desk"
        file_one()
        assert ears.next() == "desk"


def test_which_desks_a_verb_touches_is_read_from_the_table() -> None:
    assert desks_touched("file") == {"triage", "board"}
    assert desks_touched("sort") == {"triage", "dispatch", "board"}
    assert desks_touched("resolve") == {"inbox", "field", "callback", "board"}
    assert desks_touched("close") == {"callback", "board"}
    assert "triage" in desks_touched("something-new")


def names(client: Client, number: str) -> str:
    """Who else has the case open, as a desk's page says it."""
    part = client.get(f"/desk/case/{number}?part=viewers")
    assert part.status_code == 200
    return part.content.decode()


def test_colleagues_know_who_else_has_the_case_open(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    query = f"case={appeal.number}&version={appeal.version}"
    clerk, dispatcher = Client(), Client()
    clerk.force_login(User.objects.get(username="clerk"))
    dispatcher.force_login(User.objects.get(username="dispatcher"))
    with listening(live, query, "clerk") as ears:
        assert ears.next() == "viewers"
        assert names(clerk, appeal.number).strip() == ""
        with listening(live, query, "dispatcher") as others:
            assert others.next() == "viewers"
            # Nothing about the case has changed: it is not asked for again.
            assert ears.next() == "viewers"
            assert "派单员老陈" in names(clerk, appeal.number)
            assert "研判员小周" in names(dispatcher, appeal.number)
        assert ears.next() == "viewers"
        assert "派单员老陈" not in names(clerk, appeal.number)
    until(lambda: not Viewing.objects.exists(), "the last one to be gone")


def test_a_second_page_of_ones_own_is_nobody_else(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    query = f"case={appeal.number}&version={appeal.version}"
    dispatcher = Client()
    dispatcher.force_login(User.objects.get(username="dispatcher"))
    with listening(live, query, "clerk") as ears:
        assert ears.next() == "viewers"
        with listening(live, query, "clerk"):
            pass
        loop.note(appeal.pk, live_city.dispatcher, why="x")
        assert ears.next() == "case"
        assert "研判员小周" in names(dispatcher, appeal.number)


def test_ghosts_are_forgotten_and_outsiders_learn_no_name(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    clerk = User.objects.get(username="clerk")
    Viewing.objects.create(appeal=appeal, user=clerk)
    assert presence.others(live_city.dispatcher, appeal) == [clerk]
    loop.sort(appeal.pk, live_city.clerk, category="milk")
    loop.assign(appeal.pk, live_city.dispatcher, unit="milk")
    appeal.refresh_from_db()
    assert presence.others(live_city.milk, appeal) == [clerk]
    assert presence.others(live_city.volunteer, appeal) == []
    assert presence.others(requester_of(appeal.pk), appeal) == []
    stranger = Client()
    stranger.force_login(User.objects.get(username="food-handler"))
    assert stranger.get(f"/desk/case/{appeal.number}?part=viewers").status_code == 404
    Viewing.objects.update(seen_at=timezone.now() - presence.FORGOTTEN)
    assert presence.others(live_city.dispatcher, appeal) == []
    presence.here(live_city.dispatcher.user_id or 0, appeal.pk)
    assert Viewing.objects.get().user.username == "dispatcher"
