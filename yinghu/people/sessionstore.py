"""Django's sessions in the database, asked only for keys that a session can have."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

_KEY = re.compile(r"[a-z0-9]{8,40}")


class SessionStore(DatabaseStore):
    """A cookie may hold anything; PostgreSQL cannot even be asked for some of it."""

    def __init__(self, session_key: Any = None) -> None:
        is_one = isinstance(session_key, str) and _KEY.fullmatch(session_key)
        super().__init__(session_key if is_one else None)
