"""Helpers for tests that migrate databases of releases in which an app had another label."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection

_SHAPE = """
SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, is_identity)
FROM information_schema.columns WHERE table_name ~ %(tables)s
UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename ~ %(tables)s
UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid::regclass::text ~ %(tables)s AND contype <> 'n'
UNION ALL SELECT relname::text FROM pg_class WHERE relkind = 'S' AND relname ~ %(tables)s
"""
_NAMES = """
SELECT relname::text FROM pg_class WHERE relname ~ %(old)s
UNION ALL SELECT conname::text FROM pg_constraint WHERE conname ~ %(old)s AND contype <> 'n'
UNION ALL SELECT app_label FROM django_content_type WHERE app_label || '_' ~ %(old)s
"""


def shape(*labels: str) -> list[str]:
    """Columns, indexes, constraints and sequences of the tables of these apps."""
    with connection.cursor() as cursor:
        cursor.execute(_SHAPE, {"tables": f"^({'|'.join(labels)})_"})
        found = [row[0] for row in cursor.fetchall()]
    # Django adds a hash to some names and shortens long ones; a dump writes casts of constants
    # differently.
    hashed, casts = r"\S+_[0-9a-f]{8}\S*", r"::[a-z ]+(\[\])?|[()]"
    return sorted(re.sub(casts, "", re.sub(hashed, "*", row)) for row in found)


def rows(*labels: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of the models of these apps."""
    models = [model for label in labels for model in apps.get_app_config(label).get_models()]
    return {
        model.__name__: list(model._default_manager.order_by("pk").values()) for model in models
    }


def go_back(old: Path) -> None:
    """Restore the tables of the old label: run a file that moves the rows into the tables of that
    release, as pg_dump wrote them.
    """
    with connection.cursor() as cursor:
        cursor.execute(old.read_text("utf-8"))
    ContentType.objects.clear_cache()


def names_of(label: str) -> list[str]:
    """Tables, indexes, sequences, constraints and content types that are named after this app."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, {"old": f"(^|_fk_){label}_"})
        return [row[0] for row in cursor.fetchall()]
