"""SQL statements of tallies and board, composed of shared parts.

Only constants of this file are inserted, everything else is a parameter: `zone` (IANA name),
`since`, `series` and `ever` (dates), `scope` (a LIKE pattern), `limit`.
"""
# ruff: noqa: S608  (no statement here contains anything from outside)

from typing import Final

from yinghu.insight.models import EVER

_DIMENSIONS: Final = """
LATERAL (VALUES
    ('all', ''), ('klass', base.klass), ('category', base.category), ('unit', base.unit),
    ('channel', base.channel)) AS along(dim, key)
"""
"""All counters that count the appeals of a row of `base`, within their town."""

_DAYS: Final = f"LATERAL (VALUES (base.day), (DATE '{EVER.isoformat()}')) AS per(day)"


def _place(row: str) -> str:
    """Status and dimensions of an appeal or event; a town is nine characters of an area code."""
    return f"""
    {row}.klass, coalesce({row}.category_id, '') AS category,
    coalesce({row}.unit_id::text, '') AS unit, left(coalesce({row}.area_id, ''), 9) AS town
    """


def _base_of_events(events: str, named: str = "wanted") -> str:
    """The changes by the events in table `events`, grouped: a burst becomes a few rows."""
    return f"""
    SELECT day, klass, category, unit, town, channel, status, sum(n) AS n FROM (
        SELECT (appeal.filed_at AT TIME ZONE %(zone)s)::date AS day, appeal.channel, side.*
        FROM {events} AS {named}
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


BY_INDEX: Final = """
SELECT set_config('jit', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true)
"""
"""Run before `board_query`, in its transaction: look up a few thousand events by index.

The planner overestimates the number of unfolded events and reads the whole history instead
(measured with a million appeals: 350 ms, against 60).
"""

UNCOMPILED: Final = "SELECT set_config('jit', 'off', true)"
"""Compiling these statements takes longer than running them."""

PICK: Final = """
SELECT event_id FROM appeals_untallied ORDER BY event_id LIMIT %s FOR UPDATE SKIP LOCKED
"""
"""-> the events to fold."""

FOLD: Final = f"""
WITH base AS (
    {_base_of_events("unnest(%(events)s::bigint[])", "wanted(event_id)")}
), written AS (
    INSERT INTO insight_tally (day, town, dim, key, status, n)
    SELECT per.day, base.town, along.dim, along.key, base.status, sum(base.n)
    FROM base, {_DIMENSIONS}, {_DAYS}
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(base.n) <> 0
    -- Folds lock the counters in one order, so they cannot deadlock.
    ORDER BY along.dim, per.day, base.town, along.key, base.status
    ON CONFLICT (dim, day, town, key, status) DO UPDATE SET n = insight_tally.n + excluded.n
    RETURNING id, n
)
SELECT id FROM written WHERE n = 0
"""
"""-> ids of counters that are now 0.

The ids of `events` are constants, so the planner knows how many there are. Where the statistics
of a table said that it was empty, a join by a guess took a minute for 1,200 events.
"""

REBUILD: Final = f"""
INSERT INTO insight_tally (day, town, dim, key, status, n)
SELECT per.day, base.town, along.dim, along.key, base.status, sum(base.n)
FROM ({_base_of_appeals("true")}) AS base, {_DIMENSIONS}, {_DAYS}
GROUP BY 1, 2, 3, 4, 5
"""

TOWN_LENGTH: Final = 9
"""Length of the area codes in counters."""


def _standing(dim: str, key: str) -> str:
    """The counters of a dimension over all days, and the events that are not folded yet."""
    return f"""
    SELECT town, key, status, n FROM insight_tally WHERE dim = '{dim}' AND day = %(ever)s
    UNION ALL
    SELECT left(coalesce(side.area_id, ''), {TOWN_LENGTH}), {key}, side.to_status, side.n
    FROM appeals_untallied AS wanted
    JOIN appeals_event AS event ON event.id = wanted.event_id
    CROSS JOIN LATERAL (
        SELECT event.area_id, event.unit_id, event.to_status, 1 AS n
        UNION ALL
        SELECT before.area_id, before.unit_id, before.to_status, -1 FROM appeals_event AS before
        WHERE before.appeal_id = event.appeal_id AND before.seq = event.seq - 1
    ) AS side
    """


STANDING: Final = f"""
SELECT coalesce(sum(n), 0) FROM ({_standing("all", "''")}) AS line
WHERE status = ANY(%(statuses)s) AND town LIKE ANY(%(towns)s)
"""
"""-> number of appeals."""

STANDING_BY_UNIT: Final = f"""
SELECT key, sum(n) FROM ({_standing("unit", "coalesce(side.unit_id::text, '')")}) AS line
WHERE status = ANY(%(statuses)s) GROUP BY key
"""
"""-> unit's id as text, "" for none, and number of appeals."""


def board_query(*, since: bool, scope: str) -> str:
    """-> dim, key, status, day, n: the period's lines, then ("day", "", "", day, n) of the series.

    Towns are lines of the dimension "town". Under a scope finer than a town the appeals themselves
    are counted.
    """
    fine = len(scope) > TOWN_LENGTH
    tallied = "false" if fine else "town LIKE %(scope)s" if scope else "true"
    rest = (
        _base_of_appeals("appeal.area_id LIKE %(scope)s")
        if fine
        else _base_of_events("appeals_untallied")
    )
    here = "base.town LIKE %(scope)s" if scope and not fine else "true"
    return f"""
    WITH rest AS MATERIALIZED ({rest}),
    line AS (
        SELECT town, dim, key, status, n FROM insight_tally
        WHERE dim IN ('all', 'klass', 'category', 'unit', 'channel')
          AND day {">= %(since)s" if since else "= %(ever)s"} AND {tallied}
        UNION ALL
        SELECT base.town, along.dim, along.key, base.status, base.n
        FROM rest AS base, {_DIMENSIONS}
        WHERE {"base.day >= %(since)s" if since else "true"} AND {here}
    )
    SELECT dim, key, status, NULL::date, sum(n) FROM line GROUP BY 1, 2, 3 HAVING sum(n) <> 0
    UNION ALL
    SELECT 'town', town, status, NULL, sum(n) FROM line WHERE dim = 'all'
    GROUP BY 2, 3 HAVING sum(n) <> 0
    UNION ALL
    SELECT 'day', '', '', day, sum(n) FROM (
        SELECT day, n FROM insight_tally WHERE dim = 'all' AND day >= %(series)s AND {tallied}
        UNION ALL
        SELECT day, n FROM rest AS base WHERE day >= %(series)s AND {here}
    ) AS daily
    GROUP BY day
    """


def late_query(*, since: bool, scope: str) -> str:
    """-> number of appeals with an overdue clock (`appeals.clocks.overdue`)."""
    overdue = "stopped_at IS NULL AND paused_at IS NULL AND due_at < statement_timestamp()"
    if not (since or scope):
        return f"SELECT count(DISTINCT appeal_id) FROM appeals_clock WHERE {overdue}"
    begin = "%(since)s::date::timestamp AT TIME ZONE %(zone)s"
    # A clock falls due after its appeal was filed, so its index is limited by the period, too.
    return f"""
    SELECT count(*)
    FROM appeals_appeal AS appeal
    WHERE {f"appeal.filed_at >= {begin}" if since else "true"}
      AND {"appeal.area_id LIKE %(scope)s" if scope else "true"}
      AND appeal.id IN (
        SELECT appeal_id FROM appeals_clock
        WHERE {overdue} AND {f"due_at >= {begin}" if since else "true"}
      )
    """
