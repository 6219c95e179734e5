"""`yinghu bench NAME`: performance benchmarks, each measured against a limit in the same run.

A benchmark creates a database of its own on the server in use and drops it afterwards. Figures go
to stdout as one JSON list, progress to stderr. docs/performance.md explains the limits.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

MODULES = {
    "intake": "benchmarks.intake",
    "import": "benchmarks.imports",
    "pages": "benchmarks.pages",
    "live": "benchmarks.live",
    "oversight": "benchmarks.oversight",
    "field": "benchmarks.field",
    "alarm": "benchmarks.alarm",
}
"""Name -> module with `HELP`, `configure(parser)` and `run(options) -> list[Measurement]`."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value; `limit` is the value it is compared with, `ratio` is value / limit."""

    name: str
    value: float
    unit: str
    limit: float | None = None

    def row(self) -> dict[str, Any]:
        """The figure as printed."""
        # A limit in milliseconds may be ≤ 0: a notification can overtake the commit.
        ratio = round(self.value / self.limit, 3) if self.limit and self.limit > 0 else None
        limit = round(self.limit, 3) if self.limit is not None else None
        return {**asdict(self), "value": round(self.value, 3), "limit": limit, "ratio": ratio}


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark that the arguments name and print its figures; Django must be set up."""
    parser = argparse.ArgumentParser(prog="yinghu bench", description=__doc__)
    choices = parser.add_subparsers(metavar="NAME", required=True, dest="name")
    modules = {name: importlib.import_module(module) for name, module in MODULES.items()}
    for name, module in modules.items():
        sub = choices.add_parser(name, help=module.HELP, description=module.HELP)
        sub.add_argument(
            "--template",
            default="",
            metavar="DATABASE",
            help="copy this database, which holds the demo city and no appeals, instead of "
            "creating the tables",
        )
        module.configure(sub)
    options = parser.parse_args(arguments)
    figures = modules[options.name].run(options)
    json.dump([figure.row() for figure in figures], sys.stdout, ensure_ascii=False, indent=1)
    print(flush=True)
    return 0
