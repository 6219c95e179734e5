"""The log of who looked at whom refuses UPDATE, DELETE and TRUNCATE in the database itself."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION yinghu_is_forever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'Write a further row instead.';
END
$$;
CREATE TRIGGER reveal_is_forever BEFORE UPDATE OR DELETE OR TRUNCATE ON people_reveal
    FOR EACH STATEMENT EXECUTE FUNCTION yinghu_is_forever();
"""

BACKWARD = """
DROP TRIGGER reveal_is_forever ON people_reveal;
DROP FUNCTION yinghu_is_forever();
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
