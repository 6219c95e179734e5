"""Live updates through the real server: who may follow what, and what is told to whom."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import pytest
from django.test import Client

from tests.cast import Cast, file_one
from tests.live import Live
from yinghu.appeals import loop
from yinghu.people.models import User
from yinghu.web.live import desks_touched

PATIENCE = 15.0


class Ears:
    """An open stream: `next()` is the name of the next event."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()

    def next(self) -> str:
        for line in self._lines:
            if line.startswith("event: "):
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
        assert {ears.next(), ears.next()} == {"case", "desk"}


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
