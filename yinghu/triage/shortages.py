"""Shortages of medicine and infant food, detected in a text.

"降压药只剩两天" contains no alarming word; the supply, the amount left and how long it lasts make
it urgent together. All words are data (`running_out.csv`), in lines of these roles:

- `supply`: a supply, its category, and the hours below which a shortage is urgent;
- `not`: longer words that contain a supply but are none (药店);
- `out`: says that a supply is gone or nearly gone; `lack`: the same, right before it (没有奶粉);
- `left`: marks an amount in the same clause as the rest (只剩两天, two days left);
- `unit`: how long one of it lasts, in hours; `moment`: how long until then, in hours (只够到明天).
"""

import csv
import re
from functools import cache
from pathlib import Path
from typing import Final, Self

from yinghu.common.chinese import fold_in_place

DEFAULT: Final = Path(__file__).parent / "running_out.csv"
ROLES: Final = ("supply", "not", "out", "lack", "left", "unit", "moment")
WITH_HOURS: Final = frozenset({"supply", "unit", "moment"})

BRIEF: Final = 100
"""Characters up to which a text is one sentence: supply and shortage may be anywhere in it."""

_SENTENCE: Final = re.compile(r"[^。！？!?；;\n]+")
_CLAUSE: Final = re.compile(r"[，,、]|(?<!\d)\.|\.(?!\d)")
_NOT_YET: Final = re.compile(r"(?:没有|没|未|不会|不|not|n't)\s?$")

_DIGITS: Final = {char: n for n, char in enumerate("零一二三四五六七八九")} | {"两": 2, "半": 0.5}
_ENGLISH: Final = {
    "one": 1,
    "a": 1,
    "an": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
} | {"ten": 10, "half a": 0.5, "a couple of": 2, "a few": 3, "few": 3}
_NUMBER: Final = (
    r"(?:\d{1,4}(?:\.\d+)?|[零一二两三四五六七八九十半]{1,4}|"
    + "|".join(sorted(_ENGLISH, key=len, reverse=True))
    + r")"
)


class BadRunningOut(ValueError):
    """An unusable line: file, line and reason."""


class RunningOut:
    """Detects shortages by the lines of the CSV."""

    def __init__(self, lines: list[tuple[str, list[str], str, float]]) -> None:
        self._hours: dict[tuple[str, str], float] = {}
        self._of_category: dict[str, float] = {}
        words: dict[str, list[str]] = {role: [] for role in ROLES}
        for role, given, category, hours in lines:
            for word in map(fold_in_place, given):
                words[role].append(word)
                self._hours[role, word] = hours
            if role == "supply" and category:
                self._of_category[category] = max(hours, self._of_category.get(category, 0.0))
        self._supplies = _any_of(words["supply"] + words["not"])
        self._not = frozenset(words["not"])
        self._out = _any_of(words["out"])
        self._lack = re.compile(rf"{_any_of(words['lack']).pattern}\s?$")
        self._left = _any_of(words["left"])
        self._moment = _any_of(words["moment"])
        self._amount = re.compile(
            rf"(?<![a-z0-9])(?P<number>{_NUMBER})\s?个?(?P<unit>{_any_of(words['unit']).pattern})"
        )

    @classmethod
    def load(cls, path: Path | str = DEFAULT) -> Self:
        """Load a CSV `role,words,category,hours`; BadRunningOut names a bad line."""
        lines: list[tuple[str, list[str], str, float]] = []
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                try:
                    role, hours = row["role"], float(row["hours"] or 0)
                    words = [word for word in row["words"].split("|") if word.strip()]
                    if role not in ROLES:
                        raise ValueError(f"role {role!r} unknown, it is one of {', '.join(ROLES)}")
                    if not words:
                        raise ValueError("no words")
                    if (role in WITH_HOURS) != (hours > 0):
                        raise ValueError(f"hours are for {', '.join(sorted(WITH_HOURS))} only")
                    lines.append((role, words, row["category"], hours))
                except (KeyError, TypeError, ValueError, AttributeError) as why:
                    raise BadRunningOut(f"{path}, line {reader.line_num}: {why}") from why
        return cls(lines)

    def found(self, text: str, category: str = "") -> str:
        """Return the words that state a shortage, or ""; `category` may imply the supply."""
        folded = fold_in_place(text)
        of_category = self._of_category.get(category, 0.0)
        for start, sentence in _sentences(folded):
            supplies = [
                found for found in self._supplies.finditer(sentence) if found[0] not in self._not
            ]
            hours = max(
                (self._hours["supply", found[0]] for found in supplies), default=of_category
            )
            if hours and (span := self._shortage(sentence, supplies, hours)):
                return text[start + span[0] : start + span[1]]
        return ""

    def _shortage(
        self, sentence: str, supplies: list[re.Match[str]], hours: float
    ) -> tuple[int, int] | None:
        for supply in supplies:
            before = self._lack.search(sentence[: supply.start()])
            if before and not _NOT_YET.search(sentence[: before.start()]):
                return before.start(), supply.end()
        starts = {supply.start() for supply in supplies}
        for out in self._out.finditer(sentence):
            # "吃完药就头晕" means the medicine was taken, not that it ran out.
            if not _NOT_YET.search(sentence[: out.start()]) and out.end() not in starts:
                return out.span()
        at = 0
        for clause in _CLAUSE.split(sentence):
            start = sentence.index(clause, at)
            at = start + len(clause)
            if span := self._short_amount(clause, hours):
                return start + span[0], start + span[1]
        return None

    def _short_amount(self, clause: str, hours: float) -> tuple[int, int] | None:
        """Find where the clause says that the rest lasts no longer than `hours`."""
        lefts = [found.span() for found in self._left.finditer(clause)]
        if not lefts:
            return None
        for amount in self._amount.finditer(clause):
            if number(amount["number"]) * self._hours["unit", amount["unit"]] <= hours:
                return _span_between(lefts, amount.span())
        for moment in self._moment.finditer(clause):
            if self._hours["moment", moment[0]] <= hours:
                return _span_between(lefts, moment.span())
        return None


@cache
def default_running_out() -> RunningOut:
    """Return the lines included in Yinghu, loaded once per process."""
    return RunningOut.load()


def number(said: str) -> float:
    """Parse a number as people write it: 2, 1.5, 两, 两三 (the larger), 十二, a few."""
    if said[0].isdigit():
        return float(said)
    if said in _ENGLISH:
        return _ENGLISH[said]
    if "十" in said:
        tens, _ten, ones = said.partition("十")
        return 10 * (_DIGITS.get(tens[-1:], 1) or 1) + _DIGITS.get(ones[-1:], 0)
    return _DIGITS[said[-1]]


def _any_of(words: list[str]) -> re.Pattern[str]:
    """Match one of the words, the longest first; Latin ones only as whole words."""
    longest = sorted(set(words), key=lambda word: (-len(word), word))
    return re.compile("(?:" + "|".join(map(_word, longest)) + ")" if longest else r"(?!)")


def _word(word: str) -> str:
    text = re.escape(word)
    return rf"(?<![a-z]){text}(?![a-z])" if word[0] < "\u1100" else text


def _sentences(text: str) -> list[tuple[int, str]]:
    """Return (offset, sentence); a brief text is one sentence."""
    if len(text) <= BRIEF:
        return [(0, text)]
    return [(found.start(), found[0]) for found in _SENTENCE.finditer(text)]


def _span_between(lefts: list[tuple[int, int]], span: tuple[int, int]) -> tuple[int, int]:
    """The span from the nearest `left` word to the amount, in either order."""
    near = min(lefts, key=lambda left: min(abs(left[1] - span[0]), abs(left[0] - span[1])))
    return min(near[0], span[0]), max(near[1], span[1])
