"""Likely duplicates of an appeal: earlier ones of the same caller or place, with like words."""

from collections.abc import Sequence

from django.db import connection

from yinghu.appeals.models import Appeal
from yinghu.triage.likeness import alike
from yinghu.triage.models import Duplicate

LIKE_ENOUGH_CALLER = 0.35
LIKE_ENOUGH_PLACE = 0.5
"""From what likeness on (0 to 1) an earlier appeal is shown; lower for the same caller."""

_CANDIDATES_SQL = """
SELECT later.id, earlier.id, earlier.title || earlier.body, earlier.why
FROM appeals_appeal AS later
CROSS JOIN LATERAL (
    (SELECT id, title, body, 'caller' AS why FROM appeals_appeal AS same
     WHERE same.caller = later.caller AND same.id < later.id
       AND same.filed_at > later.filed_at - interval '30 days' AND same.status <> 'merged'
     ORDER BY same.id DESC LIMIT 20)
    UNION ALL
    (SELECT id, title, body, 'place' AS why FROM appeals_appeal AS near
     WHERE near.area_id = later.area_id AND length(later.area_id) >= 12 AND near.id < later.id
       AND near.filed_at > later.filed_at - interval '7 days' AND near.status <> 'merged'
     ORDER BY near.id DESC LIMIT 30)
) AS earlier
WHERE later.id = ANY(%s)
"""


def note_corrected(later_id: int, earlier_id: int) -> None:
    """Note that both came from one form, sent again with something mended in it: perhaps the very
    phone by which `find` would know the caller.
    """
    Duplicate.objects.create(appeal_id=later_id, other_id=earlier_id, score=1.0, why="caller")


def find(appeals: Sequence[Appeal]) -> None:
    """Note the likely duplicates of these appeals; again is harmless."""
    by_id = {appeal.pk: appeal for appeal in appeals}
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES_SQL, [list(by_id)])
        candidates = cursor.fetchall()
    found: dict[tuple[int, int], Duplicate] = {}
    for later_id, earlier_id, text, why in candidates:
        later = by_id[later_id]
        score = alike(later.title + later.body, text)
        enough = LIKE_ENOUGH_CALLER if why == "caller" else LIKE_ENOUGH_PLACE
        if score >= enough and (later_id, earlier_id) not in found:
            found[later_id, earlier_id] = Duplicate(
                appeal_id=later_id, other_id=earlier_id, score=round(score, 3), why=why
            )
    Duplicate.objects.bulk_create(found.values(), ignore_conflicts=True)
