"""`yinghu bench NAME`: see `yinghu/bench/`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from yinghu.bench import BENCHES

NAME = "bench"
HELP = "measure: intake, import, pages, live, oversight or field; a JSON list of figures on stdout"


def configure(parser: argparse.ArgumentParser) -> None:
    choices = parser.add_subparsers(metavar="NAME", required=True, dest="bench")
    for name, module in BENCHES.items():
        found = importlib.import_module(module)
        sub = choices.add_parser(name, help=found.HELP, description=found.HELP)
        found.configure(sub)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    figures = importlib.import_module(BENCHES[args.bench]).run(args)
    json.dump([figure.row() for figure in figures], sys.stdout, ensure_ascii=False, indent=1)
    print(flush=True)
    return 0
