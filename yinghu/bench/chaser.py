"""A process of `yinghu bench oversight`: chases what is due and does the reactions, like a worker.

Says "ready", and begins when it is told a line.
"""

from __future__ import annotations

import json
import sys

import django


def _reactions() -> int:
    """Do one batch of reactions that waits, as a worker takes a job; 0 where none does."""
    from django.db import connection, transaction

    from yinghu.reactions import react

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE id = (SELECT id FROM procrastinate_jobs "
            "WHERE task_name = 'yinghu.react' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) "
            "RETURNING args"
        )
        row = cursor.fetchone()
        if row is None:
            return 0
        events: list[int] = json.loads(row[0])["events"]
        react(events=events)
    return len(events)


def main() -> None:
    """Chase until nothing is left that nobody is at."""
    django.setup()
    from yinghu.oversight import sweep

    sweep.due(limit=1)
    print("ready", flush=True)
    sys.stdin.readline()
    while sweep.chase(limit=200) or _reactions():
        pass


if __name__ == "__main__":
    main()
