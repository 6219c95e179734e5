"""Histories of tags and scans refuse UPDATE, DELETE and TRUNCATE in the database itself."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER tag_event_is_forever BEFORE UPDATE OR DELETE OR TRUNCATE ON guardian_tagevent
    FOR EACH STATEMENT EXECUTE FUNCTION yinghu_is_forever();
CREATE TRIGGER scan_entry_is_forever BEFORE UPDATE OR DELETE OR TRUNCATE ON guardian_scanentry
    FOR EACH STATEMENT EXECUTE FUNCTION yinghu_is_forever();
"""

BACKWARD = """
DROP TRIGGER tag_event_is_forever ON guardian_tagevent;
DROP TRIGGER scan_entry_is_forever ON guardian_scanentry;
"""


class Migration(migrations.Migration):
    dependencies = [("guardian", "0001_initial"), ("people", "0010_personal_keys")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
