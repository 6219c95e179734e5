"""Words that an earlier release has indexed are found after the upgrade."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connection

from tests.cast import Cast, file_one
from yinghu.appeals.models import Appeal
from yinghu.people.access import SYSTEM, words_to_search
from yinghu.triage.models import Words
from yinghu.triage.search import search
from yinghu.triage.signatures import bands_of

pytestmark = pytest.mark.django_db


def test_traditional_words_are_indexed_anew_and_bands_added(city: Cast) -> None:
    appeal = file_one("社區裡沒有嬰兒奶粉", category="medicine", answers={"medicine": "降压药"})
    with connection.cursor() as cursor:
        # As it was: the characters as written, and no bands.
        cursor.execute(
            "INSERT INTO triage_words (appeal_id, vector) VALUES (%s, array_to_tsvector(%s))",
            [appeal.pk, ["社區", "區裡", "嬰兒", "奶粉"]],
        )

    def found(query: str) -> list[Appeal]:
        return list(search(Appeal.objects.all(), words_to_search(SYSTEM, query)))

    assert found("社区里没有婴儿") == []
    upgrade = import_module("yinghu.triage.migrations.0004_folded_words")
    upgrade.index_anew(None, SimpleNamespace(connection=connection))
    assert found("社区里没有婴儿") == found("社區裡沒有嬰兒") == [appeal]
    assert found("降压药") == [appeal]
    assert Words.objects.get(appeal=appeal).bands == bands_of(appeal.body)
