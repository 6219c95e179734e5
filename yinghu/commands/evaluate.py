"""`yinghu evaluate`: judges labelled texts and says how many were judged right."""

import argparse
import csv
import json
import sys
from pathlib import Path

from yinghu.commands import Needs

HELP = "judge the texts of a CSV as the platform would, and print how many were judged right"
NEEDS = Needs.NOTHING


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what is judged, so far the urgency, and the file."""
    parser.add_argument("what", choices=["urgency"], help="what is judged")
    parser.add_argument("file", type=Path, help="CSV with the columns text and urgency (1 to 3)")


def run(args: argparse.Namespace) -> int:
    """Print one JSON object; returns 2 for a file that cannot be used."""
    # Loads numpy.
    from yinghu.triage.urgency_evaluation import Unusable, evaluate_urgency, urgency_rows

    try:
        with args.file.open(encoding="utf-8-sig", newline="") as lines:
            rows = urgency_rows(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error, Unusable) as why:
        print(f"{args.file}: {why}", file=sys.stderr)
        return 2
    json.dump(evaluate_urgency(rows), sys.stdout, ensure_ascii=False, indent=1)
    print()
    return 0
