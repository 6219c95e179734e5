"""A classifier of texts that learns from the clerks' own decisions.

Character 1-3-grams, hashed (nothing to store but the weights), into a linear model that gives
probabilities. A model is arrays of numbers and a list of codes: it travels as npz bytes without
pickle, so that bytes from a database or a back-up can never run code. scikit-learn is imported
only when a model is trained or asked.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from yinghu.triage.lexicon import title_of

if TYPE_CHECKING:
    import numpy.typing as npt

FEATURES: Final = 2**16
LONGEST: Final = 2_000
"""Characters of a text that count: what it is about is said before that."""
LEAST_OF_A_CODE: Final = 3
"""A category with fewer decisions than this is not learnt yet."""
HELD_BACK: Final = 0.2
"""Share of decisions that judge instead of teach."""
MARGIN: Final = 0.02
"""How much better, in accuracy, a model must be to take over from the lexicon."""
LEAST_HELD_BACK: Final = 50
"""With fewer decisions held back than this, accuracy says too little to change over."""

Pair = tuple[str, str]
"""A text and the category code that was decided."""


class NotEnough(ValueError):
    """Too few decisions to learn from: fewer than two categories with LEAST_OF_A_CODE each."""


class BadModel(ValueError):
    """Bytes that are not a model of this kind."""


class Predictor(Protocol):
    """Anything that names a category and its confidence for each of many texts."""

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]: ...


@dataclass(frozen=True, eq=False)
class Model:
    """`weights` is (codes, FEATURES) float16, `bias` (codes,) float32."""

    codes: tuple[str, ...]
    weights: npt.NDArray[np.float16]
    bias: npt.NDArray[np.float32]
    trained_on: int

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """For each text the likeliest category and its probability, 0..1."""
        if not texts:
            return []
        chances = self.chances(texts)
        best = chances.argmax(axis=1)
        return [
            (self.codes[index], float(row[index])) for index, row in zip(best, chances, strict=True)
        ]

    def chances(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Probability of each of `codes` for each text, shape (texts, codes), rows adding to 1."""
        scores = np.asarray(_features(texts) @ self._working(), dtype=np.float64) + self.bias
        scores -= scores.max(axis=1, keepdims=True)
        powers = np.exp(scores)
        result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return result

    def to_bytes(self) -> bytes:
        """The model as npz, without pickle."""
        out = io.BytesIO()
        np.savez_compressed(
            out,
            codes=np.frombuffer(json.dumps(self.codes).encode(), dtype=np.uint8),
            weights=self.weights,
            bias=self.bias,
            trained_on=np.array(self.trained_on),
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Model:
        """The model that `to_bytes` wrote; BadModel for anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                codes = tuple(json.loads(arrays["codes"].tobytes()))
                model = cls(codes, arrays["weights"], arrays["bias"], int(arrays["trained_on"]))
        except Exception as why:  # numpy raises a dozen kinds for bytes that are not its own
            raise BadModel(f"not a model: {why}") from why
        if model.weights.shape != (len(codes), FEATURES) or model.bias.shape != (len(codes),):
            raise BadModel(f"a model with weights of {model.weights.shape} for {len(codes)} codes")
        return model

    def _working(self) -> npt.NDArray[np.float32]:
        kept: npt.NDArray[np.float32] | None = self.__dict__.get("_kept")
        if kept is None:
            kept = np.ascontiguousarray(self.weights.T, dtype=np.float32)
            object.__setattr__(self, "_kept", kept)
        return kept


def train(pairs: Iterable[Pair]) -> Model:
    """A model of decisions; equal texts count once, rare categories not at all (see NotEnough).

    1,000 messages take about a second of one core, 10,000 some ten.
    """
    from sklearn.linear_model import LogisticRegression

    learnt = _enough(distinct(pairs))
    codes = sorted({code for _text, code in learnt})
    if len(codes) < 2:
        raise NotEnough(f"categories with {LEAST_OF_A_CODE} decisions or more: {len(codes)}")
    inputs = _features([text for text, _code in learnt])
    model = LogisticRegression(C=20.0, max_iter=300, tol=1e-3)
    model.fit(inputs, np.array([codes.index(code) for _text, code in learnt]))
    weights, bias = model.coef_, model.intercept_
    if len(codes) == 2:
        # Two classes come as one row, the second against the first.
        weights, bias = np.vstack([0 * weights, weights]), np.append(0.0, bias)
    return Model(tuple(codes), weights.astype(np.float16), bias.astype(np.float32), len(learnt))


def distinct(pairs: Iterable[Pair]) -> list[Pair]:
    """Each text once, with the category decided last."""
    return [(text, code) for text, code in dict(pairs).items() if text.strip()]


def split(pairs: Iterable[Pair], share: float = HELD_BACK) -> tuple[list[Pair], list[Pair]]:
    """Decisions to learn from and decisions held back, about `share` of them.

    Where a text goes depends on the text alone: it stays there as decisions are added, and equal
    texts, dropped first, cannot be on both sides.
    """
    learn: list[Pair] = []
    held_back: list[Pair] = []
    for text, code in distinct(pairs):
        digest = hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).digest()
        part = int.from_bytes(digest[:8], "big") / 2**64
        (held_back if part < share else learn).append((text, code))
    return learn, held_back


def accuracy(predictor: Predictor, pairs: Sequence[Pair]) -> float:
    """Share of `pairs` whose category the predictor names, 0..1; 0 for no pairs."""
    if not pairs:
        return 0.0
    said = predictor.predict([text for text, _code in pairs])
    return sum(
        guess == code for (guess, _sure), (_text, code) in zip(said, pairs, strict=True)
    ) / len(pairs)


def better(model: Predictor, lexicon: Predictor, held_back: Sequence[Pair]) -> bool:
    """Whether `model` should take over: LEAST_HELD_BACK decisions or more, and MARGIN above."""
    if len(held_back) < LEAST_HELD_BACK:
        return False
    return accuracy(model, held_back) >= accuracy(lexicon, held_back) + MARGIN


def _enough(pairs: list[Pair]) -> list[Pair]:
    numbers: dict[str, int] = {}
    for _text, code in pairs:
        numbers[code] = numbers.get(code, 0) + 1
    return [(text, code) for text, code in pairs if numbers[code] >= LEAST_OF_A_CODE]


@cache
def _vectorizer() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char",
        ngram_range=(1, 3),
        n_features=FEATURES,
        alternate_sign=False,
        norm=None,
        lowercase=True,
        dtype=np.float32,
    )


def _features(texts: Sequence[str]) -> Any:
    """Hashed 1-3-grams, shape (texts, FEATURES), sparse; counts damped by a square root.

    A title counts three times: measured, that is worth 3 points of accuracy with 700 decisions.
    """
    from sklearn.preprocessing import normalize

    weighed = [f"{title_of(text)}\n" * 2 + text for text in texts]
    matrix = _vectorizer().transform([text[:LONGEST] for text in weighed])
    matrix.data = np.sqrt(matrix.data)
    return normalize(matrix, copy=False)
