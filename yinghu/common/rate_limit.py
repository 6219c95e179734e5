"""Floods from one address: a bucket of tokens for each, in the memory of each web process.

The server's door has already decided who the sender is (a proxy's word counts only where the proxy
is trusted), so nothing that a stranger writes in a header opens another bucket. Generous by
default: whole neighbourhoods of mobile phones share one address.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from django.conf import settings

MAX_KEYS = 50_000
"""Buckets kept at most; beyond it the full ones, which say nothing, are forgotten first."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` acts at once, then one every `seconds`."""

    burst: int
    seconds: float


LIMITS: dict[str, Limit] = {
    "file": Limit(60, 2.0),
    "act": Limit(60, 1.0),
    "find": Limit(10, 30.0),
    "code": Limit(10, 60.0),
    "coded": Limit(4, 120.0),
    "guess": Limit(20, 20.0),
    "join": Limit(300, 5.0),
    "number": Limit(30, 10.0),
    "caller": Limit(30, 10.0),
    "phone": Limit(30, 10.0),
    "words": Limit(300, 0.5),
    "ask": Limit(120, 0.25),
    "key": Limit(200, 0.2),
}
"""What is limited: filing, acting on one's own appeal, asking for it by number and phone; codes
sent at the word of one sender, and to one phone, and tries to read one back; codes sent to
strangers for one squad, for which the city pays; how often one number, and one phone, are asked
for, which has to be more than one sender may ask, in burst and in rate, for else one could keep out
whose they are; searching by phone and by words, for each login; at the API, what anybody may ask
(areas, categories) and showing a key that has to be looked up.

`settings.FLOOD_LIMITS` ({name: (burst, seconds)}) overrides single rows.
"""


class Buckets:
    """Token buckets by key. `take` is the only question; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[tuple[str, str], float] = {}
        self._lock = Lock()

    def take(self, name: str, key: str) -> float:
        """Take a token; 0.0 where there was one, else the seconds until there is."""
        limit = limit_of(name)
        now = self._clock()
        with self._lock:
            # A bucket is one number: when it will be full again. Each token taken moves it on.
            full_at = max(self._full_at.get((name, key), now), now)
            wait = full_at + limit.seconds - now - limit.burst * limit.seconds
            if wait > 1e-9:
                return wait
            if len(self._full_at) >= MAX_KEYS:
                self._forget(now)
            self._full_at[name, key] = full_at + limit.seconds
        return 0.0

    def clear(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._full_at.clear()

    def _forget(self, now: float) -> None:
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        # A flood from ever new addresses: the emptiest buckets are the ones worth keeping.
        if len(self._full_at) >= MAX_KEYS:
            keep = sorted(self._full_at.items(), key=lambda item: -item[1])[: MAX_KEYS // 2]
            self._full_at = dict(keep)


buckets = Buckets()


def limit_of(name: str) -> Limit:
    """The limit in force."""
    given: dict[str, tuple[int, float]] = getattr(settings, "FLOOD_LIMITS", {})
    return Limit(*given[name]) if name in given else LIMITS[name]


def address_key(address: str) -> str:
    """What counts as one sender: an IPv4 address, or the /64 that an IPv6 host has for itself."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def too_many(name: str, address: str) -> int:
    """Count one act of `address`: 0 where it may go on, else the whole seconds to wait."""
    wait = buckets.take(name, address_key(address))
    return int(wait) + 1 if wait else 0
