"""Full-text search over appeals: character bigrams in a tsvector, so that Chinese needs no word
segmenter.
"""

from collections.abc import Callable, Sequence

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import BooleanField, F, Func, Q, QuerySet
from django.db.models.expressions import RawSQL

from yinghu.appeals.models import Appeal
from yinghu.common.masking import has_digits, without_numbers
from yinghu.people.access import Sought, revealed_q
from yinghu.triage.models import Words
from yinghu.triage.similarity import holds, search_query, search_text

FEW = 2_000
"""Appeals that hold a query, up to which they are listed before they are ordered; and of those that
the actor reads masked, the newest that are looked at one by one."""

_INDEX_SQL = """
INSERT INTO triage_words (appeal_id, vector)
SELECT id, array_to_tsvector(string_to_array(words, ' '))
FROM unnest(%s::bigint[], %s::text[]) AS given(id, words)
ON CONFLICT (appeal_id) DO UPDATE SET vector = excluded.vector
"""


def index(appeals: Sequence[Appeal]) -> None:
    """Write the words of these appeals, in one statement; again is harmless."""
    with connection.cursor() as cursor:
        cursor.execute(
            _INDEX_SQL,
            [
                [appeal.pk for appeal in appeals],
                [search_text(_said(appeal)) for appeal in appeals],
            ],
        )


def _said(appeal: Appeal, shown: Callable[[str], str] = str) -> str:
    """Title, body, and the answers to a category's questions in words, each as it is shown."""
    answered = (answer for answer in appeal.answers.values() if isinstance(answer, str))
    return "\n".join(map(shown, (appeal.title, appeal.body, *answered)))


def search(appeals: QuerySet[Appeal], sought: Sought) -> QuerySet[Appeal]:
    """Those of `appeals` that hold every part of the query, newest first.

    Appeals that the actor reads masked must also hold it in what is left of their words: what finds
    a case tells what is in it. A query with nothing to look for finds nothing.
    """
    wanted = search_query(sought.words)
    if not wanted:
        return appeals.none()
    found = _holding(appeals, wanted)
    revealed = revealed_q(sought.actor)
    # A mask hides digits and the marks between them; by all other words it changes nothing.
    if not revealed or not has_digits(sought.words):
        return found
    masked = found.exclude(revealed).only("title", "body", "answers")[:FEW]
    legible = [
        appeal.pk for appeal in masked if holds(_said(appeal, without_numbers), sought.words)
    ]
    return found.filter(revealed | Q(pk__in=legible))


def _holding(appeals: QuerySet[Appeal], wanted: str) -> QuerySet[Appeal]:
    """Those that hold the query, whoever may read it, newest first."""
    # Newest first and full text are two indexes, and PostgreSQL cannot tell which one finds the
    # first page sooner: it takes neighbouring pairs of characters for independent, and so a
    # frequent phrase for a rare one (measured on a million appeals: seconds). So the rare are
    # found by their words, the frequent by walking back from the newest: the next is never far.
    few = list(
        Words.objects.filter(vector=_Lexemes(wanted)).values_list("pk", flat=True)[: FEW + 1]
    )
    if len(few) <= FEW:
        # As one array: two thousand values spelled out cost more than looking them up.
        return appeals.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [few])).order_by("-id")
    return appeals.filter(_Holds(F("words__vector"), _Lexemes(wanted))).order_by("-id")


class _Holds(Func):
    """What `@@` does, by its function's name, which no index answers."""

    function = "ts_match_vq"
    output_field = BooleanField()


class _Lexemes(SearchQuery):
    """A query of ready-made lexemes: parsing them as text would lose Chinese in some locales."""

    template = "%(expressions)s::tsquery"
