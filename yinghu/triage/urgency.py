"""How urgent a message is: 3 a danger to life now, 2 today is soon enough but not tomorrow, 1 else.

A linear model over runs of one to four characters or words, trained on the sentences in
`urgency_texts/`, which were written for it (`urgency_training.py`). No list of words tells a
danger: "掉下去了" is one and "迟早会掉下去" is not. So the sentences are dangers and near misses in
the same words. The runs that counted are shown as evidence; without evidence there is no
percentage. docs/urgency.md has the figures.
"""

import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from yinghu.common.chinese import fold_in_place, simplified

SHIPPED: Final = Path(__file__).with_name("urgency.npz")
LEVELS: Final = (1, 2, 3)
LONGEST: Final = 2_000
"""Characters that are read as one; a longer text is read in parts."""
OVERLAP: Final = 100
"""Characters that two neighbouring parts of a text share."""
LONGEST_RUN: Final = 4
DANGER_FROM: Final = ((60, 0.37), (100, 0.4), (math.inf, 0.45))
"""(Characters of the text up to which, probability from which it is read as danger). A longer text
tells of much else, so it must be surer. Set on writers that the model was not trained on."""
LONG: Final = 100
"""Characters from which a text is a letter, whose asides are not for today."""
TODAY: Final = 0.5
PAUSE: Final = ","
MOST_EVIDENCE: Final = 3
LONGEST_EVIDENCE: Final = 10
"""Pieces of one stretch of evidence."""

_TOKEN: Final = re.compile(
    r"(?P<number>\d+(?:\.\d+)?多?"
    r"|[零一二三四五六七八九十百千两几]+多?(?=[个名人岁楼层天米分小点次盒罐顿口只辆户周]))"
    r"|(?P<word>[a-z]+(?:['’][a-z]+)*)"
    r"""|(?P<pause>[\s,。!?;:、….~—\-"“”'()【】《》]+)|(?P<other>.)""",
    re.DOTALL,
)
_PIECE: Final = re.compile(r" [^ ,^$\d\u3400-\u9fff]+|.", re.DOTALL)
"""A piece of a run."""
_FEW: Final = re.compile(r"[1-3](?:\.\d+)?|[一二两三几]{1,2}")


class BadUrgencyModel(ValueError):
    """Bytes that are not a model of urgency."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Urgency of a text with the probability of that level, 0 to 1, and the words that say so.

    `confidence` is 0 where there is no evidence: the text says nothing of urgency.
    """

    urgency: int
    confidence: float = 0.0
    evidence: tuple[str, ...] = ()


class PlainText(NamedTuple):
    """A text as the model reads it, in pieces: Chinese characters, simplified; words of Latin
    letters, after a space; 1 or 9 for a number that is few (up to three) or many; a comma for any
    pause; `^` and `$` for its ends. `places` are the (start, end) of each piece in the text.
    """

    pieces: tuple[str, ...]
    places: tuple[tuple[int, int], ...]


def plain_text(text: str) -> PlainText:
    """Return the text as the model reads it."""
    simple = simplified(text)
    folded = fold_in_place(simple if len(simple) == len(text) else text)
    pieces, places = ["^"], [(0, 0)]
    pause: re.Match[str] | None = None
    for token in _TOKEN.finditer(folded):
        if token["pause"]:
            pause = token
            continue
        # A space between two words is none.
        in_words = token["word"] and pieces[-1][0] == " " and pause and pause[0].isspace()
        if pause and not in_words and len(pieces) > 1:
            pieces.append(PAUSE)
            places.append(pause.span())
        pause = None
        if token["word"]:
            pieces.append(f" {token['word']}")
        else:
            pieces.append(token["other"] or _few_or_many(token["number"]))
        places.append(token.span())
    return PlainText((*pieces, "$"), (*places, (0, 0)))


def _few_or_many(number: str) -> str:
    return "1" if _FEW.fullmatch(number) else "9"


def runs_of(pieces: Sequence[str], longest: int = LONGEST_RUN) -> Iterable[tuple[int, str]]:
    """Yield (start, run) for all runs of one to four pieces."""
    for length in range(1, longest + 1):
        for start in range(len(pieces) - length + 1):
            yield start, "".join(pieces[start : start + length])


@dataclass(frozen=True, eq=False)
class UrgencyModel:
    """`runs` are the known runs of characters, `rarity` their weight for being rare, (runs,);
    `weights` is (runs, 3), `bias` (3,), one column for each of `LEVELS`.
    """

    runs: tuple[str, ...]
    rarity: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    trained_on: int

    @cached_property
    def _index(self) -> dict[str, int]:
        return {run: at for at, run in enumerate(self.runs)}

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(len(_PIECE.findall(run)) for run in self.runs)

    def judge(self, text: str) -> Judgement:
        """Judge a text; some 0.2 ms for 40 characters. Of a long text the gravest part counts."""
        starts = range(0, max(len(text) - OVERLAP, 1), LONGEST - OVERLAP)
        parts = [self._judge(text[start : start + LONGEST]) for start in starts]
        return max(parts, key=lambda each: (each.urgency, each.confidence))

    def _judge(self, text: str) -> Judgement:
        pieces, places = plain_text(text)
        found = [
            (start, at) for start, run in runs_of(pieces) if (at := self._index.get(run, -1)) >= 0
        ]
        if not found:
            return Judgement(1)
        counts = Counter(at for _start, at in found)
        rows = np.fromiter(counts, dtype=np.int64, count=len(counts))
        values = np.array([1.0 + math.log(count) for count in counts.values()], dtype=np.float32)
        values *= self.rarity[rows]
        values /= np.linalg.norm(values)
        chances = _softmax(values @ self.weights[rows] + self.bias)
        level = self._level(chances, len(text))
        if level == 1:
            return Judgement(1)
        shares = values * (self.weights[rows, level - 1] - self.weights[rows, 0])
        share_of = {
            int(row): float(share) / counts[int(row)]
            for row, share in zip(rows, shares, strict=True)
        }
        stretches = self._stretches(len(pieces), [(start, at, share_of[at]) for start, at in found])
        evidence = _quote(text, stretches, places)
        if not evidence:
            return Judgement(1)
        return Judgement(level, round(float(chances[level - 1]), 3), evidence)

    @staticmethod
    def _level(chances: npt.NDArray[np.float64], length: int) -> int:
        if chances[2] >= next(least for most, least in DANGER_FROM if length <= most):
            return 3
        # A danger that is not sure enough is at least something for today.
        return 2 if chances[1] + chances[2] >= TODAY and length <= LONG else 1

    def _stretches(
        self, pieces: int, found: Sequence[tuple[int, int, float]]
    ) -> list[tuple[int, int]]:
        """Return (start, end) of the pieces that speak most for the level, strongest first."""
        scores = [0.0] * pieces
        for start, at, share in found:
            length = self._lengths[at]
            for place in range(start, start + length):
                scores[place] += share / length
        stretches: list[tuple[float, int, int]] = []
        for _each in range(MOST_EVIDENCE):
            best = _best_stretch(scores)
            if best[0] <= 0 or (stretches and best[0] < stretches[0][0] / 3):
                break
            stretches.append(best)
            for place in range(best[1], best[2]):
                scores[place] = -math.inf
        return [(start, end) for _score, start, end in stretches]

    def to_bytes(self) -> bytes:
        """Serialize as npz, without pickle."""
        out = io.BytesIO()
        np.savez_compressed(
            out,
            runs=np.frombuffer(json.dumps(self.runs, ensure_ascii=False).encode(), dtype=np.uint8),
            rarity=self.rarity.astype(np.float16),
            weights=self.weights.astype(np.float16),
            bias=self.bias,
            trained_on=np.array(self.trained_on),
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Load what `to_bytes` wrote; raises BadUrgencyModel for anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                model = cls(
                    tuple(json.loads(arrays["runs"].tobytes())),
                    arrays["rarity"].astype(np.float32),
                    arrays["weights"].astype(np.float32),
                    arrays["bias"],
                    int(arrays["trained_on"]),
                )
        except Exception as why:  # numpy raises many kinds for foreign bytes
            raise BadUrgencyModel(f"not a model of urgency: {why}") from why
        if model.weights.shape != (len(model.runs), len(LEVELS)):
            raise BadUrgencyModel(f"weights of {model.weights.shape} for {len(model.runs)} runs")
        return model


def _softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    powers = np.exp(scores.astype(np.float64) - scores.max())
    result: npt.NDArray[np.float64] = powers / powers.sum()
    return result


def _best_stretch(scores: Sequence[float]) -> tuple[float, int, int]:
    """Return (sum, start, end) of the stretch with the highest sum, at most LONGEST_EVIDENCE."""
    best = (0.0, 0, 0)
    for start in range(len(scores)):
        total = 0.0
        for end in range(start + 1, min(len(scores), start + LONGEST_EVIDENCE) + 1):
            total += scores[end - 1]
            if total == -math.inf:
                break
            if total > best[0]:
                best = (total, start, end)
    return best


def _quote(
    text: str, stretches: Iterable[tuple[int, int]], places: Sequence[tuple[int, int]]
) -> tuple[str, ...]:
    """Return the words of the text at these stretches of its plain form."""
    found: dict[str, None] = {}
    for start, end in stretches:
        inner = [places[at] for at in range(start, end) if places[at][1]]
        if inner and (words := text[inner[0][0] : inner[-1][1]].strip(" ,，。.、!！?？\n")):
            found[words] = None
    return tuple(found)


@cache
def shipped_model() -> UrgencyModel:
    """Return the model that comes with Yinghu, loaded once per process."""
    return UrgencyModel.from_bytes(SHIPPED.read_bytes())
