"""A key or login that is taken away counts no more: at once, not when a cache or a stream ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from tests.api.conftest import Api, api, problem  # noqa: F401  # fixtures
from tests.cast import Cast, file_one
from tests.live import Live
from tests.web.live.test_stream import Ears, listening
from yinghu.people.models import ApiToken, Post, Unit, User
from yinghu.people.tokens import revoke_keys


def hear_on(ears: Ears) -> None:
    while True:
        ears.next()


def hear_the_end(ears: Ears) -> None:
    with pytest.raises(AssertionError, match="the stream has ended"):
        hear_on(ears)


def revoke_key(user: User) -> None:
    assert revoke_keys(user, "test") == 1


def delete_key(user: User) -> None:
    ApiToken.objects.filter(user=user).delete()


def deactivate_login(user: User) -> None:
    user.is_active = False
    user.save()


def end_posts(user: User) -> None:
    Post.objects.filter(user=user).update(active=False)


def close_units(user: User) -> None:
    Unit.objects.filter(posts__user=user).update(active=False)


@pytest.mark.parametrize(
    "change", [revoke_key, delete_key, deactivate_login, end_posts, close_units]
)
def test_key_files_nothing_and_stream_ends_once_the_change_is_known(
    live: Live,
    live_city: Cast,
    api: Api,  # noqa: F811
    problem: Callable[..., object],  # noqa: F811
    change: Callable[[User], None],
) -> None:
    """The stream ends with the same notification by which the process forgets the key."""
    user = User.objects.get(username="operator")
    filing = {"body": "没有水"}
    with listening(live, "desk=callback&badges=1", "operator") as ears:
        assert ears.next() in {"desk", "badges"}
        # The second one is let in by what is remembered of the first.
        for _time in range(2):
            assert api.post("/appeals", "operator", json=filing).status_code == 201
        change(user)
        hear_the_end(ears)
    problem(api.post("/appeals", "operator", json=filing), 401, "bad_key")
    problem(api.get("/appeals", "operator"), 401, "bad_key")


def test_streams_of_others_go_on(live: Live, live_city: Cast) -> None:
    with (
        listening(live, "desk=triage", "clerk") as clerk,
        listening(live, "desk=dispatch", "dispatcher") as gone,
    ):
        assert clerk.next() == "desk"
        User.objects.filter(username="dispatcher").update(is_active=False)
        hear_the_end(gone)
        # Logging in changes nothing of that.
        User.objects.filter(username="clerk").update(last_login=timezone.now(), is_active=True)
        file_one()
        assert clerk.next() == "desk"


def test_stream_of_a_login_closed_while_nobody_listened_ends(live: Live, live_city: Cast) -> None:
    with listening(live, "desk=board", "commander") as ears:
        assert ears.next() == "desk"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'yinghu live' AND datname = current_database()"
            )
        User.objects.filter(username="commander").update(is_active=False)
        hear_the_end(ears)
