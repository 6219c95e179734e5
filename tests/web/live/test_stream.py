"""Live updates through the real server: permissions and events."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, file_one
from tests.live import Live, until
from yinghu.appeals import actions, handling_actions
from yinghu.people.access import requester_of
from yinghu.people.models import User
from yinghu.web.live import presence
from yinghu.web.live.hub import desks_touched
from yinghu.web.live.stream_permissions import public_version
from yinghu.web.models import Viewing

PATIENCE = 15.0


class Ears:
    """An open stream: `next()` returns the next event's name, skipping heartbeats; `mark` is the
    last event id received.
    """

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()
        self.mark = ""
        self.key = ""

    def next(self) -> str:
        while (name := self.hear()) == "here":
            pass
        return name

    def hear(self) -> str:
        """The name of the next event, heartbeats included."""
        name = ""
        for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("id: "):
                self.mark = line.removeprefix("id: ")
            elif line.startswith("data: "):
                self.key = json.loads(line.removeprefix("data: ")).get("key", "")
            elif not line and name:
                return name
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


def test_desk_is_told_of_a_filing(live: Live, live_city: Cast) -> None:
    with listening(live, "desk=triage", "clerk") as ears:
        assert ears.next() == "desk"
        file_one()
        assert ears.next() == "desk"


def test_new_page_is_told_only_what_it_missed(live: Live, live_city: Cast) -> None:
    live.drain()
    client = Client()
    client.force_login(User.objects.get(username="clerk"))
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    page = httpx.get(f"{live.url}/desk/triage", cookies=cookies, timeout=PATIENCE).text
    mark = re.search(r'<body[^>]* data-live-mark="([^"]+)"', page)
    assert mark is not None
    query = f"desk=triage~~{mark[1]}"
    with listening(live, query, "clerk") as ears:
        assert ears.hear() == "here"
        file_one()
        assert ears.next() == "desk"
    with listening(live, query, "clerk") as ears:
        assert ears.hear() == "desk"


def test_requester_is_told_of_their_own_case_only(live: Live, live_city: Cast) -> None:
    mine, other = file_one(), file_one(phone="")
    live.drain()
    with listening(live, f"t={mine.token}&version={mine.version}") as ears:
        actions.sort(other.pk, live_city.clerk, category="milk")
        actions.sort(mine.pk, live_city.clerk, category="milk")
        assert ears.next() == "case"
        mine.refresh_from_db()
    with listening(live, f"t={mine.token}&version=1") as ears:
        # Changes between loading the page and opening the stream are told at once.
        assert ears.next() == "case"


def test_internal_events_are_not_told_to_the_requester(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    live.drain()
    page = httpx.get(f"{live.url}/t/{appeal.token}").text
    version = re.search(r"/live\?t=[^&]+&amp;version=(\d+)", page)
    assert version is not None
    query = f"t={appeal.token}&version={version[1]}"
    desk = f"case={appeal.number}&version={appeal.version}"
    with listening(live, desk, "clerk") as inside:
        # The clerk's own name is announced to their page, some time after it opened.
        assert inside.next() == "viewers"
        with listening(live, query) as ears:
            assert ears.hear() == "here"
            handling_actions.note(appeal.pk, live_city.clerk, why="只给里面看")
            # Staff are told at once; the requester's next event is the first public one.
            assert inside.next() == "case"
            handling_actions.urge(appeal.pk, live_city.commander)
            assert inside.next() == ears.next() == "case"
            told = ears.mark
        handling_actions.note(appeal.pk, live_city.clerk, why="还是只给里面看")
        assert inside.next() == "case"
        # Reconnecting does not tell of it either, with a mark or with the page's version.
        now = public_version(appeal.pk)
        for missed in (f"t={appeal.token}~{now}~{told}", f"t={appeal.token}&version={now}"):
            with listening(live, missed) as ears:
                assert ears.hear() == "here"


def test_desk_and_open_case_share_one_stream(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    live.drain()
    query = f"desk=triage&case={appeal.number}&version={appeal.version}"
    with listening(live, query, "clerk") as ears:
        assert ears.next() == "desk"
        handling_actions.note(appeal.pk, live_city.clerk, why="x")
        assert {ears.next(), ears.next(), ears.next()} == {"case", "desk", "viewers"}


def test_following_without_access_is_refused(live: Live, live_city: Cast) -> None:
    number = file_one().number
    for query, username in (
        ("", ""),
        ("desk=triage", ""),
        ("desk=triage", "volunteer"),
        ("desk=nothing", "clerk"),
        ("t=1-aaaaaaaaaaaaaaaaaaaaaaaa", ""),
        ("case=0000-0000-0", "clerk"),
        (f"case={number}", "urban-handler"),
        (f"case={number}", ""),
    ):
        with pytest.raises(AssertionError, match="403"), listening(live, query, username):
            pass


def test_stream_survives_a_lost_database_listener(live: Live, live_city: Cast) -> None:
    from django.db import connection

    with listening(live, "desk=board", "commander") as ears:
        assert ears.next() == "desk"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'yinghu live' AND datname = current_database()"
            )
        # A new listener tells all pages to refresh, because events may have been missed.
        assert ears.next() == "desk"
        file_one()
        assert ears.next() == "desk"


def test_reconnecting_with_a_mark_tells_only_missed_events(live: Live, live_city: Cast) -> None:
    case, other = file_one("路灯坏了"), file_one("没有水了")
    live.drain()  # the worker's own events are told as well
    asked = f"desk=board~~MARK&t={case.token}~{case.version}~MARK"
    with listening(live, asked.replace("~MARK", ""), "commander") as ears:
        # The case's version is current; a list has no version, so it is told.
        assert (ears.next(), ears.key) == ("desk", "board")
        first = ears.mark
    with listening(live, asked.replace("MARK", first), "commander") as ears:
        # Nothing was missed: the first event is a new one.
        assert ears.hear() == "here"
        handling_actions.note(other.pk, live_city.clerk, why="x")
        assert (ears.next(), ears.key) == ("desk", "board")
    handling_actions.urge(case.pk, live_city.commander)
    for mark in (first, "0a1b2c3d.7"):
        # After a mark of another process everything is told, since all may have been missed.
        with listening(live, asked.replace("MARK", mark), "commander") as ears:
            assert (ears.next(), ears.key) == ("case", case.token)
            assert (ears.next(), ears.key) == ("desk", "board")


def test_events_without_a_listener_are_told_afterwards(live: Live, live_city: Cast) -> None:
    from django.db import connection

    mine = file_one()
    live.drain()
    with listening(live, f"t={mine.token}&version={mine.version}") as ears:
        assert ears.hear() == "here"
        for _time in range(3):
            with connection.cursor() as cursor:
                # In one transaction, so that the listener is gone when the event is announced.
                cursor.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE application_name = 'yinghu live' AND datname = current_database()"
                )
                handling_actions.note(mine.pk, live_city.clerk, why="x")
            assert ears.next() == "case"


def test_every_case_of_a_burst_is_told(live: Live, live_city: Cast) -> None:
    cases = [file_one(f"第 {number} 件") for number in range(20)]
    live.drain()
    query = "&".join(f"case={case.number}~{case.version}" for case in cases)
    with listening(live, f"desk=triage&{query}", "clerk") as ears:
        assert ears.next() == "desk"
        for case in cases:
            handling_actions.note(case.pk, live_city.clerk, why="x")
        missing = {case.number for case in cases}
        while missing:
            if ears.next() == "case":
                missing.discard(ears.key)


def test_too_many_topics_are_refused(live: Live, live_city: Cast) -> None:
    query = "&".join(f"case=0000-0000-{number}" for number in range(40))
    with pytest.raises(AssertionError, match="400"), listening(live, query, "clerk"):
        pass


def test_page_of_another_login_cannot_follow(live: Live, live_city: Cast) -> None:
    query = f"desk=triage&me={live_city.commander.user_id}"
    with pytest.raises(AssertionError, match="403"), listening(live, query, "clerk"):
        pass
    with listening(live, f"desk=triage&me={live_city.clerk.user_id}", "clerk") as ears:
        assert ears.next() == "desk"


def test_badges_are_told_of_a_filing(live: Live, live_city: Cast) -> None:
    with listening(live, "badges=1", "clerk") as ears:
        assert ears.next() == "badges"
        file_one()
        assert ears.next() == "badges"


def test_desks_touched_by_each_verb() -> None:
    assert desks_touched("file") == {"triage", "board"}
    assert desks_touched("sort") == {"triage", "dispatch", "board"}
    assert desks_touched("resolve") == {"inbox", "field", "callback", "shared", "board"}
    assert desks_touched("close") == {"callback", "shared", "board", "whistles"}
    assert "alarms" in desks_touched("alarm") & desks_touched("acknowledge")
    # Other verbs announce it where they end an alarm; no filing or suggestion does.
    for name in ("supply", "assign", "suggest", "something-new"):
        assert "alarms" not in desks_touched(name)
    assert desks_touched("alarms") == {"alarms"}
    assert "triage" in desks_touched("something-new")
    assert desks_touched("view") == set()


def names(client: Client, number: str) -> str:
    """The page part that shows who else has the case open."""
    part = client.get(f"/desk/case/{number}?part=viewers")
    assert part.status_code == 200
    return part.content.decode()


def test_colleagues_see_who_else_has_the_case_open(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    live.drain()
    query = f"case={appeal.number}&version={appeal.version}"
    clerk, dispatcher = Client(), Client()
    clerk.force_login(User.objects.get(username="clerk"))
    dispatcher.force_login(User.objects.get(username="dispatcher"))
    with listening(live, query, "clerk") as ears:
        assert ears.next() == "viewers"
        assert names(clerk, appeal.number).strip() == ""
        with listening(live, query, "dispatcher") as others:
            assert others.next() == "viewers"
            # The case has not changed, so only `viewers` is told.
            assert ears.next() == "viewers"
            assert "派单员老陈" in names(clerk, appeal.number)
            assert "研判员小周" in names(dispatcher, appeal.number)
        assert ears.next() == "viewers"
        assert "派单员老陈" not in names(clerk, appeal.number)
    until(lambda: not Viewing.objects.exists(), "the last one to be gone")


def test_second_page_of_a_login_is_not_another_viewer(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    live.drain()
    query = f"case={appeal.number}&version={appeal.version}"
    dispatcher = Client()
    dispatcher.force_login(User.objects.get(username="dispatcher"))
    with listening(live, query, "clerk") as ears:
        assert ears.next() == "viewers"
        with listening(live, query, "clerk"):
            pass
        handling_actions.note(appeal.pk, live_city.dispatcher, why="x")
        assert ears.next() == "case"
        assert "研判员小周" in names(dispatcher, appeal.number)


def test_stale_viewers_expire_and_outsiders_see_no_names(live: Live, live_city: Cast) -> None:
    appeal = file_one()
    clerk = User.objects.get(username="clerk")
    Viewing.objects.create(appeal=appeal, user=clerk)
    assert presence.others(live_city.dispatcher, appeal) == [clerk]
    actions.sort(appeal.pk, live_city.clerk, category="milk")
    actions.assign(appeal.pk, live_city.dispatcher, unit="milk")
    appeal.refresh_from_db()
    assert presence.others(live_city.milk, appeal) == [clerk]
    assert presence.others(live_city.volunteer, appeal) == []
    assert presence.others(requester_of(appeal.pk), appeal) == []
    stranger = Client()
    stranger.force_login(User.objects.get(username="food-handler"))
    assert stranger.get(f"/desk/case/{appeal.number}?part=viewers").status_code == 404
    Viewing.objects.update(seen_at=timezone.now() - timedelta(seconds=presence.FRESH))
    assert presence.others(live_city.dispatcher, appeal) == []
