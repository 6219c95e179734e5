"""Training of the models of urgency: `python -m yinghu.triage.urgency_training` writes them again.

The texts in `urgency_texts/` were written for this, one file for each writer: present dangers of
twelve kinds, what cannot wait until tomorrow, and near misses that use the same words (figures of
speech, history, fear, questions, negations, what is over). None is a real message.
"""

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from yinghu.appeals.states import Urgency
from yinghu.common.chinese import simplified
from yinghu.triage.urgency import SHIPPED, UrgencyModel, plain_text, runs_of

TEXTS: Final = Path(__file__).with_name("urgency_texts")
LEAST_TEXTS: Final = 2
"""A run of characters in fewer texts is not learnt."""
KEPT: Final = 25_000
"""Runs that are kept, those that weigh most: with all 120,000, texts of other writers are judged
worse, and the file is five times as large."""
STRENGTH: Final = 10.0
"""Inverse of the regularization (scikit-learn's C)."""

FOR_BROWSER: Final = Path(__file__).with_name("static") / "triage" / "danger.json"
LONGEST_IN_BROWSER: Final = 3
KEPT_IN_BROWSER: Final = 2_000
MAY_BE: Final = 0.35
"""Probability from which a form offers the numbers to call."""
REPORTED: Final = "reported"
"""File of texts that the platform once judged wrong."""
WEIGHT_OF_REPORTED: Final = 3.0


class LabelledText(NamedTuple):
    """A text, its urgency and how much it counts."""

    text: str
    level: int
    weight: float = 1.0


def written_texts() -> dict[str, list[LabelledText]]:
    """Return the texts by writer."""
    found: dict[str, list[LabelledText]] = {}
    for path in sorted(TEXTS.glob("*.csv")):
        weight = WEIGHT_OF_REPORTED if path.stem == REPORTED else 1.0
        with path.open(encoding="utf-8", newline="") as lines:
            found[path.stem] = [
                LabelledText(row["text"], int(row["urgency"]), weight)
                for row in csv.DictReader(lines)
            ]
    return found


def train(texts: Iterable[LabelledText]) -> UrgencyModel:
    """Train on the texts, of equal ones on the last; about ten seconds for 16,000."""
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    labelled = list({each.text: each for each in texts}.values())
    counts = [
        Counter(run for _start, run in runs_of(plain_text(each.text).pieces)) for each in labelled
    ]
    texts_with = Counter(chain.from_iterable(counts))
    runs = sorted(run for run, number in texts_with.items() if number >= LEAST_TEXTS)
    index = {run: at for at, run in enumerate(runs)}
    cells = [
        (row, index[run], 1.0 + np.log(number))
        for row, found in enumerate(counts)
        for run, number in found.items()
        if run in index
    ]
    rows, columns, values = zip(*cells, strict=True)
    matrix = sparse.csr_matrix((values, (rows, columns)), (len(labelled), len(runs)), np.float32)
    rarity = np.array([np.log((1 + len(labelled)) / (1 + texts_with[run])) + 1 for run in runs])
    matrix = matrix @ sparse.diags(rarity.astype(np.float32))
    levels = np.array([each.level for each in labelled])
    weights = np.array([each.weight for each in labelled])

    def fit(part: sparse.csr_matrix) -> LogisticRegression:
        model = LogisticRegression(C=STRENGTH, max_iter=300, tol=1e-3)
        return model.fit(normalize(part), levels, weights)

    kept = np.sort(np.argsort(-np.abs(fit(matrix).coef_).max(axis=0), kind="stable")[:KEPT])
    model = fit(matrix[:, kept])
    return UrgencyModel(
        tuple(runs[at] for at in kept),
        rarity[kept].astype(np.float32),
        model.coef_.T.astype(np.float32),
        model.intercept_.astype(np.float32),
        len(labelled),
    )


def train_for_browser(texts: Iterable[LabelledText]) -> dict[str, Any]:
    """Train a model small enough for a form on a phone: is a text about a danger, or not?

    A text's score is `bias` plus the sum of the weights of its different known `runs`, divided by
    the root of their number; above 0 it may be a danger. All in hundredths. `simple` maps
    traditional characters. It errs towards danger: it only offers telephone numbers.
    """
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    labelled = list({each.text: each for each in texts}.values())
    found = [
        {run for _start, run in runs_of(plain_text(each.text).pieces, LONGEST_IN_BROWSER)}
        for each in labelled
    ]
    texts_with = Counter(chain.from_iterable(found))
    runs = sorted(run for run, number in texts_with.items() if number > LEAST_TEXTS)
    index = {run: at for at, run in enumerate(runs)}
    places = [(row, index[run]) for row, each in enumerate(found) for run in each if run in index]
    rows, columns = zip(*places, strict=True)
    ones = np.ones(len(places), np.float32)
    matrix = sparse.csr_matrix((ones, (rows, columns)), (len(labelled), len(runs)))
    dangers = np.array([each.level == Urgency.EMERGENCY for each in labelled])
    weights = np.array([each.weight for each in labelled])

    def fit(part: sparse.csr_matrix) -> LogisticRegression:
        model = LogisticRegression(C=STRENGTH / 2, max_iter=300, tol=1e-3)
        return model.fit(normalize(part), dangers, weights)

    order = np.argsort(-np.abs(fit(matrix).coef_[0]), kind="stable")
    kept = np.sort(order[:KEPT_IN_BROWSER])
    model = fit(matrix[:, kept])
    known = {
        runs[at]: round(100 * float(weight))
        for at, weight in zip(kept, model.coef_[0], strict=True)
    }
    characters = set("".join(known))
    traditional = {
        char: simple
        for char in map(chr, range(0x4E00, 0xA000))
        if (simple := simplified(char)) != char and simple in characters
    }
    bias = round(100 * (float(model.intercept_[0]) - math.log(MAY_BE / (1 - MAY_BE))))
    return {"bias": bias, "runs": known, "simple": traditional}


def main(argv: Sequence[str] = ()) -> int:
    texts = list(chain.from_iterable(written_texts().values()))
    model = train(texts)
    SHIPPED.write_bytes(model.to_bytes())
    content = json.dumps(train_for_browser(texts), ensure_ascii=False, separators=(",", ":"))
    FOR_BROWSER.write_text(content + "\n", "utf-8")
    for path in (SHIPPED, FOR_BROWSER):
        print(f"{path.name}: {path.stat().st_size} bytes, from {model.trained_on} texts")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
