"""Helpers for migrations that rename an app label while installations keep their tables.

Django identifies an app's tables and migrations by its label. To rename `old`, whose last migration
is `0005_last`, to `new`:

1. Move the package, and replace its migrations by `0001_initial` of `new` with `replaces = [("old",
   "0005_last")]`, which begins with `RunPython(require_migrated("old", "0005_last",
   table="old_thing"))` and creates everything for a new installation.
2. `0002_adopt` of `new` is `RunPython(adopt_tables(…))`. If `0005_last` was applied, Django takes
   `0001_initial` as applied, and this renames the tables. A new installation has no old ones.
3. Recreate functions whose text names a table by `RunSQL` after that; all else follows its table.
4. Migrations of other apps that depend on `old` depend on `0001_initial` of `new` instead, and
   refer to `new.Thing`. An app that is split has two such pairs of migrations.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.recorder import MigrationRecorder

Step = Callable[[Any, BaseDatabaseSchemaEditor], None]
"""Callable for `RunPython`: receives the historical models and the schema editor."""

_LONGEST_NAME = 63
"""Bytes; PostgreSQL truncates longer names (`NAMEDATALEN`). Our names are ASCII."""

_OF_TABLE = """
SELECT 'constraint', conname FROM pg_constraint
WHERE conrelid = %s::regclass AND contype <> 'n'
UNION ALL
SELECT 'index', relname FROM pg_index JOIN pg_class ON oid = indexrelid
WHERE indrelid = %s::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
UNION ALL
SELECT 'sequence', relname FROM pg_depend JOIN pg_class ON oid = objid
WHERE refobjid = %s::regclass AND classid = 'pg_class'::regclass AND relkind = 'S'
"""
_RENAME = {
    "constraint": "ALTER TABLE {0} RENAME CONSTRAINT {1} TO {2}",
    "index": "ALTER INDEX {1} RENAME TO {2}",
    "sequence": "ALTER SEQUENCE {1} RENAME TO {2}",
}


class NotMigrated(CommandError):
    """The database is too old for this release."""


def require_migrated(old_app: str, last: str, table: str) -> Step:
    """Return a step that raises NotMigrated if `table` exists without the app's last migration."""

    def check(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        done = MigrationRecorder(editor.connection).applied_migrations()
        if _exists(editor, table) and (old_app, last) not in done:
            raise NotMigrated(
                f"This database has tables of {old_app} that are not at its migration {last}, so "
                f"they cannot be taken over. Start the last release that has the app {old_app} "
                "once on this database, which migrates it, and then this one."
            )

    return check


def adopt_tables(
    old_app: str,
    new_app: str,
    models: Mapping[str, str],
    columns: Mapping[str, Mapping[str, str]] = {},
    names: Mapping[str, str] = {},
) -> Step:
    """Return a step that renames the old app's tables, if any, to the new one's.

    `models` maps old to new model names in lower case; tables are `<label>_<model>`. Constraints,
    indexes and sequences that begin with the table's old name follow, and so do content types.
    `columns` maps old to new columns by new model name; `names` maps constraints and indexes that
    do not begin with the table's name.
    """

    def adopt(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        quote = editor.quote_name
        for old_model, model in models.items():
            old, new = f"{old_app}_{old_model}", f"{new_app}_{model}"
            if not _exists(editor, old):
                continue
            editor.execute(f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}")
            for before, after in columns.get(model, {}).items():
                rename = f"RENAME COLUMN {quote(before)} TO {quote(after)}"
                editor.execute(f"ALTER TABLE {quote(new)} {rename}")
            with editor.connection.cursor() as cursor:
                cursor.execute(_OF_TABLE, [new, new, new])
                found = cursor.fetchall()
            for kind, name in found:
                fresh = names.get(name, name)
                if name.startswith(f"{old}_"):
                    fresh = new + name.removeprefix(old)
                elif name.startswith(f"{old_app}_"):
                    # Of a long name, Django has shortened the table's part.
                    fresh = new_app + name.removeprefix(old_app)
                fresh = fresh.replace(f"_fk_{old_app}_", f"_fk_{new_app}_")[:_LONGEST_NAME]
                if fresh != name:
                    editor.execute(_RENAME[kind].format(quote(new), quote(name), quote(fresh)))
            if _exists(editor, "django_content_type"):
                editor.execute(
                    "UPDATE django_content_type SET app_label = %s, model = %s "
                    "WHERE app_label = %s AND model = %s",
                    [new_app, model, old_app, old_model],
                )

    return adopt


def _exists(editor: BaseDatabaseSchemaEditor, table: str) -> bool:
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        return bool(cursor.fetchone()[0])
