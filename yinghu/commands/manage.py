"""`yinghu manage`: runs a management command of Django."""

import argparse

HELP = "run one of Django's management commands, such as `yinghu manage shell`"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")


def run(args: argparse.Namespace) -> int:
    """Run the command; Django exits the process on an error."""
    from django.core.management import ManagementUtility

    ManagementUtility(["yinghu manage", *args.arguments]).execute()
    return 0
