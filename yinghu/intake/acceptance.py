"""Whether this process can file messages, by its latest attempt; `/healthz` tells."""

import threading
import time
from collections.abc import Callable

from yinghu.common.database_errors import refuses_all

REMEMBERED_SECONDS = 60.0
"""A refusal counts until a message is filed, and so long at most: a process that a load balancer
avoids gets no message to file."""


class Acceptance:
    """The time of the latest refusal that no filing followed. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused_at: float | None = None
        self._lock = threading.Lock()

    def note_filed(self) -> None:
        with self._lock:
            self._refused_at = None

    def note_error(self, error: Exception) -> None:
        """Note a failed attempt, if others would fail as well."""
        if refuses_all(error):
            with self._lock:
                self._refused_at = self._clock()

    def is_refusing(self) -> bool:
        with self._lock:
            at = self._refused_at
        return at is not None and self._clock() - at < REMEMBERED_SECONDS


acceptance = Acceptance()
