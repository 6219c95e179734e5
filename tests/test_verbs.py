"""The verb table is complete, and each row fits the pages and the database."""

from __future__ import annotations

import gc

from yinghu.appeals.models import COUNTED_VERBS, Event
from yinghu.appeals.verb import Verb
from yinghu.common.icons import icon_names
from yinghu.oversight.shared_cases import SAYING
from yinghu.verbs import VERBS


def test_every_declared_verb_is_collected() -> None:
    declared = [thing for thing in gc.get_objects() if type(thing) is Verb]
    assert set(declared) == set(VERBS.values())
    assert len(VERBS) == len({row.name for row in declared}) == len(declared)


def test_other_tables_name_existing_verbs() -> None:
    for names in (COUNTED_VERBS, SAYING):
        assert set(names) <= set(VERBS)


def test_verbs_fit_pages_and_database() -> None:
    keys = [row.key for row in VERBS.values() if row.key]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set("ajkmsu/?0")
    longest = Event._meta.get_field("verb").max_length
    for row in VERBS.values():
        assert row.icon in icon_names()
        assert len(row.name) <= (longest or 0)
        assert row.told is not None or row.privacy.value != "public"
