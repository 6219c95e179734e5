"""Accuracy of the lexicon and the classifier on labelled messages.

    python -m yinghu.triage.evaluation labelled.csv [--tokens tokens.csv]
        [--categories categories.csv]

`labelled.csv` has a title, a body and a category name, in the columns given by --title, --body and
--category (default 留言主题, 留言详情, 一级分类). Names and codes of categories come from
`categories.csv` (default: the demo city's). `--tokens` adds word lists to train on; those whose
`tok_row` is that of a labelled message are left out.

Half of the messages, chosen by a hash of the text, were used to write the lexicon; the figures are
from the other half. For 994 messages to a city's mailbox in seven categories, November 2026:

    lexicon                                  0.828
    classifier after    512 decisions        0.780
                      1,001                  0.824
                      1,495                  0.853
                      4,458                  0.867
                      7,926                  0.886

So the lexicon serves a new city, and the classifier overtakes it after about 1,500 decisions.
"""

import argparse
import csv
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from yinghu.triage.classifier import Pair, Predictor, accuracy, distinct, split, train_model
from yinghu.triage.lexicon import default_reader

BANDS: Final = ((0.0, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01))


def bands(predictor: Predictor, pairs: Sequence[Pair]) -> list[tuple[str, int, float, float]]:
    """For each band of confidence: name, number of texts, mean confidence, share correct."""
    said = predictor.predict([text for text, _code in pairs])
    rows = []
    for low, high in BANDS:
        inside = [
            (sure, guess == code)
            for (guess, sure), (_text, code) in zip(said, pairs, strict=True)
            if low <= sure < high
        ]
        if inside:
            mean = sum(sure for sure, _right in inside) / len(inside)
            right = sum(right for _sure, right in inside) / len(inside)
            rows.append((f"{low:.1f}-{min(high, 1):.1f}", len(inside), mean, right))
    return rows


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m yinghu.triage.evaluation")
    parser.add_argument("labelled", type=Path)
    parser.add_argument("--tokens", type=Path)
    demo = Path(__file__).parent.parent / "demo"
    parser.add_argument("--categories", type=Path, default=demo / "categories.csv")
    parser.add_argument("--title", default="留言主题")
    parser.add_argument("--body", default="留言详情")
    parser.add_argument("--category", default="一级分类")
    args = parser.parse_args(argv)
    codes = {row["name"]: row["code"] for row in _rows(args.categories)}
    labelled = _rows(args.labelled)
    unknown = {row[args.category] for row in labelled} - codes.keys()
    if unknown:
        print(f"no such category in {args.categories}: {', '.join(unknown)}", file=sys.stderr)
        return 2
    pairs = distinct(
        (f"{row[args.title]}\n{row[args.body]}", codes[row[args.category]]) for row in labelled
    )
    half, held = split(pairs, 0.5)
    lexicon = default_reader()
    print(f"messages {len(pairs)}, held back {len(held)}")
    print(f"lexicon: {accuracy(lexicon, half):.3f} on its own half")
    _show("lexicon", lexicon, held)
    _train_and_show(half, held)
    if args.tokens:
        same = {int(float(row["tok_row"])) for row in labelled if row.get("tok_row")}
        more = [
            (row["tokens"].replace(" ", ""), codes[row[args.category]])
            for row in _rows(args.tokens)
            if int(row["row"]) not in same
        ]
        # Such files are sorted by category; each part of them should contain all categories.
        more.sort(key=lambda pair: zlib.crc32(pair[0].encode()))
        for number in (500, 1000, 2000, 4000, len(more)):
            _train_and_show([*half, *more[:number]], held)
    return 0


def _train_and_show(pairs: Sequence[Pair], held: Sequence[Pair]) -> None:
    model = train_model(pairs)
    _show(f"classifier after {model.trained_on} decisions", model, held)


def _show(name: str, predictor: Predictor, pairs: Sequence[Pair]) -> None:
    print(f"{name}: {accuracy(predictor, pairs):.3f} held back")
    for band, number, sure, right in bands(predictor, pairs):
        print(f"    sure {band}: {number:4d} messages, said {sure:.2f}, right {right:.2f}")


if __name__ == "__main__":
    sys.exit(main())
