"""Tells every process that something happened, when the transaction commits: ids, nothing else."""

import json
from collections.abc import Sequence

from django.db import connection

NOTIFY_CHANNEL = "yinghu"
MAX_IDS = 100
"""More would not fit PostgreSQL's 8,000 bytes; an empty list then stands for many."""


def payload(verb: str, appeal_ids: Sequence[int]) -> str:
    """`{"verb": …, "appeals": [ids]}`, the list empty where there are more than `MAX_IDS`."""
    return json.dumps(
        {"verb": str(verb), "appeals": appeal_ids if len(appeal_ids) <= MAX_IDS else []}
    )


def tell(verb: str, appeal_ids: Sequence[int]) -> None:
    """Say that this was done to these appeals; `verb` may also be what no person does (suggest)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [NOTIFY_CHANNEL, payload(verb, appeal_ids)])
