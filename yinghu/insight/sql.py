"""The statements of tallies and board, made of a few shared pieces.

Only constants of this file are put into them, everything else is a parameter: `zone` (IANA name),
`since` and `series` (dates), `scope` (a LIKE pattern), `limit`.
"""
# ruff: noqa: S608  (no statement here contains anything from outside)

from typing import Final

DIMENSIONS: Final = """
LATERAL (VALUES
    ('all', ''), ('klass', base.klass), ('category', base.category), ('unit', base.unit),
    ('town', base.town), ('channel', base.channel)) AS along(dim, key)
"""
"""Every counter that the appeals of a row of `base` stand in."""


def _place(row: str) -> str:
    """Where an appeal or event stands; a town is an area code's first nine characters."""
    return f"""
    {row}.klass, coalesce({row}.category_id, '') AS category,
    coalesce({row}.unit_id::text, '') AS unit, left(coalesce({row}.area_id, ''), 9) AS town
    """


def _base_of_events(events: str) -> str:
    """What the events in the table `events` change, grouped first: a burst is then a few rows."""
    return f"""
    SELECT day, klass, category, unit, town, channel, status, sum(n) AS n FROM (
        SELECT (appeal.filed_at AT TIME ZONE %(zone)s)::date AS day, appeal.channel, side.*
        FROM {events} AS wanted
        JOIN appeals_event AS event ON event.id = wanted.event_id
        JOIN appeals_appeal AS appeal ON appeal.id = event.appeal_id
        CROSS JOIN LATERAL (
            SELECT {_place("event")}, event.to_status AS status, 1 AS n
            UNION ALL
            SELECT {_place("before")}, before.to_status, -1
            FROM appeals_event AS before
            WHERE before.appeal_id = event.appeal_id AND before.seq = event.seq - 1
        ) AS side
    ) AS change
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    HAVING sum(n) <> 0
    """


def _base_of_appeals(where: str) -> str:
    """The same figures counted from the appeals themselves."""
    return f"""
    SELECT (appeal.filed_at AT TIME ZONE %(zone)s)::date AS day, {_place("appeal")},
           appeal.channel, appeal.status, count(*) AS n
    FROM appeals_appeal AS appeal
    WHERE {where}
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    """


FOLD: Final = f"""
WITH picked AS MATERIALIZED (
    SELECT event_id FROM appeals_untallied
    ORDER BY event_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM appeals_untallied AS row USING picked
    WHERE row.event_id = picked.event_id
    RETURNING row.event_id
), base AS (
    {_base_of_events("taken")}
), written AS (
    INSERT INTO insight_tally (day, dim, key, status, n)
    SELECT base.day, along.dim, along.key, base.status, sum(base.n)
    FROM base, {DIMENSIONS}
    GROUP BY 1, 2, 3, 4
    HAVING sum(base.n) <> 0
    -- Two folds lock the counters in one order, so neither waits for the other in a circle.
    ORDER BY along.dim, base.day, along.key, base.status
    ON CONFLICT (dim, day, key, status) DO UPDATE SET n = insight_tally.n + excluded.n
    RETURNING id, n
)
SELECT (SELECT count(*) FROM taken), array(SELECT id FROM written WHERE n = 0)
"""
"""-> how many events were folded, and the ids of the counters that came to nothing."""

REBUILD: Final = f"""
INSERT INTO insight_tally (day, dim, key, status, n)
SELECT base.day, along.dim, along.key, base.status, sum(base.n)
FROM ({_base_of_appeals("true")}) AS base, {DIMENSIONS}
GROUP BY 1, 2, 3, 4
"""

_TALLIED: Final = f"""
SELECT day, dim, key, status, n FROM insight_tally
UNION ALL
SELECT base.day, along.dim, along.key, base.status, base.n
FROM ({_base_of_events("appeals_untallied")}) AS base, {DIMENSIONS}
"""

_COUNTED: Final = f"""
SELECT base.day, along.dim, along.key, base.status, base.n
FROM ({_base_of_appeals("appeal.area_id LIKE %(scope)s")}) AS base, {DIMENSIONS}
"""


def read(*, since: bool, scope: bool) -> str:
    """-> dim, key, status, day, n: the period's lines; for the series the days of "all" apart."""
    return f"""
    SELECT dim, key, status, CASE WHEN dim = 'all' AND day >= %(series)s THEN day END, sum(n)
    FROM ({_COUNTED if scope else _TALLIED}) AS row
    WHERE {"day >= %(since)s" if since else "true"} OR (dim = 'all' AND day >= %(series)s)
    GROUP BY 1, 2, 3, 4
    HAVING sum(n) <> 0
    """


def late(*, since: bool, scope: bool) -> str:
    """-> how many appeals have an overdue clock (`appeals.clocks.overdue`)."""
    overdue = "stopped_at IS NULL AND paused_at IS NULL AND due_at < statement_timestamp()"
    if not (since or scope):
        return f"SELECT count(DISTINCT appeal_id) FROM appeals_clock WHERE {overdue}"
    conditions = [
        "appeal.filed_at >= %(since)s::date::timestamp AT TIME ZONE %(zone)s" if since else "true",
        "appeal.area_id LIKE %(scope)s" if scope else "true",
    ]
    return f"""
    SELECT count(*) FROM appeals_appeal AS appeal
    WHERE {" AND ".join(conditions)} AND EXISTS (
        SELECT FROM appeals_clock WHERE appeal_id = appeal.id AND {overdue})
    """
