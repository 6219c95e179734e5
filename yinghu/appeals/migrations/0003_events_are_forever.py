"""The events table refuses UPDATE, DELETE and TRUNCATE in the database itself."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION appeals_event_is_forever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'appeals_event is append-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'Write a further event instead.';
END
$$;
CREATE TRIGGER event_is_forever BEFORE UPDATE OR DELETE OR TRUNCATE ON appeals_event
    FOR EACH STATEMENT EXECUTE FUNCTION appeals_event_is_forever();
"""

BACKWARD = """
DROP TRIGGER event_is_forever ON appeals_event;
DROP FUNCTION appeals_event_is_forever();
"""


class Migration(migrations.Migration):
    dependencies = [("appeals", "0002_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
