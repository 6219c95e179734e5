"""Command line `yinghu COMMAND`: finds the modules of `yinghu/commands/` and runs one."""

import argparse
import contextlib
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

import django
from django.db import connections

import yinghu.commands
from yinghu.commands import Needs


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="yinghu", description="应呼: every call is answered.", allow_abbrev=False
    )
    choices = top.add_subparsers(metavar="COMMAND", required=True)
    for info in pkgutil.iter_modules(yinghu.commands.__path__):
        module = importlib.import_module(f"yinghu.commands.{info.name}")
        name = getattr(module, "NAME", info.name)
        sub = choices.add_parser(
            name, help=module.HELP, description=module.HELP, allow_abbrev=False
        )
        if hasattr(module, "configure"):
            module.configure(sub)
        sub.set_defaults(command=module)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code (2 for a usage or environment error)."""
    # Photos, rejected rows, exports and logs are private to the user who runs this.
    os.umask(0o077)
    args = parser().parse_args(arguments)
    needs = getattr(args.command, "NEEDS", Needs.DATABASE)
    from yinghu.config.env_source import EnvError
    from yinghu.config.environment import Environment
    from yinghu.server import embedded
    from yinghu.server.cluster import EmbeddedError

    with contextlib.ExitStack() as stack:
        try:
            if needs is not Needs.NOTHING:
                environment = Environment()
                if environment.embedded:
                    stack.enter_context(embedded.run_server(environment.home))
                _django(stack)
            return int(args.command.run(args) or 0)
        except EnvError as error:
            for problem in error.problems:
                print(f"yinghu: {problem}", file=sys.stderr)
            return 2
        except EmbeddedError as error:
            print(f"yinghu: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        except BrokenPipeError:
            # The reader of our output has gone; Python must not flush to it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141


def _django(stack: contextlib.ExitStack) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yinghu.config.settings")
    django.setup()
    from django.db.backends.postgresql.base import DatabaseWrapper

    def close() -> None:
        connections.close_all()
        for connection in connections.all(initialized_only=True):
            if isinstance(connection, DatabaseWrapper):
                connection.close_pool()

    # Runs before the database stops, while the pools' threads still have a server.
    stack.callback(close)
