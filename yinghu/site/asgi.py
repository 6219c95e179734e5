"""ASGI entry point: finds the true sender and routes to Django or to an application of DOORS.

DOORS lists the endpoints for high load, which are plain ASGI applications beside Django.
"""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from yinghu.common.request_limits import MAX_BODY_WITH_PHOTOS, TooLarge, TooSlow, bounded, most_for

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

DOORS: dict[tuple[str, str], str] = {
    ("POST", "/api/v1/appeals"): "yinghu.api.intake:application",
    ("GET", "/live"): "yinghu.web.live.stream:application",
}
"""(method, path) -> "module:application". The module may have `lifespan()`, an asynchronous context
manager that is entered for as long as the web process serves."""

_FORWARDING = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-real-ip",
    }
)


def resolve_sender(scope: Scope, trusted: Sequence[Any]) -> None:
    """Put the true sender's address and scheme into `scope`, and remove forwarding headers.

    X-Forwarded-For is read from the right, only as far as `trusted` proxies wrote it.
    `scope["state"]["forwarded"]` says whether the request had forwarding headers.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if (client := scope.get("client")) and ":" in client[0]:
        scope["client"] = (_unmapped(client[0]), client[1])
    claims = [(name, value) for name, value in headers if name in _FORWARDING]
    scope.setdefault("state", {})["forwarded"] = bool(claims)
    if not claims:
        return
    scope["headers"] = [header for header in headers if header[0] not in _FORWARDING]
    client = scope.get("client") or ("", 0)
    if not _is_trusted(client[0], trusted):
        return
    hops = b",".join(value for name, value in claims if name == b"x-forwarded-for")
    address = client[0]
    for hop in reversed([part.strip().decode("latin-1") for part in hops.split(b",")]):
        try:
            address = _unmapped(str(ipaddress.ip_address(hop.strip("[]"))))
        except ValueError:
            break
        if not _is_trusted(address, trusted):
            break
    scope["client"] = (address, 0 if address != client[0] else client[1])
    scheme = next((value for name, value in claims if name == b"x-forwarded-proto"), b"")
    if scheme in {b"http", b"https"}:
        scope["scheme"] = scheme.decode()


_REFUSALS = {
    413: "太大了，请少传几张照片。 Too large; please send fewer photos.",
    408: "网络太慢，没有收到，请再试一次。 The network was too slow; please try again.",
}


async def _refuse(scope: Scope, send: Any, error: TooLarge | TooSlow) -> None:
    """Answer and close the connection, with the rest of the body unread."""
    from yinghu.api import problems

    code = 413 if isinstance(error, TooLarge) else 408
    kind, body = "text/plain; charset=utf-8", _REFUSALS[code].encode()
    if scope["path"].startswith("/api/"):
        accepted = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
        with problems.in_language(problems.language_of(accepted)):
            kind, body = problems.MEDIA_TYPE, problems.of_status(code).body()
    headers = [(b"content-type", kind.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _unmapped(address: str) -> str:
    """Convert ::ffff:10.0.0.1, as a server on IPv6 writes IPv4 addresses, to 10.0.0.1."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return str(mapped or ip)


def _is_trusted(address: str, trusted: Sequence[Any]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in trusted)


def _load(target: str) -> tuple[Any, App]:
    module_name, _, attribute = target.partition(":")
    module = importlib.import_module(module_name)
    return module, getattr(module, attribute)


def build() -> App:
    """Build the ASGI application of Django and DOORS."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yinghu.config.settings")
    import django
    from django.conf import settings

    django.setup(set_prefix=False)
    from yinghu.common import static_files
    from yinghu.common.concurrency_limit import PooledHandler
    from yinghu.config.log_config import without_secrets
    from yinghu.site import health

    django_app: App = PooledHandler()
    modules, doors = [], {}
    for key, target in DOORS.items():
        module, app = _load(target)
        doors[key] = app
        if module not in modules:
            modules.append(module)
    static_app = None if settings.DEBUG else static_files.application(settings.STATIC_ROOT)
    trusted = settings.ENV.trusted_proxies
    log = structlog.get_logger("yinghu.web")

    async def lifespan(receive: Any, send: Any) -> None:
        async with contextlib.AsyncExitStack() as stack:
            await receive()
            try:
                for module in modules:
                    if hasattr(module, "lifespan"):
                        await stack.enter_async_context(module.lifespan())
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
        heard = bounded(receive, MAX_BODY_WITH_PHOTOS if door else most_for(path))
        try:
            with health.in_progress(name):
                await (door or django_app)(scope, heard, watched)
        except (TooLarge, TooSlow) as error:
            log.warning(
                "a body was not taken", why=type(error).__name__, path=without_secrets(path)
            )
            await _refuse(scope, watched, error)

    return application


application = build()
