"""Likely duplicates: earlier appeals that are the same matter, by words, place, need and caller."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

from yinghu.appeals.body_from_answers import labels_asked, without_labels
from yinghu.appeals.filing import RECORD
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import OPEN
from yinghu.triage.likeness import ENOUGH, VILLAGE, Traits, compare
from yinghu.triage.models import Duplicate
from yinghu.triage.similarity import alike

MOST: Final = 10
"""Earlier appeals that are recorded for one."""

# Each of the three ways reads an index and a few rows: by the same phone, in the same village, and
# by words that are nearly the same, wherever and by whoever. `OFFSET 0` keeps the planner from
# walking back through all appeals instead of using the index of bands. Measured on 100,000 appeals
# of three weeks: 25 ms, and 85 ms where 7,000 of them have nearly the same words.
_CANDIDATES_SQL = """
SELECT later.id, earlier.id, earlier.title || earlier.body, earlier.status = ANY(%(open)s),
    coalesce(nullif(later.klass, ''), suggested.klass, ''),
    coalesce(later.category_id, suggested.category_id),
    coalesce(later.area_id, suggested.area_id, ''),
    coalesce(nullif(earlier.klass, ''), guess.klass, ''),
    coalesce(earlier.category_id, guess.category_id),
    coalesce(earlier.area_id, guess.area_id, ''),
    earlier.place_id, earlier.caller, earlier.name_index, earlier.address_index
FROM appeals_appeal AS later
LEFT JOIN triage_suggestion AS suggested ON suggested.appeal_id = later.id
LEFT JOIN triage_words AS words ON words.appeal_id = later.id
CROSS JOIN LATERAL (
    (SELECT id FROM appeals_appeal AS same
     WHERE same.caller = later.caller AND same.id < later.id
       AND same.filed_at > later.filed_at - interval '30 days' AND same.status <> 'merged'
     ORDER BY same.id DESC LIMIT 20)
    UNION
    (SELECT id FROM appeals_appeal AS near
     WHERE near.area_id = coalesce(later.area_id, suggested.area_id)
       AND length(near.area_id) >= %(village)s AND near.id < later.id
       AND near.filed_at > later.filed_at - interval '7 days' AND near.status <> 'merged'
     ORDER BY near.id DESC LIMIT 30)
    UNION
    (SELECT alike.id FROM (
        SELECT appeal_id FROM (
            SELECT appeal_id FROM triage_words AS band WHERE band.bands && words.bands OFFSET 0
        ) AS every
        WHERE appeal_id < later.id ORDER BY appeal_id DESC LIMIT 1000
     ) AS found JOIN appeals_appeal AS alike ON alike.id = found.appeal_id
     WHERE alike.filed_at > later.filed_at - interval '30 days' AND alike.status <> 'merged'
     ORDER BY alike.id DESC LIMIT 50)
) AS candidate
JOIN appeals_appeal AS earlier ON earlier.id = candidate.id
LEFT JOIN triage_suggestion AS guess ON guess.appeal_id = earlier.id
WHERE later.id = ANY(%(later)s)
ORDER BY later.id, earlier.id DESC
"""


def note_corrected(later_id: int, earlier_id: int) -> None:
    """Record a corrected form as a duplicate, also where its caller is unknown."""
    Duplicate.objects.create(appeal_id=later_id, other_id=earlier_id, score=1.0, why="caller")


def find_duplicates(appeals: Sequence[Appeal]) -> None:
    """Record the likely duplicates of appeals that have suggestions and words; idempotent."""
    labels = labels_asked()
    for start in range(0, len(appeals), _AT_ONCE):
        _find_among_earlier(appeals[start : start + _AT_ONCE], labels)


_AT_ONCE = 50
"""Appeals compared at once. Reading the up to 100 candidates of each holds up all threads of the
process, as those that look for danger; of a thousand it took two seconds."""


def _find_among_earlier(appeals: Sequence[Appeal], labels: Mapping[str, list[str]]) -> None:
    by_id = {appeal.pk: appeal for appeal in appeals}
    with connection.cursor() as cursor:
        given: dict[str, Any] = {
            "open": [status.value for status in OPEN],
            "later": list(by_id),
            "village": VILLAGE,
        }
        cursor.execute(_CANDIDATES_SQL, given)
        candidates = cursor.fetchall()
    earlier = {candidate[1] for candidate in candidates}
    past = Event.objects.filter(appeal__in=earlier, seq=1, verb=RECORD.name)
    # What was said and ended before is no duplicate of what is said today.
    recorded = set(past.values_list("appeal", flat=True))
    found: dict[int, list[Duplicate]] = {}
    for later_id, earlier_id, text, is_open, *rest in candidates:
        if earlier_id in recorded:
            continue
        later = by_id[later_id]
        klass, category, area = rest[:3]
        mine = Traits(
            without_labels(later.title + later.body, labels),
            klass,
            category,
            area,
            later.place_id,
            _bytes(later.caller),
            _bytes(later.name_index),
            _bytes(later.address_index),
        )
        klass, category, area, place, *indexes = rest[3:]
        caller, person, door = map(_bytes, indexes)
        text = without_labels(text, labels)
        theirs = Traits(text, klass, category, area, place, caller, person, door)
        liked = compare(mine, theirs, alike(mine.text, theirs.text), is_open=bool(is_open))
        if liked.score >= ENOUGH:
            made = Duplicate(appeal_id=later_id, other_id=earlier_id, why=" ".join(liked.why))
            made.score = round(liked.score, 3)
            found.setdefault(later_id, []).append(made)
    best = [
        each for made in found.values() for each in sorted(made, key=lambda one: -one.score)[:MOST]
    ]
    Duplicate.objects.bulk_create(best, ignore_conflicts=True)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
