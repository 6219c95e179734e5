"""`yinghu bench NAME`: runs a benchmark of `benchmarks/`, which only a checkout has."""

import argparse
import importlib
import sys

from yinghu.commands import Needs
from yinghu.config import PROJECT

HELP = "measure performance, in a checkout: intake, import, pages, live, oversight, field or alarm"
AVAILABLE = (PROJECT / "benchmarks" / "pgbench.py").is_file()
NEEDS = Needs.DATABASE if AVAILABLE else Needs.NOTHING


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("benchmark", metavar="NAME", help="followed by --help: its options")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="options of the benchmark")


def run(args: argparse.Namespace) -> int:
    """Print the measured figures as a JSON list; returns 2 if there are no benchmarks."""
    if not AVAILABLE:
        print(
            f"yinghu: {PROJECT} has no benchmarks: they are not part of the installed package; "
            "run this command in a checkout of the source",
            file=sys.stderr,
        )
        return 2
    sys.path.insert(0, str(PROJECT))
    code: int = importlib.import_module("benchmarks").main([args.benchmark, *args.options])
    return code
