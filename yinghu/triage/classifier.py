"""Text classifier that learns from the clerks' decisions.

Character 1-3-grams, hashed (nothing to store but the weights), into a linear model that gives
probabilities. A model is stored as npz arrays without pickle, so bytes from a database or a backup
can never run code. scikit-learn is imported only when a model is trained or used.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from yinghu.triage.lexicon import title_of

if TYPE_CHECKING:
    import numpy.typing as npt

FEATURES: Final = 2**16
LONGEST: Final = 2_000
"""Characters of a text that are read; the subject is stated before that."""
LEAST_OF_A_CODE: Final = 3
"""A category with fewer decisions than this is not learnt yet."""
HELD_BACK: Final = 0.2
"""Share of decisions used for evaluation instead of training."""
MARGIN: Final = 0.02
"""Accuracy by which a model must beat the lexicon to replace it."""
LEAST_HELD_BACK: Final = 50
"""With fewer decisions held back, the accuracy is too uncertain to switch."""

Pair = tuple[str, str]
"""A text and the category code that was decided."""


class NotEnough(ValueError):
    """Too few decisions to learn from: fewer than two categories with LEAST_OF_A_CODE each."""


class BadModel(ValueError):
    """Bytes that are not a model of this kind."""


class Predictor(Protocol):
    """Names a category and its confidence for each of many texts."""

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]: ...


@dataclass(frozen=True, eq=False)
class Model:
    """`weights` is (codes, FEATURES) float16, `bias` (codes,) float32."""

    codes: tuple[str, ...]
    weights: npt.NDArray[np.float16]
    bias: npt.NDArray[np.float32]
    trained_on: int

    def predict(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the most likely category of each text with its probability, 0 to 1."""
        if not texts:
            return []
        chances = self.chances(texts)
        best = chances.argmax(axis=1)
        return [
            (self.codes[index], float(row[index])) for index, row in zip(best, chances, strict=True)
        ]

    def chances(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Probability of each of `codes` for each text, shape (texts, codes); rows sum to 1."""
        scores = np.asarray(_features(texts) @ self._columns, dtype=np.float64) + self.bias
        scores -= scores.max(axis=1, keepdims=True)
        powers = np.exp(scores)
        result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return result

    def to_bytes(self) -> bytes:
        """Serialize the model as npz, without pickle."""
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
        """Load a model that `to_bytes` wrote; raises BadModel for anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                codes = tuple(json.loads(arrays["codes"].tobytes()))
                model = cls(codes, arrays["weights"], arrays["bias"], int(arrays["trained_on"]))
        except Exception as why:  # numpy raises many kinds for foreign bytes
            raise BadModel(f"not a model: {why}") from why
        if model.weights.shape != (len(codes), FEATURES) or model.bias.shape != (len(codes),):
            raise BadModel(f"a model with weights of {model.weights.shape} for {len(codes)} codes")
        return model

    @cached_property
    def _columns(self) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(self.weights.T, dtype=np.float32)


def train_model(pairs: Iterable[Pair]) -> Model:
    """Train on distinct texts of the common categories, about 1,000 a second. Raises NotEnough."""
    from sklearn.linear_model import LogisticRegression

    found = distinct(pairs)
    decisions = Counter(code for _text, code in found)
    learnt = [(text, code) for text, code in found if decisions[code] >= LEAST_OF_A_CODE]
    codes = sorted({code for _text, code in learnt})
    if len(codes) < 2:
        raise NotEnough(f"categories with {LEAST_OF_A_CODE} decisions or more: {len(codes)}")
    inputs = _features([text for text, _code in learnt])
    model = LogisticRegression(C=20.0, max_iter=300, tol=1e-3)
    model.fit(inputs, np.array([codes.index(code) for _text, code in learnt]))
    weights, bias = model.coef_, model.intercept_
    if len(codes) == 2:
        # With two classes scikit-learn returns one row, the second against the first.
        weights, bias = np.vstack([0 * weights, weights]), np.append(0.0, bias)
    return Model(tuple(codes), weights.astype(np.float16), bias.astype(np.float32), len(learnt))


def distinct(pairs: Iterable[Pair]) -> list[Pair]:
    """Return each text once, with its latest category."""
    return [(text, code) for text, code in dict(pairs).items() if text.strip()]


def split(pairs: Iterable[Pair], share: float = HELD_BACK) -> tuple[list[Pair], list[Pair]]:
    """Split decisions into a training part and a held-back part of about `share`.

    The side depends on the text alone: it stays the same as decisions are added, and equal texts,
    dropped first, cannot be on both sides.
    """
    learn: list[Pair] = []
    held_back: list[Pair] = []
    for text, code in distinct(pairs):
        digest = hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).digest()
        part = int.from_bytes(digest[:8], "big") / 2**64
        (held_back if part < share else learn).append((text, code))
    return learn, held_back


def accuracy(predictor: Predictor, pairs: Sequence[Pair]) -> float:
    """Share of `pairs` whose category the predictor names, 0 to 1; 0 for no pairs."""
    if not pairs:
        return 0.0
    said = predictor.predict([text for text, _code in pairs])
    return sum(
        guess == code for (guess, _sure), (_text, code) in zip(said, pairs, strict=True)
    ) / len(pairs)


def better(model: Predictor, lexicon: Predictor, held_back: Sequence[Pair]) -> bool:
    """Should `model` replace the lexicon? Needs LEAST_HELD_BACK decisions and a lead of MARGIN."""
    if len(held_back) < LEAST_HELD_BACK:
        return False
    return accuracy(model, held_back) >= accuracy(lexicon, held_back) + MARGIN


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
    """Hashed 1-3-grams, shape (texts, FEATURES), sparse, with square roots of the counts.

    A title counts three times: measured, that adds 3 points of accuracy with 700 decisions.
    """
    from sklearn.preprocessing import normalize

    weighed = [f"{title_of(text)}\n" * 2 + text for text in texts]
    matrix = _vectorizer().transform([text[:LONGEST] for text in weighed])
    matrix.data = np.sqrt(matrix.data)
    return normalize(matrix, copy=False)
