"""Keyword reader: category and class of an appeal, from rules in `lexicon.csv`.

A rule is a line: words (separated by |), a category or none, a class or none, and the weight of
each word as evidence. A word may occur in several lines; their weights add up. A longer word hides
the shorter ones in it.

How well the confidences are calibrated:
- category: a logistic curve over the lead of the best category, fitted on 7,519 word lists of real
  messages to a city's mailbox with seven categories. On 480 whole messages used for neither the
  words nor the curve (`python -m yinghu.triage.evaluation`), 95 % were right where the stated
  confidence was 90 % or more (mean 95 %), 81 % from 80 to 90 % (mean 86 %), 58 % below that (mean
  60 %); 83 % overall. For needs (milk powder, medicine ...) there are no labelled messages: the
  same curve is assumed.
- class: no labelled messages either; the confidence is a curve over the evidence, at most 0.9.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, Self

from yinghu.common.chinese import fold_in_place
from yinghu.places.words import Finder

DEFAULT: Final = Path(__file__).parent / "lexicon.csv"
OTHER: Final = "other"
"""Category code where no rule matches."""

CLASSES: Final = ("policy", "opinion", "need")
LONGEST: Final = 20_000
"""Characters that are read; more would only take time."""

TITLE_WEIGHT: Final = 2.0
"""Weight of a word in the title (`title_of`), relative to the body."""
TITLE_LENGTH: Final = 60
# p(right) = 1 / (1 + exp(-(A + B·lead + C·ln(1 + best)))), lead = (best - next) / (best + 1).
CURVE: Final = (-1.03, 4.1, 0.25)


class Rule(NamedTuple):
    """Evidence that one word gives; empty or 0 where it gives none."""

    category: str
    klass: str
    weight: float


@dataclass(frozen=True)
class Reading:
    """Category and class read from an appeal, with `confidences` for each, 0 to 1.

    `why` are the words that were evidence, strongest first.
    """

    category: str
    klass: str
    confidences: dict[str, float]
    why: tuple[str, ...]


class BadLexicon(ValueError):
    """An unusable rule: file, line and reason."""


class Reader:
    """Reads texts by rules in memory: about 0.2 ms for 500 characters, without a query."""

    def __init__(self, rules: Mapping[str, Iterable[Rule]]) -> None:
        self._rules = {fold_in_place(word): tuple(found) for word, found in rules.items()}
        self._finder = Finder(self._rules)
        self._klass_of = {
            rule.category: rule.klass
            for found in self._rules.values()
            for rule in found
            if rule.category and rule.klass
        }

    @classmethod
    def load(cls, path: Path | str = DEFAULT) -> Self:
        """Load a CSV `words,category,klass,weight`; BadLexicon names a bad line."""
        rules: dict[str, list[Rule]] = {}
        with Path(path).open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            for row in reader:
                try:
                    rule = Rule(row["category"], row["klass"], float(row["weight"]))
                    if rule.klass not in ("", *CLASSES):
                        raise ValueError(f"class {rule.klass!r} unknown")
                    words = [word for word in row["words"].split("|") if word]
                    if not words or any(len(word) < 2 for word in words):
                        raise ValueError("each word needs two characters at least")
                except (KeyError, TypeError, ValueError) as why:
                    raise BadLexicon(f"{path}, line {reader.line_num}: {why}") from why
                for word in words:
                    rules.setdefault(word, []).append(rule)
        return cls(rules)

    def read(self, text: str, answers: Mapping[str, object] | None = None) -> Reading:
        """Return category and class of an appeal.

        `text` is the body, or title and body separated by a line break. `answers` to a category's
        questions are read as part of the text.
        """
        said = [str(value) for value in (answers or {}).values() if isinstance(value, str)]
        text = "\n".join([text[:LONGEST], *said])[:LONGEST]
        title_end = len(title_of(text))
        counts: dict[str, float] = {}
        for _start, end, word in self._finder.find(text):
            counts[word] = counts.get(word, 0.0) + (TITLE_WEIGHT if end <= title_end else 1.0)
        categories: dict[str, float] = {}
        klasses = dict.fromkeys(CLASSES, 0.0)
        strength: dict[str, float] = {}
        for word, count in counts.items():
            # Diminishing returns: the tenth "工资" adds little to the third.
            times = 1.0 + math.log(count) if count > 1 else count
            for rule in self._rules[word]:
                weight = rule.weight * times
                strength[word] = strength.get(word, 0.0) + weight
                if rule.category:
                    categories[rule.category] = categories.get(rule.category, 0.0) + weight
                elif rule.klass:
                    klasses[rule.klass] += weight
        category, sure = self._category(categories)
        klass, klass_sure = self._klass(category, klasses)
        why = self._why(strength, category, klass)
        return Reading(category, klass, {"category": sure, "klass": klass_sure}, why)

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return (category, confidence) of each text, like the classifier."""
        readings = (self.read(text) for text in texts)
        return [(reading.category, reading.confidences["category"]) for reading in readings]

    @staticmethod
    def _category(scores: dict[str, float]) -> tuple[str, float]:
        if not scores:
            return OTHER, 0.2
        order = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        code, best = order[0]
        second = order[1][1] if len(order) > 1 else 0.0
        lead = (best - second) / (best + 1.0)
        a, b, c = CURVE
        return code, round(1.0 / (1.0 + math.exp(-(a + b * lead + c * math.log1p(best)))), 3)

    def _klass(self, category: str, scores: dict[str, float]) -> tuple[str, float]:
        """Return the category's usual class, unless the evidence for another is stronger."""
        usual = self._klass_of.get(category, "opinion")
        # A need stays a need however it is phrased: "能否帮忙买奶粉" is no question about policy.
        scores = scores | {usual: scores[usual] + (3.0 if usual == "need" else 1.0)}
        klass = max(CLASSES, key=lambda name: (scores[name], name == usual))
        return klass, round(0.3 + 0.6 * scores[klass] / (sum(scores.values()) + 0.5), 3)

    def _why(self, strength: dict[str, float], category: str, klass: str) -> tuple[str, ...]:
        def speaks(word: str) -> bool:
            return any(
                rule.category == category or (not rule.category and rule.klass == klass)
                for rule in self._rules[word]
            )

        order = sorted(strength, key=lambda word: (-strength[word], word))
        return tuple(word for word in order if speaks(word))[:8]


@cache
def default_reader() -> Reader:
    """Return the reader with the lexicon included in Yinghu, loaded once per process."""
    return Reader.load()


def title_of(text: str) -> str:
    """Return the first line if it is short and more text follows, else ""."""
    head, mark, rest = text.partition("\n")
    return head if mark and rest.strip() and len(head) <= TITLE_LENGTH else ""
