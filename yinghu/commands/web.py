"""`yinghu web`: runs the web server alone."""

import argparse
import resource
import sys
from typing import Any

from django.conf import settings

HELP = "serve pages, the API and live updates"

MAX_CONNECTIONS = 8192
"""Connections of one process. Every open page holds one (`web.live.stream.MAX_VIEWERS`)."""

IDLE_SECONDS = 65
"""Idle timeout of connections; longer than the 60 seconds of common proxies."""


LOCK_SECONDS = 3
STATEMENT_SECONDS = 20
CONNECTION_SECONDS = 5
"""Seconds that a request waits for a locked row, for one statement, and for a connection."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add `--parent`, which only the supervisor uses."""
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; finishes running requests first."""
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server import Server

    from yinghu.common import static_files
    from yinghu.site import supervisor

    if args.parent is not None:
        supervisor.die_with(args.parent)
    environment = settings.ENV
    try:
        # Processes of a killed web server take a moment to release the port.
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
        # Protocol detection would wait for the first byte without a timeout.
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
    """Raise the limit of open files, or warn if it cannot be raised enough."""
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


def _limit_database_waits(database: dict[str, Any]) -> None:
    """Let no request wait long for a locked row, a slow statement or a connection: it holds one of
    few threads, and other pages would wait for it.
    """
    options = database["OPTIONS"]
    limits = f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s"
    options["options"] = f"{options.get('options', '')} {limits}".strip()
    options["pool"] = options["pool"] | {"timeout": CONNECTION_SECONDS}


def _application() -> Any:
    from yinghu.site import supervisor

    supervisor.die_with(None)
    _limit_database_waits(settings.DATABASES["default"])
    from yinghu.site.asgi import application

    return application
