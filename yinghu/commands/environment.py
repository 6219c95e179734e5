"""`yinghu environment`: prints the table of environment variables."""

from __future__ import annotations

import argparse

from yinghu.commands import Needs

NAME = "environment"
HELP = "print the table of environment variables"
NEEDS = Needs.NOTHING


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the table as Markdown."""
    from yinghu.config.environment import table

    print(table())
    return 0
