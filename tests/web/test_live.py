"""Live updates through the real server: who may follow what, and what is told to whom."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import pytest
from django.db.models.functions import Now
from django.test import Client

from tests.cast import Cast, file_one, taken_milk
from tests.live import Live
from yinghu.appeals import loop
from yinghu.appeals.models import Appeal
from yinghu.people.models import Post, User
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
        heard = {ears.next()}
        while not heard >= {"case", "desk"}:
            heard.add(ears.next())


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


def viewers(appeal: Appeal, username: str) -> str:
    """The part of the case page that says who else has it open."""
    client = Client()
    client.force_login(User.objects.get(username=username))
    answer = client.get(f"/desk/case/{appeal.number}?part=viewers")
    return answer.content.decode() if answer.status_code == 200 else str(answer.status_code)


def test_whoever_has_a_case_open_sees_the_others_come_and_go(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    clerk, query = live_city.clerk.name, f"case={appeal.number}&version={appeal.version}"
    with listening(live, query, "commander") as ears:
        assert ears.next() == "viewers"
        with listening(live, f"desk=triage&{query}", "clerk") as theirs:
            assert theirs.next() == "desk"
            while clerk not in viewers(appeal, "commander"):
                assert ears.next() == "viewers"
            # The same person in two tabs is one person, until both are closed.
            with listening(live, query, "clerk") as again:
                assert again.next() == "viewers"
            assert viewers(appeal, "commander").count(clerk) == 1
            assert clerk not in viewers(appeal, "clerk")
        while clerk in viewers(appeal, "commander"):
            assert ears.next() == "viewers"


def test_opening_a_case_makes_nobody_fetch_a_list_or_the_case(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    query = f"case={appeal.number}&version={appeal.version}"
    with (
        listening(live, f"desk=board&{query}", "commander") as ears,
        listening(live, f"t={appeal.token}&version={appeal.version}") as requester,
    ):
        assert {ears.next(), ears.next()} == {"desk", "viewers"}
        with listening(live, query, "clerk") as theirs:
            assert theirs.next() == "viewers"
            while live_city.clerk.name not in viewers(appeal, "commander"):
                assert ears.next() == "viewers"
        loop.note(appeal.pk, live_city.clerk, why="x")
        heard = []
        while "case" not in heard:
            heard.append(ears.next())
        assert set(heard[: heard.index("case")]) <= {"viewers"}
        # The requester's first event is that of the note, not of who looked.
        assert requester.next() == "case"


def test_who_looks_is_not_for_volunteers_requesters_or_strangers(
    live: Live, live_city: Cast
) -> None:
    appeal = taken_milk(live_city)
    clerk = User.objects.get(username="clerk")
    Viewing.objects.create(user=clerk, appeal=appeal)
    assert str(clerk) in viewers(appeal, "milk-handler")
    assert viewers(appeal, "urban-handler") == "404"
    assert str(clerk) not in viewers(appeal, "volunteer")
    tracked = Client().get(f"/t/{appeal.token}?part=viewers").content.decode()
    assert str(clerk) not in tracked


def test_whoever_went_without_a_word_is_forgotten(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    clerk = User.objects.get(username="clerk")
    old = Viewing.objects.create(user=clerk, appeal=appeal)
    Viewing.objects.filter(pk=old.pk).update(seen_at=Now() - presence.GONE)
    assert str(clerk) not in viewers(appeal, "commander")
    assert presence.GONE.total_seconds() + presence.AGAIN <= 75
    assert live_city.commander.user_id is not None
    presence.stay(appeal.pk, live_city.commander.user_id)
    assert [each.user_id for each in Viewing.objects.all()] == [live_city.commander.user_id]


def test_whoever_may_no_longer_know_of_a_case_no_longer_has_it_open(
    live: Live, live_city: Cast
) -> None:
    appeal = taken_milk(live_city)
    handler = live_city.milk.user_id
    assert handler is not None
    presence.stay(appeal.pk, handler)
    assert Viewing.objects.filter(user=handler).exists()
    Post.objects.filter(user=handler).update(active=False)
    presence.stay(appeal.pk, handler)
    assert not Viewing.objects.exists()
