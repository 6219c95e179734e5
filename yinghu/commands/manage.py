"""Django's own management commands."""

from __future__ import annotations

import argparse

NAME = "manage"
HELP = "run one of Django's management commands, such as `yinghu manage shell`"


def configure(parser: argparse.ArgumentParser) -> None:
    """Everything after `manage` is Django's."""
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")


def run(args: argparse.Namespace) -> int:
    """Hand over to Django, which exits by itself on an error."""
    from django.core.management import ManagementUtility

    ManagementUtility(["yinghu manage", *args.arguments]).execute()
    return 0
