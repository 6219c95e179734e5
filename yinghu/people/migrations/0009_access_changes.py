"""Changes of keys, logins, posts and units are announced by the database itself."""

from django.db import migrations

_TABLES = {
    "people_apitoken": ("user_id", "revoked_at, user_id"),
    "people_user": ("id", "is_active"),
    "people_post": ("user_id", "active, role, area_id, unit_id, user_id"),
    "people_unit": ("", "active"),
}
"""By table: the column with the login's id, if any, and the columns on which access depends."""


def _trigger(table: str, user: str, columns: str) -> str:
    changed = " OR ".join(
        f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns.split(", ")
    )
    return f"""
CREATE TRIGGER access_changed AFTER UPDATE OF {columns} ON {table}
    FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION yinghu_access_changed('{user}');
CREATE TRIGGER access_ended AFTER DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION yinghu_access_changed('{user}');
"""


FUNCTION = """
CREATE FUNCTION yinghu_access_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    login bigint := (to_jsonb(OLD) ->> TG_ARGV[0])::bigint;
BEGIN
    PERFORM pg_notify('yinghu', json_build_object('verb', 'access', 'users',
        CASE WHEN login IS NULL THEN '[]'::json ELSE json_build_array(login) END)::text);
    RETURN NULL;
END $$;
"""
FORWARD = FUNCTION + "".join(_trigger(table, *given) for table, given in _TABLES.items())
BACKWARD = "".join(
    f"DROP TRIGGER access_changed ON {table}; DROP TRIGGER access_ended ON {table};"
    for table in _TABLES
) + "DROP FUNCTION yinghu_access_changed();"


class Migration(migrations.Migration):
    dependencies = [("people", "0008_reveals_of_volunteers")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
