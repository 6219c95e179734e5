"""ASGI entry point: finds the true sender and routes to Django or to an application of DOORS.

DOORS lists the endpoints for high load, which are plain ASGI applications beside Django.
"""

import contextlib
import importlib
import ipaddress
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from yinghu.common.request_limits import (
    MAX_BODY_BYTES,
    MAX_BODY_WITH_PHOTOS,
    WITH_PHOTOS,
    Malformed,
    TooLarge,
    TooSlow,
    bounded,
)
from yinghu.site.doors import DOORS

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

_FORWARDING = {
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-proto",
    b"x-real-ip",
}


def resolve_sender(scope: Scope, trusted: Sequence[Any]) -> None:
    """Put the true sender's address and scheme into `scope`, and remove forwarding headers.

    X-Forwarded-For is read from the right, only as far as `trusted` proxies wrote it.
    `scope["state"]["forwarded"]` says whether the request had forwarding headers.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if (client := scope.get("client")) and ":" in client[0]:
        scope["client"] = (str(_parse_address(client[0]) or client[0]), client[1])
    claims = [(name, value) for name, value in headers if name in _FORWARDING]
    scope.setdefault("state", {})["forwarded"] = bool(claims)
    if not claims:
        return
    scope["headers"] = [header for header in headers if header[0] not in _FORWARDING]
    client = scope.get("client") or ("", 0)
    ip = _parse_address(client[0])
    if ip is None or not any(ip in network for network in trusted):
        return
    hops = b",".join(value for name, value in claims if name == b"x-forwarded-for")
    address = client[0]
    for hop in reversed([part.strip().decode("latin-1") for part in hops.split(b",")]):
        ip = _parse_address(hop.strip("[]"))
        if ip is None:
            break
        address = str(ip)
        if not any(ip in network for network in trusted):
            break
    scope["client"] = (address, 0 if address != client[0] else client[1])
    scheme = next((value for name, value in claims if name == b"x-forwarded-proto"), b"")
    if scheme in {b"http", b"https"}:
        scope["scheme"] = scheme.decode()


_REFUSALS = {
    400: "内容没有收全，请再试一次。 The request was incomplete or malformed; please try again.",
    413: "太大了，请少传几张照片。 Too large; please send fewer photos.",
    408: "网络太慢，没有收到，请再试一次。 The network was too slow; please try again.",
}


_STATUS = {TooLarge: 413, TooSlow: 408, Malformed: 400}


async def _refuse(scope: Scope, send: Any, error: TooLarge | TooSlow | Malformed) -> None:
    """Answer and close the connection, with the rest of the body unread."""
    from django.utils.translation import override

    from yinghu.api import problems

    code = _STATUS[type(error)]
    kind, body = "text/plain; charset=utf-8", _REFUSALS[code].encode()
    if scope["path"].startswith("/api/"):
        accepted = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
        with override(problems.language_of(accepted)):
            kind, body = problems.MEDIA_TYPE, problems.of_status(code).body()
    headers = [(b"content-type", kind.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _parse_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an address; a server on IPv6 writes 10.0.0.1 as ::ffff:10.0.0.1."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def build() -> App:
    """Build the ASGI application of Django and DOORS."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yinghu.config.settings")
    import django
    from django.conf import settings

    django.setup(set_prefix=False)
    from yinghu.common import pinyin, static_files
    from yinghu.common.concurrency_limit import PooledHandler
    from yinghu.config.log_config import without_secrets
    from yinghu.site import health

    django_app: App = PooledHandler()
    doors = {key: importlib.import_module(name) for key, name in DOORS.items()}
    static_app = None if settings.DEBUG else static_files.application(settings.STATIC_ROOT)
    trusted = settings.ENV.trusted_proxies
    # Loads the dictionary, for which the first request would wait.
    pinyin.initials("应呼")
    log = structlog.get_logger("yinghu.web")

    async def lifespan(receive: Any, send: Any) -> None:
        async with contextlib.AsyncExitStack() as stack:
            await receive()
            try:
                for door in doors.values():
                    await stack.enter_async_context(door.lifespan())
            except Exception:
                log.exception("a door could not be opened")
                await send({"type": "lifespan.startup.failed", "message": "see the log above"})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def application(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        if scope["type"] != "http":
            # No WebSockets: live updates are server-sent events.
            await send({"type": "websocket.close", "code": 1000})
            return
        resolve_sender(scope, trusted)
        path = scope["path"]
        if static_app is not None and path.startswith(static_files.PREFIX):
            await static_app(scope, receive, send)
            return
        door = doors.get((scope["method"], path))
        name = path if door else "django"
        start, status = time.perf_counter(), 500

        async def watched(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                health.observe(name, scope["method"], status, time.perf_counter() - start)
            await send(message)

        # DOORS have stricter limits of their own.
        large = door or path.startswith(WITH_PHOTOS)
        heard = bounded(receive, MAX_BODY_WITH_PHOTOS if large else MAX_BODY_BYTES)
        try:
            with health.in_progress(name):
                await (door.application if door else django_app)(scope, heard, watched)
        except (TooLarge, TooSlow, Malformed) as error:
            why = type(error).__name__
            log.warning("a body was not taken", why=why, path=without_secrets(path))
            await _refuse(scope, watched, error)

    return application


application = build()
