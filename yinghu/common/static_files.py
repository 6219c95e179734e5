"""Static files: collected once, compressed, and served from memory.

File names contain a content hash, so browsers may cache them for ever. Granian's own static mount
does not compress, which is half a megabyte of styles for a phone.
"""

import fcntl
import gzip
import hashlib
import mimetypes
import os
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

PREFIX = "/static/"
_HASHED = re.compile(r"\.[0-9a-f]{12}\.")
_PACKABLE = ("text/", "application/javascript", "application/json", "image/svg+xml")
_STAMP = ".stamp"


class StaticFile(NamedTuple):
    """A file to serve; `packed` is empty if compression gains nothing."""

    content: bytes
    packed: bytes
    headers: list[tuple[bytes, bytes]]


def collect(root: Path) -> bool:
    """Collect the static files of all apps in `root` unless present; return whether it did."""
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = os.stat(storage.path(name))
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    stamp = digest.hexdigest()
    root.mkdir(parents=True, exist_ok=True)
    with (root.parent / f".{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = root / _STAMP
        if mark.is_file() and mark.read_text() == stamp:
            return False
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        mark.write_text(stamp)
    return True


@lru_cache(maxsize=1024)
def _read(root: Path, name: str) -> StaticFile | None:
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root.resolve()) or path.name == _STAMP or not path.is_file():
            return None
        content = path.read_bytes()
    except (OSError, ValueError):
        # Not a valid file name: too long, or with a NUL.
        return None
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = b""
    if kind.startswith(_PACKABLE):
        packed = gzip.compress(content, 9, mtime=0)
        if len(packed) > 0.9 * len(content):
            packed = b""
    if kind.startswith(("text/", "application/javascript")):
        kind += "; charset=utf-8"
    keep = b"public, max-age=31536000, immutable" if _HASHED.search(name) else b"max-age=300"
    etag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'.encode()
    headers = [
        (b"content-type", kind.encode()),
        (b"cache-control", keep),
        (b"etag", etag),
        (b"vary", b"accept-encoding"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return StaticFile(content, packed, headers)


def application(root: Path) -> Callable[..., Awaitable[None]]:
    """Return an ASGI application that serves `root` at `/static/`, 404 otherwise."""

    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        name = scope["path"].removeprefix(PREFIX)
        found = _read(root, name)
        asked = dict(scope["headers"])
        headers, body, status = [(b"content-type", b"text/plain")], b"", 200
        if found is None:
            status = 404
        elif scope["method"] not in {"GET", "HEAD"}:
            headers, status = [*headers, (b"allow", b"GET, HEAD, OPTIONS")], 405
            if scope["method"] == "OPTIONS":
                status = 204
        else:
            headers, body = list(found.headers), found.content
            if asked.get(b"if-none-match") == dict(headers)[b"etag"]:
                status, body = 304, b""
            elif found.packed and b"gzip" in asked.get(b"accept-encoding", b""):
                body = found.packed
                headers.append((b"content-encoding", b"gzip"))
        if status not in {204, 304}:
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body})

    return serve
