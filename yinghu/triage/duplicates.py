"""Likely duplicates: earlier appeals of the same caller or place with similar words."""

from collections.abc import Sequence
from typing import Final

from django.db import connection

from yinghu.appeals.body_from_answers import labels_asked, without_labels
from yinghu.appeals.filing import RECORD
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import OPEN
from yinghu.triage.models import Duplicate
from yinghu.triage.similarity import alike

LIKE_ENOUGH: Final = {
    ("caller", False): 0.35,
    ("caller", True): 0.0,
    ("place", False): 0.5,
    ("place", True): 0.15,
}
"""Minimum similarity (0 to 1) by what the two share and whether the earlier appeal is open and of
the same category: a caller who asks again about an open matter uses other words, and neighbours
describe one problem in many ways.
"""

_SAME_CATEGORY: Final = 0.5
"""Minimum score for an open appeal of the same caller and category."""

_CANDIDATES_SQL = """
SELECT later.id, earlier.id, earlier.title || earlier.body, earlier.why,
    earlier.status = ANY(%s) AND coalesce(earlier.category_id, guess.category_id)
        = coalesce(later.category_id, suggested.category_id)
FROM appeals_appeal AS later
LEFT JOIN triage_suggestion AS suggested ON suggested.appeal_id = later.id
CROSS JOIN LATERAL (
    (SELECT id, title, body, status, category_id, 'caller' AS why FROM appeals_appeal AS same
     WHERE same.caller = later.caller AND same.id < later.id
       AND same.filed_at > later.filed_at - interval '30 days' AND same.status <> 'merged'
     ORDER BY same.id DESC LIMIT 20)
    UNION ALL
    (SELECT id, title, body, status, category_id, 'place' AS why FROM appeals_appeal AS near
     WHERE near.area_id = coalesce(later.area_id, suggested.area_id)
       AND length(near.area_id) >= 12 AND near.id < later.id
       AND near.filed_at > later.filed_at - interval '7 days' AND near.status <> 'merged'
     ORDER BY near.id DESC LIMIT 30)
) AS earlier
LEFT JOIN triage_suggestion AS guess ON guess.appeal_id = earlier.id
WHERE later.id = ANY(%s)
ORDER BY later.id, earlier.why, earlier.id DESC
"""


def note_corrected(later_id: int, earlier_id: int) -> None:
    """Record a corrected form as a duplicate, also where its caller is unknown."""
    Duplicate.objects.create(appeal_id=later_id, other_id=earlier_id, score=1.0, why="caller")


def find_duplicates(appeals: Sequence[Appeal]) -> None:
    """Record the likely duplicates of appeals that have suggestions; idempotent."""
    by_id = {appeal.pk: appeal for appeal in appeals}
    labels = labels_asked()
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES_SQL, [[status.value for status in OPEN], list(by_id)])
        candidates = cursor.fetchall()
    found: dict[tuple[int, int], Duplicate] = {}
    for later_id, earlier_id, text, why, same in candidates:
        later = by_id[later_id]
        score = alike(
            without_labels(later.title + later.body, labels), without_labels(text, labels)
        )
        if score >= LIKE_ENOUGH[why, bool(same)] and (later_id, earlier_id) not in found:
            if same and why == "caller":
                score = max(score, _SAME_CATEGORY)
            found[later_id, earlier_id] = Duplicate(
                appeal_id=later_id, other_id=earlier_id, score=round(score, 3), why=why
            )
    # What was said and ended before is no duplicate of what is said today.
    earlier = {earlier_id for _later, earlier_id in found}
    recorded = set(
        Event.objects.filter(appeal__in=earlier, seq=1, verb=RECORD.name).values_list(
            "appeal", flat=True
        )
    )
    Duplicate.objects.bulk_create(
        [each for each in found.values() if each.other_id not in recorded], ignore_conflicts=True
    )
