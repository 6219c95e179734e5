"""Time travel in the demo: moves running deadlines, to show what happens after days."""

from collections.abc import Sequence

from django.db import connection, transaction

CHOICES = {"2": 2, "12": 12, "48": 48}
"""Hours by form value."""

_BY = "%(hours)s * interval '1 hour'"
_THESE = "(%(only)s::bigint[] IS NULL OR {} = ANY(%(only)s))"

# Only running deadlines move; past events stay as they are.
_STATEMENTS = (
    f"""
    UPDATE appeals_clock SET started_at = started_at - {_BY}, due_at = due_at - {_BY},
        paused_at = paused_at - {_BY}, next_at = next_at - {_BY}
    WHERE stopped_at IS NULL AND {_THESE.format("appeal_id")}
    """,  # noqa: S608  # of constants only
    f"""
    UPDATE appeals_appeal SET due_at = due_at - {_BY}
    WHERE due_at < '9999-01-01' AND {_THESE.format("id")}
    """,  # noqa: S608  # likewise
    f"""
    UPDATE oversight_whistle SET until = until - {_BY}, at = at - {_BY}
    WHERE {_THESE.format("appeal_id")}
    """,  # noqa: S608  # likewise
    f"""
    UPDATE oversight_summons AS summons SET reported_at = reported_at - {_BY},
        contested_at = contested_at - {_BY}, received_at = received_at - {_BY}
    FROM oversight_whistle AS whistle
    WHERE whistle.id = summons.whistle_id AND {_THESE.format("whistle.appeal_id")}
    """,  # noqa: S608  # likewise
)


def pass_time(hours: float, appeals: Sequence[int] | None = None) -> None:
    """Let this many hours pass for these cases (ids), or for all; pauses last that much longer."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, {"hours": hours, "only": list(appeals) if appeals else None})
