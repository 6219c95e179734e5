"""Token buckets: burst, refill, bounded memory, and which addresses share a bucket."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from yinghu.common import rate_limit
from yinghu.common.rate_limit import Buckets, address_key


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_burst_then_one_token_per_interval(settings: Settings) -> None:
    settings.RATE_LIMITS = {"file": (3, 10.0)}
    clock = Clock()
    buckets = Buckets(clock)
    assert [buckets.take("file", "a") for _turn in range(3)] == [0.0] * 3
    assert buckets.take("file", "a") == pytest.approx(10)
    assert buckets.take("file", "b") == 0.0
    clock.now += 4
    assert buckets.take("file", "a") == pytest.approx(6)
    clock.now += 6
    assert buckets.take("file", "a") == 0.0
    assert buckets.take("file", "a") == pytest.approx(10)
    clock.now += 1000
    assert [buckets.take("file", "a") for _turn in range(3)] == [0.0] * 3
    assert buckets.take("file", "a") > 0


def test_memory_is_bounded_and_the_busiest_keys_are_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMITS = {"file": (2, 10.0)}
    monkeypatch.setattr(rate_limit, "MAX_KEYS", 100)
    clock = Clock()
    buckets = Buckets(clock)
    for _turn in range(2):
        buckets.take("file", "flooder")
    for turn in range(1000):
        buckets.take("file", f"passer-by {turn}")
    assert buckets.take("file", "flooder") > 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_addresses_of_one_ipv6_network_share_a_key(address: str, key: str) -> None:
    assert address_key(address) == key
