"""`yinghu up`: runs database, web server and worker on one machine."""

import argparse
import sys

from django.conf import settings
from django.db import connections

HELP = "start everything: database, web, worker; load the demo city once in demo mode"


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    from yinghu.site import supervisor

    environment = settings.ENV
    try:
        supervisor.require_free_port(environment.host, environment.port)
        supervisor.prepare(environment)
    except supervisor.ServeError as error:
        print(f"yinghu: {error}", file=sys.stderr)
        return 1
    connections.close_all()
    return supervisor.run_children(
        environment, lambda: announce(environment.site_url, environment.demo)
    )


def announce(site_url: str, demo: bool) -> None:
    """Print the site's address and, in demo mode, its logins."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if demo:
        from yinghu.demo import logins

        table = Table("login", "who", title="\nDemo: log in with one click")
        for name, words in logins():
            table.add_row(name, words)
        console.print(table)
    console.print(f"\n应呼 Yinghu: [bold]{site_url}/[/bold]    (Ctrl-C stops it)\n")
    console.file.flush()
