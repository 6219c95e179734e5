"""`yinghu web`: the web server alone."""

from __future__ import annotations

import argparse
import sys
from typing import Any

NAME = "web"
HELP = "serve pages, the API and live updates"


def configure(parser: argparse.ArgumentParser) -> None:
    """`--parent` is the supervisor's own."""
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished first."""
    from django.conf import settings
    from granian.constants import Interfaces
    from granian.server import Server

    from yinghu import serve, statics

    if args.parent is not None:
        serve.die_with(args.parent)
    environment = settings.ENV
    try:
        # The processes of a web server that was killed take a moment to leave the port.
        serve.require_free_port(
            environment.host, environment.port, patience=0 if args.parent is None else 15
        )
    except serve.ServeError as error:
        print(f"yinghu: {error}", file=sys.stderr)
        return 1
    if not settings.DEBUG:
        statics.collect(settings.STATIC_ROOT)
    server = Server(
        "yinghu.asgi:application",
        address=environment.host,
        port=environment.port,
        interface=Interfaces.ASGI,
        workers=environment.web_processes,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}},
    )
    server.serve(target_loader=_application, wrap_loader=False)
    return 0


def _application() -> Any:
    from yinghu import serve

    serve.die_with(None)
    from yinghu.asgi import application

    return application
