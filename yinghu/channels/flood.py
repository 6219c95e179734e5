"""Floods from one address: a token bucket for each sender, in this process's memory.

The address is the one that `asgi.resolve_sender` found, so what a stranger claims in X-Forwarded-For
counts for nothing. With N web processes a sender has N times the limit, which is what a flood gate needs
and no more; it is no quota.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

KEPT = 50_000
"""Senders remembered at once; the longest unseen is forgotten first, and by then its bucket is full."""


class Flood:
    """Buckets of `burst` tokens that fill at `rate` tokens a second, one for each sender."""

    def __init__(
        self, rate: float, burst: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, sender: str, cost: float = 1.0) -> float:
        """Take `cost` tokens; 0 where there were enough, else the seconds until there will be.

        Where there are too few nothing is taken, so a sender who waits is let in.
        """
        with self._lock:
            tokens, now = self._level(sender)
            if tokens < cost:
                return (cost - tokens) / self.rate
            self._buckets[sender] = (tokens - cost, now)
            self._buckets.move_to_end(sender)
            if len(self._buckets) > KEPT:
                self._buckets.popitem(last=False)
            return 0.0

    def wait(self, sender: str, cost: float = 1.0) -> float:
        """What `take` would answer, taking nothing."""
        with self._lock:
            tokens, _now = self._level(sender)
            return 0.0 if tokens >= cost else (cost - tokens) / self.rate

    def forget(self) -> None:
        """Fill every bucket."""
        with self._lock:
            self._buckets.clear()

    def _level(self, sender: str) -> tuple[float, float]:
        now = self._clock()
        tokens, seen = self._buckets.get(sender, (self.burst, now))
        return min(self.burst, tokens + (now - seen) * self.rate), now


def sender_of(address: str) -> str:
    """What one sender is: an IPv4 address, or the /64 of an IPv6 address (one household has that many)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
