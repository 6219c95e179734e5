"""Full-text search over appeals: character bigrams in a tsvector, without a word segmenter."""

from collections.abc import Callable, Sequence

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import BooleanField, F, Func, Q, QuerySet
from django.db.models.expressions import RawSQL

from yinghu.appeals.body_from_answers import labels_asked, without_labels
from yinghu.appeals.models import Appeal
from yinghu.common.privacy.masking import has_digits, without_numbers
from yinghu.people.access import Sought, revealed_q
from yinghu.triage.models import Words
from yinghu.triage.signatures import bands_of
from yinghu.triage.similarity import holds, lexemes, search_query

FEW = 2_000
"""Matches listed before ordering, and masked matches checked one by one, at most."""

_INDEX_SQL = """
INSERT INTO triage_words (appeal_id, vector, bands)
SELECT id, array_to_tsvector(string_to_array(words, ' ')), bands::int[]
FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS given(id, words, bands)
ON CONFLICT (appeal_id) DO UPDATE SET vector = excluded.vector, bands = excluded.bands
"""


def index(appeals: Sequence[Appeal]) -> None:
    """Write the words of these appeals, in one statement; idempotent."""
    labels = labels_asked()
    bands = (bands_of(without_labels(each.title + each.body, labels)) for each in appeals)
    with connection.cursor() as cursor:
        cursor.execute(
            _INDEX_SQL,
            [
                [appeal.pk for appeal in appeals],
                [" ".join(lexemes(_text_of(appeal))) for appeal in appeals],
                [f"{{{','.join(map(str, each))}}}" for each in bands],
            ],
        )


def _text_of(appeal: Appeal, shown: Callable[[str], str] = str) -> str:
    """Title, body and answers to a category's questions, each passed through `shown`."""
    answered = (answer for answer in appeal.answers.values() if isinstance(answer, str))
    return "\n".join(map(shown, (appeal.title, appeal.body, *answered)))


def search(appeals: QuerySet[Appeal], sought: Sought) -> QuerySet[Appeal]:
    """Return those of `appeals` that contain every term of the query, newest first.

    Appeals that the actor sees masked must also match in their masked text, or a match would reveal
    hidden words. A query without terms finds nothing.
    """
    wanted = search_query(sought.words)
    if not wanted:
        return appeals.none()
    found = _matching(appeals, wanted)
    revealed = revealed_q(sought.actor)
    # A mask hides only digits and the marks between them.
    if not revealed or not has_digits(sought.words):
        return found
    masked = found.exclude(revealed).only("title", "body", "answers")[:FEW]
    legible = [
        appeal.pk for appeal in masked if holds(_text_of(appeal, without_numbers), sought.words)
    ]
    return found.filter(revealed | Q(pk__in=legible))


def _matching(appeals: QuerySet[Appeal], wanted: str) -> QuerySet[Appeal]:
    # Newest first and full text are two indexes, and PostgreSQL cannot tell which one finds the
    # first page sooner: it takes neighbouring bigrams for independent, and so a frequent phrase for
    # a rare one (measured on a million appeals: seconds). So rare phrases are found by the text
    # index, frequent ones by walking back from the newest appeal.
    few = list(
        Words.objects.filter(vector=_Lexemes(wanted)).values_list("pk", flat=True)[: FEW + 1]
    )
    if len(few) <= FEW:
        # As one array: two thousand separate values cost more than looking them up.
        return appeals.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [few])).order_by("-id")
    return appeals.filter(_Matches(F("words__vector"), _Lexemes(wanted))).order_by("-id")


class _Matches(Func):
    """`@@` by the name of its function, which uses no index."""

    function = "ts_match_vq"
    output_field = BooleanField()


class _Lexemes(SearchQuery):
    """A query of ready-made lexemes: parsing them as text would lose Chinese in some locales."""

    template = "%(expressions)s::tsquery"
