"""Load model rows by a raw SQL condition, for the most frequent reads.

Building and compiling a queryset for the widest table takes a millisecond, four times as long as
this; with several reads per action that limits throughput.
"""

from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

M = TypeVar("M", bound=Model)


def fetch(model: type[M], tail: str, *values: Any) -> list[M]:
    """Return a model's rows; `tail` is the SQL from WHERE on, its %s filled with `values`."""
    start, names, converters = _statement_of(model)
    with connection.cursor() as cursor:
        cursor.execute(start + tail, values)
        found = cursor.fetchall()
    made = []
    for row in found:
        given = list(row)
        for at, convert in converters:
            given[at] = convert(given[at], None, connection)
        made.append(model.from_db(connection.alias, names, given))
    return made


@cache
def _statement_of(model: type[Model]) -> tuple[str, list[str], list[tuple[int, Any]]]:
    """Return the SQL up to its condition, the attributes in order, and converters by position."""
    fields = model._meta.concrete_fields
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    converters = [
        (at, convert)
        for at, field in enumerate(fields)
        if (convert := getattr(field, "from_db_value", None)) is not None
    ]
    start = f"SELECT {columns} FROM {quote(model._meta.db_table)} "  # noqa: S608  # names of ours
    return start, [field.attname for field in fields], converters
