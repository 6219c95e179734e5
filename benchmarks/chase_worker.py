"""A process of `yinghu bench oversight`: chases due clocks and runs the reactions, like a worker.

Prints "ready" and begins when it reads a line.
"""

import json
import sys

import django


def _reactions() -> int:
    """Run one waiting batch of reactions, as a worker does; return its size, 0 if none waits."""
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
    """Chase until no due clock or job is left."""
    django.setup()
    from yinghu.oversight import sweep

    sweep.due(limit=1)
    print("ready", flush=True)
    sys.stdin.readline()
    while sweep.chase(limit=200) or _reactions():
        pass


if __name__ == "__main__":
    main()
