"""Tells every process that something happened, when the transaction commits: ids, nothing else."""

import json
from collections.abc import Sequence

from django.db import connection

NOTIFY_CHANNEL = "yinghu"
MAX_IDS = 100
"""More would not fit PostgreSQL's 8,000 bytes; an empty list then stands for many."""
NOTICE = "notice"
"""Verb of a notification that means logins, which have something new to read, or nothing more."""


def payload(verb: str, appeal_ids: Sequence[int]) -> str:
    """`{"verb": …, "appeals": [ids]}`, the list empty where there are more than `MAX_IDS`."""
    return json.dumps(
        {"verb": str(verb), "appeals": appeal_ids if len(appeal_ids) <= MAX_IDS else []}
    )


def tell(verb: str, appeal_ids: Sequence[int]) -> None:
    """Say that this was done to these appeals; `verb` may also be what no person does (suggest)."""
    _notify([payload(verb, appeal_ids)])


def tell_users(user_ids: Sequence[int]) -> None:
    """Say to these logins that what they have to read has changed: `{"verb": …, "users": [ids]}`,
    in as many notifications as they need, for nobody else is to look.
    """
    parts = [user_ids[at : at + MAX_IDS] for at in range(0, len(user_ids), MAX_IDS)]
    _notify([json.dumps({"verb": NOTICE, "users": part}) for part in parts])


def _notify(payloads: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for each in payloads:
            cursor.execute("SELECT pg_notify(%s, %s)", [NOTIFY_CHANNEL, each])
