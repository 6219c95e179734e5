"""Reading an appeal by the words in it, from rules that are data (`lexicon.csv`).

A rule is a line: words (parted by |), a category or none, a class or none, an urgency or none, and
the weight of each word as evidence. A word may stand in several lines; their weights add up. A
longer word hides the shorter ones in it, so a line with urgency 1 and weight 0 (跳楼价) makes a
harmless word of an alarming one (跳楼).

How honest the confidences are:
- category: a logistic curve over the lead of the best category, fitted on 7,519 word lists of real
  messages to a city's mailbox with seven categories. On 480 whole messages that neither the words
  nor the curve were made from (`python -m yinghu.triage.evaluation`), what it was 90 % sure of or
  more was right in 95 of 100 cases (said: 95), from 80 to 90 % in 81 (said: 86), below that in 58
  (said: 60); all in all 83 of 100. Needs (milk powder, medicine ...) have no such labelled
  messages: for
  them the same curve is assumed.
- class and urgency: no labelled messages either, so they are a curve over the evidence, never above
  0.9 for a class and 0.95 for an urgency. Danger to life errs towards urgency 3: of 6,967 messages
  to that mailbox 86 were raised to it, and a person looks at each. Medicine and an infant's food
  that run out (`running_out.py`) are urgency 2: of 10,724 messages to that mailbox, which brings
  no such needs, 3 were raised by it.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from yinghu.places.words import Finder, fold
from yinghu.triage.shortages import default_running_out

DEFAULT: Final = Path(__file__).parent / "lexicon.csv"
OTHER: Final = "other"
"""Category code of what no rule knows."""

CLASSES: Final = ("policy", "opinion", "need")
LONGEST: Final = 20_000
"""Characters that are read; what comes after adds nothing but time."""

TITLE_WEIGHT: Final = 2.0
"""How much more a word counts in the first line, where that is a title (`title_of`)."""
TITLE_LENGTH: Final = 60
BRIEF: Final = 100
"""Characters up to which one weak word of alarm is enough for the highest urgency."""

RUNNING_OUT: Final = 3.0
"""Evidence for urgency 2 where medicine or an infant's food runs out (`running_out.py`)."""

# p(right) = 1 / (1 + exp(-(A + B·lead + C·ln(1 + best)))), lead = (best - next) / (best + 1).
CURVE: Final = (-1.03, 4.1, 0.25)

_NOT: Final = re.compile(
    r"(?:没有|没|未|无|并非|不是|避免|防止|预防|以防|杜绝|防范|免得|谨防)[^，。！？,.!?]{0,3}$"
)
"""Before an alarming word, it takes the alarm away: 避免火灾."""


class Rule(NamedTuple):
    """What one word is evidence for; empty or 0 for "nothing said"."""

    category: str
    klass: str
    urgency: int
    weight: float


@dataclass(frozen=True)
class Reading:
    """What an appeal seems to be. `confidences` has "category", "klass" and "urgency", 0..1 each.

    `urgency` is 1 normal, 2 urgent, 3 danger to life or threat of an extreme act; `why` the words
    that spoke for the category, the class and the urgency, strongest first.
    """

    category: str
    klass: str
    urgency: int
    confidences: dict[str, float]
    why: tuple[str, ...]


class BadLexicon(ValueError):
    """A rule that cannot be used: file, line and reason."""


class Reader:
    """Rules in memory. A text of 500 characters costs some 0.2 ms and no database is asked."""

    def __init__(self, rules: Mapping[str, Iterable[Rule]]) -> None:
        self._rules = {fold(word): tuple(found) for word, found in rules.items()}
        self._finder = Finder(self._rules)
        self._klass_of = {
            rule.category: rule.klass
            for found in self._rules.values()
            for rule in found
            if rule.category and rule.klass
        }

    @classmethod
    def load(cls, path: Path | str = DEFAULT) -> Reader:
        """Rules from a CSV `words,category,klass,urgency,weight`; BadLexicon names a bad line."""
        rules: dict[str, list[Rule]] = {}
        with Path(path).open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            for row in reader:
                try:
                    rule = Rule(
                        row["category"],
                        row["klass"],
                        int(row["urgency"] or 0),
                        float(row["weight"]),
                    )
                    if rule.urgency not in range(4) or rule.klass not in ("", *CLASSES):
                        raise ValueError(f"urgency {rule.urgency} or class {rule.klass!r} unknown")
                    words = [word for word in row["words"].split("|") if word]
                    if not words or any(len(word) < 2 for word in words):
                        raise ValueError("each word needs two characters at least")
                except (KeyError, TypeError, ValueError) as why:
                    raise BadLexicon(f"{path}, line {reader.line_num}: {why}") from why
                for word in words:
                    rules.setdefault(word, []).append(rule)
        return cls(rules)

    def read(
        self, text: str, answers: Mapping[str, object] | None = None, chosen: str = ""
    ) -> Reading:
        """Category, class and urgency of an appeal.

        `text` is the body, or title and body parted by a line break. `answers` to a category's
        questions are read as part of the text. `chosen` is the category that the requester chose:
        it says of what "只剩一天了" is said.
        """
        said = [str(value) for value in (answers or {}).values() if isinstance(value, str)]
        text = "\n".join([text[:LONGEST], *said])[:LONGEST]
        title_end = len(title_of(text))
        counts: dict[str, float] = {}
        alarming: set[str] = set()
        for start, end, word in self._finder.find(text):
            counts[word] = counts.get(word, 0.0) + (TITLE_WEIGHT if end <= title_end else 1.0)
            if not _NOT.search(text[max(0, start - 6) : start]):
                alarming.add(word)
        # A word of alarm in a few words is the message; in a letter of complaint it is a figure of
        # speech or a fear as often as not, and needs a second one or a stronger.
        alarm = 2.0 if len(text) <= BRIEF else 1.0
        categories: dict[str, float] = {}
        klasses = dict.fromkeys(CLASSES, 0.0)
        urgencies = {2: 0.0, 3: 0.0}
        strength: dict[str, float] = {}
        for word, count in counts.items():
            # The tenth "工资" says little more than the third.
            times = 1.0 + math.log(count) if count > 1 else count
            for rule in self._rules[word]:
                weight = rule.weight * times
                strength[word] = strength.get(word, 0.0) + weight
                if rule.category:
                    categories[rule.category] = categories.get(rule.category, 0.0) + weight
                elif rule.klass:
                    klasses[rule.klass] += weight
                if rule.urgency > 1 and word in alarming:
                    urgencies[rule.urgency] += rule.weight * alarm
        running_out = default_running_out().found(text, chosen)
        if running_out:
            urgencies[2] += RUNNING_OUT
        category, sure = self._category(categories)
        klass, klass_sure = self._klass(category, klasses)
        urgency, urgency_sure = _urgency(urgencies)
        return Reading(
            category,
            klass,
            urgency,
            {"category": sure, "klass": klass_sure, "urgency": urgency_sure},
            _with(running_out, self._why(strength, alarming, category, klass, urgency)),
        )

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """(category, confidence) of each text, as the classifier gives them."""
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
        """The class that the category usually has, unless the words say another, louder."""
        usual = self._klass_of.get(category, "opinion")
        # A need stays one however it is put: "能否帮忙买奶粉" is no question about policy.
        scores = scores | {usual: scores[usual] + (3.0 if usual == "need" else 1.0)}
        klass = max(CLASSES, key=lambda name: (scores[name], name == usual))
        return klass, round(0.3 + 0.6 * scores[klass] / (sum(scores.values()) + 0.5), 3)

    def _why(
        self,
        strength: dict[str, float],
        alarming: set[str],
        category: str,
        klass: str,
        urgency: int,
    ) -> tuple[str, ...]:
        def speaks(word: str) -> bool:
            return any(
                rule.category == category
                or (not rule.category and rule.klass == klass)
                or (urgency > 1 and rule.urgency == urgency and word in alarming)
                for rule in self._rules[word]
            )

        order = sorted(strength, key=lambda word: (-strength[word], word))
        return tuple(word for word in order if speaks(word))[:8]


@cache
def default_reader() -> Reader:
    """The reader with the lexicon that comes with Yinghu, loaded once in a process."""
    return Reader.load()


def title_of(text: str) -> str:
    """The first line, where it is short and not all there is; else nothing."""
    head, mark, rest = text.partition("\n")
    return head if mark and rest.strip() and len(head) <= TITLE_LENGTH else ""


def _with(said: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words with what was said before them, unless one of them says it."""
    return words if not said or any(said in word for word in words) else (said, *words[:7])


def _urgency(evidence: dict[int, float]) -> tuple[int, float]:
    if evidence[3] >= 1.0:
        return 3, round(min(0.95, 0.5 + 0.15 * evidence[3]), 3)
    if evidence[2] >= 1.0:
        return 2, round(min(0.9, 0.5 + 0.1 * evidence[2]), 3)
    return 1, round(max(0.5, 0.9 - 0.3 * (evidence[2] + evidence[3])), 3)
