"""`yinghu environment`: prints the table of environment variables."""

import argparse

from yinghu.commands import Needs

HELP = "print the table of environment variables"
NEEDS = Needs.NOTHING


def run(args: argparse.Namespace) -> int:
    from yinghu.config.environment import table

    print(table())
    return 0
