"""When a clock is chased next, reckoned in the database; and the steps that a city begins with."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION appeals_next_chase(
    clock_kind text, limit_minutes float8, in_working_time boolean, due timestamptz,
    later_than timestamptz
) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT min(moment) FROM (
        SELECT places_shift(
            due, (percent - 100) * limit_minutes / 100 + minutes, in_working_time) AS moment
        FROM appeals_chasestep AS step
        WHERE active AND kind = CASE
            WHEN EXISTS (
                SELECT FROM appeals_chasestep AS own WHERE own.kind = clock_kind AND own.active
            ) THEN clock_kind ELSE '' END
    ) AS steps
    WHERE moment > later_than
$$;
COMMENT ON FUNCTION appeals_next_chase IS
    'The first step of chasing after a moment; NULL after the last. Own steps of a kind go before '
    'those for all kinds.';

-- A reminder before, an urge at the limit, a report after; at twice the limit a level higher.
INSERT INTO appeals_chasestep (kind, percent, minutes, act, tell, active) VALUES
    ('', 80, 0, 'remind', 'holder', true),
    ('', 100, 0, 'urge', 'holder', true),
    ('', 120, 0, 'urge', 'head', true),
    ('', 150, 0, 'report', 'supervisor', true),
    ('', 200, 0, 'report', 'command', true),
    ('solve', 80, 0, 'remind', 'holder', true),
    ('solve', 100, 0, 'urge', 'holder', true),
    ('solve', 120, 0, 'urge', 'head', true),
    ('solve', 150, 0, 'report', 'supervisor', true),
    ('solve', 200, 0, 'raise', 'supervisor', true),
    ('respond', 80, 0, 'remind', 'holder', true),
    ('respond', 100, 0, 'urge', 'holder', true),
    ('respond', 120, 0, 'urge', 'head', true),
    ('respond', 150, 0, 'report', 'supervisor', true),
    ('respond', 200, 0, 'raise', 'supervisor', true);

-- Clocks that run already are chased from now on, and cases say when they are due.
UPDATE appeals_clock SET minutes = extract(epoch FROM due_at - started_at) / 60
WHERE stopped_at IS NULL;
UPDATE appeals_clock
SET next_at = appeals_next_chase(kind, minutes, false, due_at, now())
WHERE stopped_at IS NULL;
UPDATE appeals_appeal AS appeal SET due_at = clock.due_at FROM (
    SELECT appeal_id, min(due_at) AS due_at FROM appeals_clock
    WHERE stopped_at IS NULL AND paused_at IS NULL GROUP BY appeal_id
) AS clock WHERE clock.appeal_id = appeal.id;
-- A level says now at whose the case is: its unit's.
UPDATE appeals_appeal AS appeal SET level = CASE unit.kind
    WHEN 'desk' THEN 1 WHEN 'command' THEN 1 WHEN 'department' THEN 2 WHEN 'task_force' THEN 2
    WHEN 'town' THEN 3 WHEN 'group' THEN 3 WHEN 'community' THEN 4 WHEN 'squad' THEN 4 ELSE 5 END
FROM people_unit AS unit WHERE unit.id = appeal.unit_id;
"""

BACKWARD = """
DELETE FROM appeals_chasestep;
DROP FUNCTION appeals_next_chase;
"""


class Migration(migrations.Migration):
    dependencies = [("appeals", "0006_oversight"), ("places", "0003_working_time")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
