"""Similarity of two texts, and the lexemes by which a text is searched.

Both use pairs of neighbouring characters (bigrams), since Chinese has no spaces between words; no
segmenter is needed. Lexemes for search:
- of a run of Chinese, Japanese or Korean characters: every pair, and the last character alone, so
  that every character begins some lexeme and a single one can be found by prefix;
- of anything else: words of letters and digits, in lower case.

Store `lexemes` with `array_to_tsvector` and query with `search_query(q)::tsquery`, so that no
parser, dictionary or locale of PostgreSQL interferes (`to_tsvector` drops characters that are newer
than its tables).
"""

import re
from functools import lru_cache
from typing import Final

from yinghu.common.chinese import fold_text

LONGEST_WORD: Final = 64
"""Characters of a word that are indexed; a tsvector takes lexemes of up to 2,046 bytes."""
MOST_LEXEMES: Final = 20_000
"""Different lexemes of one text; a tsvector takes up to 1 MB."""
MOST_TERMS: Final = 32
"""Terms of one query."""

# Han with its extensions and marks, kana, Hangul.
_CJK: Final = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUNS: Final = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_IS_CJK: Final = re.compile(rf"[{_CJK}]")


@lru_cache(maxsize=2048)
def grams(text: str) -> frozenset[str]:
    """Return pairs of neighbouring letters, digits or characters; a single one stands alone.

    grams("A市，停水") == {"a市", "市停", "停水"}
    """
    kept = "".join(_RUNS.findall(fold_text(text)))
    if len(kept) == 1:
        return frozenset((kept,))
    return frozenset(kept[i : i + 2] for i in range(len(kept) - 1))


def alike(a: str, b: str) -> float:
    """Similarity of two texts, 0 to 1, symmetric; 1 for the same words.

    The Jaccard index of their bigrams or, where one may be a longer version of the other, the share
    of the shorter one's bigrams in the longer, discounted for short texts: "停水了" occurs in many
    messages about something else.
    """
    these, those = grams(a), grams(b)
    if not these or not those:
        return 0.0
    common = len(these & those)
    shorter = min(len(these), len(those))
    jaccard = common / (len(these) + len(those) - common)
    contained = common / shorter * min(1.0, shorter / 40) * 0.9
    return max(jaccard, contained)


def lexemes(text: str) -> list[str]:
    """Return the sorted, unique lexemes of a text, without blanks, quotes or NUL."""
    found: set[str] = set()
    for run in _RUNS.findall(fold_text(text)):
        if _IS_CJK.match(run):
            found.update(run[i : i + 2] for i in range(len(run) - 1))
            found.add(run[-1])
        else:
            found.add(run[:LONGEST_WORD])
        if len(found) >= MOST_LEXEMES:
            break
    return sorted(found)[:MOST_LEXEMES]


def search_query(q: str) -> str:
    """Return a tsquery for every term of `q`; "" if it has none (nothing is found then).

    Safe for any input: only letters, digits and CJK characters pass, each term in quotes.
    search_query("消防栓 A3区") == "'消防' & '防栓' & 'a3' & '区':*"
    """
    return " & ".join(f"'{term}':*" if prefix else f"'{term}'" for term, prefix in _terms(q))


def holds(text: str, q: str) -> bool:
    """Does `text` contain every term of `q`? Agrees with PostgreSQL on lexemes and query."""
    terms = _terms(q)
    found = lexemes(text)
    known = frozenset(found)
    return bool(terms) and all(
        any(lexeme.startswith(term) for lexeme in found) if prefix else term in known
        for term, prefix in terms
    )


def _terms(q: str) -> list[tuple[str, bool]]:
    """Return the terms of `q`, each once, and whether each is a prefix."""
    terms: dict[tuple[str, bool], None] = {}
    for run in _RUNS.findall(fold_text(q)[:1000]):
        if not _IS_CJK.match(run):
            terms[run[:LONGEST_WORD], False] = None
        elif len(run) == 1:
            terms[run, True] = None
        else:
            terms.update(((run[i : i + 2], False), None) for i in range(len(run) - 1))
    return list(terms)[:MOST_TERMS]
