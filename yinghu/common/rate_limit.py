"""Rate limits per address: token buckets in the memory of each web process.

The web server determines the sender (proxy headers count only from trusted proxies), so a forged
header opens no other bucket. Limits are generous, because mobile phones share addresses.
"""

import ipaddress
import time
from collections.abc import Callable
from threading import Lock

from django.conf import settings

MAX_KEYS = 50_000
"""Maximum number of buckets; beyond it the fullest are dropped."""


LIMITS: dict[str, tuple[int, float]] = {
    "file": (60, 2.0),
    "act": (60, 1.0),
    "tag": (20, 30.0),
    "find": (10, 30.0),
    "code": (10, 60.0),
    "guess": (20, 20.0),
    "join": (300, 5.0),
    "number": (30, 10.0),
    "caller": (30, 10.0),
    "phone": (30, 10.0),
    "words": (300, 0.5),
    "ask": (120, 0.25),
    "strip": (120, 5.0),
    "key": (200, 0.2),
    "pixels": (6000, 0.6),
}
"""(burst, seconds): so many actions at once, then one every so many seconds.

For filing; acting on one's own appeal, or on the board of a scan; reports of people found; asking
for one's appeal by number and phone; one-time codes per sender, and attempts to enter one; codes
per squad, which the city pays for; look-ups per number and per phone (more generous than per
sender, or one sender could lock others out); searches by phone and by words, and numbers of strips,
per login; at the API, anonymous requests and unknown keys; millions of pixels of photos, per
address or login (500 photos of 12 million at once or an hour).

`settings.RATE_LIMITS` overrides single rows.
"""


class Buckets:
    """Thread-safe token buckets by key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[tuple[str, str], float] = {}
        self._lock = Lock()

    def take(self, name: str, key: str, many: int = 1) -> float:
        """Take tokens; return 0.0, or the seconds until there are so many."""
        limits: dict[str, tuple[int, float]] = LIMITS | getattr(settings, "RATE_LIMITS", {})
        burst, seconds = limits[name]
        now = self._clock()
        with self._lock:
            # A bucket is stored as the time when it will be full; each token taken moves it on.
            full_at = max(self._full_at.get((name, key), now), now)
            wait = full_at + many * seconds - now - burst * seconds
            if wait > 1e-9:
                return wait
            if len(self._full_at) >= MAX_KEYS:
                self._evict(now)
            self._full_at[name, key] = full_at + many * seconds
        return 0.0

    def clear(self) -> None:
        with self._lock:
            self._full_at.clear()

    def _evict(self, now: float) -> None:
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        # Many new addresses: keep the emptiest buckets.
        if len(self._full_at) >= MAX_KEYS:
            keep = sorted(self._full_at.items(), key=lambda item: -item[1])[: MAX_KEYS // 2]
            self._full_at = dict(keep)


buckets = Buckets()


def address_key(address: str) -> str:
    """Return the key of a sender: the IPv4 address, or the /64 of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip if ip.version == 4 else ipaddress.ip_network((ip, 64), strict=False))


def too_many(name: str, address: str) -> int:
    """Count an action of `address`; return 0 if allowed, else the whole seconds to wait."""
    wait = buckets.take(name, address_key(address))
    return int(wait) + 1 if wait else 0
