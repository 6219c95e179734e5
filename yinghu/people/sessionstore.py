"""Session store that refuses impossible session keys without asking the database."""

import re
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

_KEY = re.compile(r"[a-z0-9]{8,40}")


class SessionStore(DatabaseStore):
    """Database sessions that ignore cookies with characters that PostgreSQL rejects."""

    def __init__(self, session_key: Any = None) -> None:
        is_one = isinstance(session_key, str) and _KEY.fullmatch(session_key)
        super().__init__(session_key if is_one else None)
