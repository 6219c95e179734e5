"""`yinghu web`: the web server alone."""

from __future__ import annotations

import argparse
import resource
import sys
from typing import Any

NAME = "web"
HELP = "serve pages, the API and live updates"

MAX_CONNECTIONS = 8192
"""Of one process at a time. Every open page is one (`web.live.MAX_VIEWERS`), and the server stops
answering when there is none left."""

IDLE_SECONDS = 65
"""Until a connection on which nobody says anything is closed; a proxy keeps its own for 60."""


def configure(parser: argparse.ArgumentParser) -> None:
    """`--parent` is the supervisor's own."""
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished first."""
    from django.conf import settings
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server import Server

    from yinghu.common import static_files
    from yinghu.site import supervisor

    if args.parent is not None:
        supervisor.die_with(args.parent)
    environment = settings.ENV
    try:
        # The processes of a web server that was killed take a moment to leave the port.
        supervisor.require_free_port(
            environment.host, environment.port, patience=0 if args.parent is None else 15
        )
    except supervisor.ServeError as error:
        print(f"yinghu: {error}", file=sys.stderr)
        return 1
    if not settings.DEBUG:
        static_files.collect(settings.STATIC_ROOT)
    _allow_open_files(MAX_CONNECTIONS + 256)
    server = Server(
        "yinghu.site.asgi:application",
        address=environment.host,
        port=environment.port,
        interface=Interfaces.ASGI,
        workers=environment.web_processes,
        # Where it has to find out by itself, it waits for ever for somebody's first word.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_SECONDS * 1000),
        backpressure=MAX_CONNECTIONS,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}},
    )
    server.serve(target_loader=_application, wrap_loader=False)
    return 0


def _allow_open_files(wanted: int) -> None:
    """Let this process and its children have that many files and connections open, or say so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return
    allowed = wanted if hard == unlimited else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        print(
            f"yinghu: only {allowed} files may be open, too few for {MAX_CONNECTIONS} connections;"
            f" allow {wanted} (ulimit -Hn, LimitNOFILE)",
            file=sys.stderr,
        )


def _application() -> Any:
    from yinghu.site import supervisor

    supervisor.die_with(None)
    from yinghu.site.asgi import application

    return application
