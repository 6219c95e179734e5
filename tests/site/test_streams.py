"""Limits on open live streams per link, login and network; the share reserved for staff."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator

import pytest

from tests.cast import Cast, file_one
from tests.live import Live
from yinghu.appeals.numbers import track_token
from yinghu.web.live import stream as streams
from yinghu.web.live.hub import Hub, RefreshEvent, Viewer
from yinghu.web.live.stream_permissions import PermittedTopics


def status_of(stack: contextlib.ExitStack, live: Live, token: str) -> int:
    """The status of a stream that stays open until the stack ends."""
    connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=20)
    stack.callback(connection.close)
    connection.request("GET", f"/live?t={token}")
    return connection.getresponse().status


@pytest.fixture
def held() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def test_streams_per_tracking_link_are_limited(
    live: Live, live_city: Cast, held: contextlib.ExitStack
) -> None:
    one, other = (track_token(file_one().pk) for _ in range(2))
    codes = [status_of(held, live, one) for _ in range(streams.MAX_OF_ONE_TOKEN + 1)]
    assert codes == [200] * streams.MAX_OF_ONE_TOKEN + [429]
    assert status_of(held, live, other) == 200


def test_streams_per_login_and_ipv6_network_are_limited() -> None:
    def of_staff(user: int) -> dict[str, int]:
        return streams._shares({"client": ("192.0.2.1", 1)}, PermittedTopics(user=user))

    def of_stranger(address: str) -> dict[str, int]:
        return streams._shares({"client": (address, 1)}, PermittedTopics(tokens={1}))

    hub = Hub()
    for _number in range(streams.MAX_OF_ONE_LOGIN):
        assert hub.has_room(of_staff(1))
        hub.add(Viewer({"desk:field": frozenset({RefreshEvent("desk", "field")})}, of_staff(1)))
    assert not hub.has_room(of_staff(1))
    assert hub.has_room(of_staff(2))
    # A client with an IPv6 address has a whole /64 network.
    assert of_stranger("2001:db8::1") == of_stranger("2001:db8::ffff")
    assert of_stranger("2001:db8::1") != of_stranger("2001:db8:0:1::1")


def test_strangers_get_half_the_streams_and_slots_are_released() -> None:
    hub = Hub()
    shares = {"strangers": 2, "address:192.0.2.1": 1}
    first = Viewer({"case:1": frozenset({RefreshEvent("case", "x")})}, shares)
    assert hub.has_room(shares)
    hub.add(first)
    assert not hub.has_room(shares)
    assert hub.has_room({"strangers": 2, "address:192.0.2.2": 1})
    assert hub.has_room({})
    hub.remove(first)
    assert hub.has_room(shares)
    assert hub.taken == {}
    assert streams.MAX_OF_STRANGERS * 2 == streams.MAX_VIEWERS
