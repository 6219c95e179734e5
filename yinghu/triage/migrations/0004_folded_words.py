"""Index the words of traditional characters anew, and give the last month's appeals their bands."""

import json
from typing import Any

from django.db import migrations

from yinghu.appeals.body_from_answers import labels_asked, without_labels
from yinghu.common.chinese import traditional_characters
from yinghu.triage.signatures import bands_of
from yinghu.triage.similarity import lexemes

_FOUND = """
SELECT words.appeal_id, appeal.title, appeal.body, appeal.answers,
       appeal.filed_at > now() - interval '30 days'
FROM triage_words AS words JOIN appeals_appeal AS appeal ON appeal.id = words.appeal_id
WHERE words.appeal_id > %s AND (
    appeal.filed_at > now() - interval '30 days'
    OR appeal.title || appeal.body || appeal.answers::text ~ %s)
ORDER BY words.appeal_id LIMIT 1000
"""
_WRITE = """
UPDATE triage_words SET vector = array_to_tsvector(string_to_array(given.words, ' ')),
    bands = given.bands::int[]
FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS given(id, words, bands)
WHERE triage_words.appeal_id = given.id
"""


def index_anew(_apps: Any, schema_editor: Any) -> None:
    """A thousand appeals at a time, as `search.index` writes them."""
    labels = labels_asked()
    characters = f"[{''.join(map(chr, traditional_characters()))}]"
    last = 0
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(_FOUND, [last, characters])
            rows = cursor.fetchall()
            if not rows:
                return
            last = rows[-1][0]
            made = [_row(labels, *row) for row in rows]
            cursor.execute(_WRITE, [list(column) for column in zip(*made, strict=True)])


def _row(
    labels: dict[str, list[str]], pk: int, title: str, body: str, answers: str, lately: bool
) -> tuple[int, str, str | None]:
    # The driver gives JSON as text.
    answered = (answer for answer in json.loads(answers).values() if isinstance(answer, str))
    words = " ".join(lexemes("\n".join((title, body, *answered))))
    bands = bands_of(without_labels(title + body, labels)) if lately else None
    return pk, words, f"{{{','.join(map(str, bands))}}}" if bands is not None else None


class Migration(migrations.Migration):
    dependencies = [("triage", "0003_bands")]
    operations = [migrations.RunPython(index_anew, migrations.RunPython.noop)]
