"""Changes of who may do what, as they reach a web process.

Triggers of the database announce each change of a key, login, post or unit on commit, whoever made
it, with the ids of the logins; none stands for all. The listener of the live updates passes it on
here, and whatever rests on an earlier check ends: remembered keys, open streams.
"""

import threading
from collections.abc import Callable, Collection

VERB = "access"
"""Verb of the notification `{"verb": "access", "users": [ids]}`."""


class AccessChanges:
    """Subscribers of this process. `count` grows with each change. Thread-safe."""

    def __init__(self) -> None:
        self.count = 0
        self.listening = False
        """Are changes heard? While they are not, nothing may rest on an earlier check."""
        self._subscribers: list[Callable[[Collection[int]], None]] = []
        self._lock = threading.Lock()

    def subscribe(self, forget: Callable[[Collection[int]], None]) -> None:
        """Call `forget` with the ids of the logins at each change; with none, for all logins."""
        self._subscribers.append(forget)

    def announce(self, users: Collection[int]) -> None:
        """Pass a change on."""
        with self._lock:
            self.count += 1
        for forget in self._subscribers:
            forget(users)


access_changes = AccessChanges()
