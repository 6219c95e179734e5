"""The events table refuses UPDATE, DELETE and TRUNCATE in the database itself."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER event_is_forever BEFORE UPDATE OR DELETE OR TRUNCATE ON appeals_event
    FOR EACH STATEMENT EXECUTE FUNCTION yinghu_is_forever();
"""

BACKWARD = "DROP TRIGGER event_is_forever ON appeals_event"


class Migration(migrations.Migration):
    dependencies = [("appeals", "0002_initial"), ("people", "0002_reveals_are_forever")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
