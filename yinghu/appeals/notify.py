"""PostgreSQL notifications to every process on commit: ids only."""

import json
from collections.abc import Sequence

from django.db import connection

NOTIFY_CHANNEL = "yinghu"
MAX_IDS = 100
"""Limit from PostgreSQL's 8,000 bytes; an empty list stands for more."""
ALARMS = "alarms"
"""Announced besides the verb when an alarm ends by a verb that is not about alarms."""
NOTICE = "notice"
"""Verb of notifications that address logins with something new to read."""


def payload(verb: str, appeal_ids: Sequence[int]) -> str:
    """Build `{"verb": …, "appeals": [ids]}`, with an empty list for more than `MAX_IDS`."""
    return json.dumps(
        {"verb": str(verb), "appeals": appeal_ids if len(appeal_ids) <= MAX_IDS else []}
    )


def notify_change(verb: str, appeal_ids: Sequence[int]) -> None:
    """Announce a change to these appeals; `verb` may be an automatic step (suggest)."""
    _notify([payload(verb, appeal_ids)])


def tell_users(user_ids: Sequence[int]) -> None:
    """Announce something new to logins, in parts: `{"verb": …, "users": [ids]}`."""
    parts = [user_ids[at : at + MAX_IDS] for at in range(0, len(user_ids), MAX_IDS)]
    _notify([json.dumps({"verb": NOTICE, "users": part}) for part in parts])


def _notify(payloads: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for each in payloads:
            cursor.execute("SELECT pg_notify(%s, %s)", [NOTIFY_CHANNEL, each])
