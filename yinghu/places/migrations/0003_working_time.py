"""Working time in the database: `places_shift` and `places_worked`; and ordinary office hours."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION places_working_minute(moment timestamptz) RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN moment <= closes THEN before + extract(epoch FROM moment - opens) / 60
        WHEN EXISTS (SELECT FROM places_workspan AS later WHERE later.opens > moment)
        THEN before + extract(epoch FROM closes - opens) / 60 END
    FROM places_workspan WHERE opens <= moment ORDER BY opens DESC LIMIT 1
$$;
COMMENT ON FUNCTION places_working_minute IS
    'How many working minutes lie before a moment, from where the spans begin; NULL outside them.';

CREATE FUNCTION places_shift(moment timestamptz, minutes float8, working boolean)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN NOT working OR minutes = 0 THEN moment + minutes * interval '1 minute'
    ELSE coalesce(
        (SELECT opens + (reached.minute - before) * interval '1 minute'
         FROM (SELECT places_working_minute(moment) + minutes AS minute) AS reached, places_workspan
         WHERE before < reached.minute ORDER BY before DESC LIMIT 1),
        moment + minutes * interval '1 minute')
    END
$$;
COMMENT ON FUNCTION places_shift IS
    'A moment moved by minutes, of working time where asked; round the clock beyond the spans.';

CREATE FUNCTION places_worked(since timestamptz, till timestamptz) RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        places_working_minute(till) - places_working_minute(since),
        extract(epoch FROM till - since) / 60)
$$;
COMMENT ON FUNCTION places_worked IS
    'Working minutes between two moments, negative where the second comes first.';

INSERT INTO places_workday (key, hours) VALUES
    ('1', '8:30-12:00 13:30-17:30'), ('2', '8:30-12:00 13:30-17:30'),
    ('3', '8:30-12:00 13:30-17:30'), ('4', '8:30-12:00 13:30-17:30'),
    ('5', '8:30-12:00 13:30-17:30'), ('6', ''), ('7', ''), ('statutory', 'yes');
"""

BACKWARD = """
DELETE FROM places_workday;
DROP FUNCTION places_worked;
DROP FUNCTION places_shift;
DROP FUNCTION places_working_minute;
"""


class Migration(migrations.Migration):
    dependencies = [("places", "0002_oversight")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
